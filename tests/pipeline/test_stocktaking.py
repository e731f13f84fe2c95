"""An audit on the twins: what it calls missing, altered, orphan and foreign, and what it leaves alone."""

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.errors import StoreUnavailable
from jobs.job import Order, Publication, Rendition
from jobs.memory import MemoryLedger
from jobs.memory_inventory import MemoryInventory
from pipeline.audit import Fault, Folder, Known, Measured, Place, differs, judge, line_up
from pipeline.memory import MemoryStore
from pipeline.services import Listed, StoredObject
from pipeline.stocktaking import Audit, Terms

DAY = 86_400
OWNER = 7


class Yard:
    """A ledger and a store whose clocks a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 2, 3, tzinfo=UTC)
        self.ledger = MemoryLedger(clock=lambda: self.now)
        self.inventory = MemoryInventory(self.ledger)
        self.store = MemoryStore(clock=lambda: self.now)

    def put(self, key: str, data: bytes | None = None) -> None:
        data = key.encode() if data is None else data
        self.store.write_all([StoredObject(key=key, data=data, content_type="image/jpeg", crc32=zlib.crc32(data))])

    def spoil(self, key: str, data: bytes) -> None:
        """Other bytes with the checksum that the store noted for the first ones."""
        self.store.objects[key] = replace(self.store.objects[key], data=data)

    def published(self, *files: str, number: int = 1) -> int:
        source_key = f"o/{OWNER}/{number:032x}"
        self.put(source_key, b"original")
        receipt = self.ledger.submit(Order(owner_id=OWNER, key=f"{number}", source_key=source_key))
        job = self.ledger.claim(receipt.job_id, "w", 60)
        assert job
        keys = [f"m/{job.media_id}/{file}" for file in files]
        for key in keys:
            self.put(key)
        made = tuple(
            Rendition(name=key, width=7, height=5, bytes=len(key), crc32=zlib.crc32(key.encode()), key=key)
            for key in keys
        )
        digest = "0682c5f2076f099c34cfdd15a9e063849ed437a49677e6fcc5b4198c76575be5"  # sha256sum of "original"
        done = Publication(sha256=digest, width=7, height=5, facts={}, renditions=made, timings={})
        assert self.ledger.finish(job, done)
        return job.media_id

    def later(self, seconds: float = DAY + 1) -> None:
        self.now += timedelta(seconds=seconds)

    def audit(self, **terms) -> Audit:
        return Audit(self.store, self.inventory, Terms(**{"page": 2} | terms))

    def found(self, **terms) -> dict[str, Fault]:
        return {finding.key: finding.fault for finding in self.audit(**terms).findings()}


@pytest.fixture
def yard() -> Yard:
    return Yard()


def test_a_store_that_holds_what_is_known_and_no_more_is_clean(yard):
    for number in range(1, 12):  # media of one and of two digits
        yard.published("a.jpg", "b.jpg", number=number)
    yard.later()
    seen = []

    assert list(yard.audit().findings(seen.append)) == []
    assert sum(seen) == 33


def test_what_was_published_and_is_not_there_is_missing_and_so_is_its_original(yard):
    media_id = yard.published("a.jpg", "b.jpg")
    original = yard.ledger.media(media_id).source_key
    yard.store.remove([f"m/{media_id}/a.jpg", original])

    assert yard.found() == {f"m/{media_id}/a.jpg": Fault.MISSING, original: Fault.MISSING}
    assert {finding.media_id for finding in yard.audit().findings()} == {media_id}


def test_an_original_of_which_nothing_was_published_yet_may_be_absent(yard):
    yard.ledger.submit(Order(owner_id=OWNER, key="k", source_key=f"o/{OWNER}/{5:032x}"))

    assert yard.found() == {}


def test_other_bytes_are_altered_by_size_or_checksum(yard):
    media_id = yard.published("a.jpg", "b.jpg")
    a, b = (f"m/{media_id}/{name}.jpg" for name in "ab")
    yard.put(a, b"longer than it was")
    yard.put(b, b"B" * len(b))

    assert yard.found() == {a: Fault.ALTERED, b: Fault.ALTERED}


def test_bytes_that_rot_under_a_right_checksum_are_found_by_reading_them(yard):
    media_id = yard.published("a.jpg")
    rendition, original = f"m/{media_id}/a.jpg", yard.ledger.media(media_id).source_key
    yard.spoil(rendition, b"?" * len(rendition))
    yard.spoil(original, b"Original")

    assert yard.found() == {}
    assert yard.found(deep=True) == {rendition: Fault.ALTERED, original: Fault.ALTERED}


def test_what_a_crash_left_is_an_orphan_once_it_is_older_than_the_age_and_no_job_is_open(yard):
    media_id = yard.published("a.jpg")
    stray = f"m/{media_id}/stray.jpg"
    yard.put(stray)
    yard.later(DAY - 1)
    assert yard.found() == {}

    yard.later(2)
    assert yard.found() == {stray: Fault.ORPHAN}

    source_key = yard.ledger.media(media_id).source_key
    yard.ledger.submit(Order(owner_id=OWNER, key="more", source_key=source_key, media_id=media_id))
    assert yard.found() == {}


def test_an_upload_that_was_never_submitted_is_an_orphan(yard):
    key = f"o/{OWNER}/{9:032x}"
    yard.put(key)
    yard.later()

    (finding,) = yard.audit().findings()
    assert (finding.key, finding.fault) == (key, Fault.ORPHAN)
    assert yard.audit().sweep(finding)
    assert (key in yard.store.objects, yard.ledger.is_removed(key)) == (False, True)


def test_what_is_none_of_ours_is_foreign_and_never_swept(yard):
    keys = ("doctor/probe", "m/x/1.jpg", "m/404/1.jpg", "m/4/deeper/1.jpg", "o/notes.txt", f"m/{1 << 63}/1.jpg")
    for key in keys:
        yard.put(key)
    yard.later()

    assert yard.found() == dict.fromkeys(keys, Fault.FOREIGN)


def test_an_original_at_a_key_of_the_callers_own_is_not_foreign(yard):
    yard.put("import/photo.jpg")
    yard.ledger.submit(Order(owner_id=OWNER, key="k", source_key="import/photo.jpg"))

    assert yard.found() == {}


def test_an_orphan_that_is_published_before_it_is_swept_stays(yard):
    media_id = yard.published("a.jpg")
    key = f"m/{media_id}/b.jpg"
    yard.put(key)
    yard.later()
    (finding,) = yard.audit().findings()
    source_key = yard.ledger.media(media_id).source_key
    yard.ledger.submit(Order(owner_id=OWNER, key="more", source_key=source_key, media_id=media_id))

    assert not yard.audit().sweep(finding)
    assert key in yard.store.objects


def test_what_goes_on_while_the_bucket_is_listed_is_no_finding(yard):
    first, second = yard.published("a.jpg", number=1), yard.published("a.jpg", number=2)
    findings = yard.audit(page=1).findings()
    known = yard.inventory.shelves

    def delete_after_the_page(after, before, limit):
        page = known(after, before, limit)
        for media_id in (first, second):
            yard.ledger.delete_media(media_id)
            yard.store.remove([key for key in yard.store.objects if key.startswith(f"m/{media_id}/")])
        return page

    yard.inventory.shelves = delete_after_the_page
    assert [finding.fault for finding in findings if finding.key[0] == "m"] == []


def test_a_store_that_lists_out_of_order_makes_no_finding(yard):
    """As one does that keeps keys in folders and sorts those."""
    for number in range(1, 6):
        yard.published("a.jpg", "b.jpg", number=number)
    yard.later()
    pages = sorted(yard.store.listed("", "", 1000), key=lambda each: each.key, reverse=True)
    yard.store.listed = lambda prefix, after, limit: [] if after else pages

    assert yard.found() == {}


def test_a_store_that_is_away_ends_the_audit(yard):
    yard.published("a.jpg")

    def fail(*_):
        raise StoreUnavailable("away")

    yard.store.crc32 = fail
    with pytest.raises(StoreUnavailable):
        yard.found()


# The decisions alone


def listed(key: str, age_seconds: float = DAY) -> Listed:
    return Listed(key=key, bytes=3, age_seconds=age_seconds)


def test_two_streams_are_lined_up_by_key_and_an_open_folder_covers_what_lies_in_it_alone():
    known = [
        Folder(key="m/1/", is_open=True),
        Known(key="m/1/b", media_id=1),
        Folder(key="m/10/", is_open=False),
        Known(key="m/2/a", media_id=2),
    ]
    stored = [listed(key) for key in ("m/1/a", "m/1/b", "m/10/a", "m/2/b", "o/1/x")]

    places = [
        (place.key, len(place.known), place.stored is not None, place.is_open) for place in line_up(known, stored)
    ]

    assert places == [
        ("m/1/a", 0, True, True),
        ("m/1/b", 1, True, True),
        ("m/10/a", 0, True, False),
        ("m/2/a", 1, False, False),
        ("m/2/b", 0, True, False),
        ("o/1/x", 0, True, False),
    ]


@pytest.mark.parametrize(("age_seconds", "fault"), [(99.9, None), (100, Fault.ORPHAN)])
def test_the_age_is_reached_at_its_second(age_seconds, fault):
    place = Place(key="m/1/a", known=(), stored=listed("m/1/a", age_seconds), is_open=False)

    assert judge(place, None, older_than_seconds=100) is fault


def test_bytes_differ_by_any_figure_that_both_sides_have():
    known = Known(key="k", media_id=1, bytes=3, crc32=4, sha256="aa")

    assert not differs(known, Measured(bytes=3))
    assert not differs(known, Measured(bytes=3, crc32=4, sha256="aa"))
    others = (Measured(bytes=2), Measured(bytes=3, crc32=5), Measured(bytes=3, sha256="ab"))
    assert all(differs(known, other) for other in others)
