"""The way of a photo over twins: what ends up in the store and in the ledger."""

import hashlib
import zlib
from dataclasses import replace

import pytest

from config import LADDERS, Limits
from filters.recipe import parse_recipe
from jobs.errors import HandsDied, NewerRecipe, Rejected, StoreUnavailable
from jobs.job import JobState, Order
from jobs.memory import MemoryLedger
from jobs.quarantine import Gate
from jobs.quarantine_memory import MemoryQuarantine
from pipeline.memory import MemoryStore
from pipeline.process import process_photo
from pipeline.services import Edits, Encoded, Rendered, Services, StoredObject

ORIGINAL = b"a photo of 5x7"


class PaintedHands:
    """Hands that make of every original a rendition a preset, named and coloured after it."""

    def __init__(self):
        self.edits = []

    def render(self, original, ladder, edits, on_wait):
        on_wait()
        self.edits.append(edits)
        images = tuple(
            Encoded(
                name=preset.name,
                width=min(5, preset.width),
                height=7,
                content_type="image/jpeg",
                extension="jpg",
                data=preset.name.encode() + original,
            )
            for preset in LADDERS[ladder]
        )
        return Rendered(width=5, height=7, facts={"format": "jpeg"}, images=images, timings={"decode_cpu_ms": 1.0})


class FailingHands:
    def __init__(self, error):
        self.error = error

    def render(self, original, ladder, edits, on_wait):
        raise self.error


def outside(hands=None):
    store = MemoryStore()
    store.write_all([StoredObject(key="o/1", data=ORIGINAL, content_type="image/jpeg", crc32=zlib.crc32(ORIGINAL))])
    ledger = MemoryLedger()
    gate = Gate(MemoryQuarantine(ledger))
    return Services(store=store, ledger=ledger, hands=hands or PaintedHands(), quarantine=gate)


def claimed(services, ladder="standard", **changes):
    asked = {"owner_id": 7, "key": "k", "source_key": "o/1", "ladder": ladder}
    receipt = services.ledger.submit(Order(**asked | changes))
    return services.ledger.claim(receipt.job_id, "worker", 15)


def process(job, services, **limits):
    return process_photo(job, services, Limits(**limits), lambda: None)


def test_a_published_media_names_objects_that_are_in_the_store():
    services = outside()
    job = claimed(services)

    assert process(job, services).published

    media = services.ledger.media(job.media_id)
    assert (media.state, media.sha256) == ("ready", hashlib.sha256(ORIGINAL).hexdigest())
    assert (media.height, media.width, media.facts) == (7, 5, {"format": "jpeg"})
    assert {rendition.name for rendition in media.renditions} == {"w1080", "w640", "w320", "s150"}
    for rendition in media.renditions:
        data = services.store.read(rendition.key, 1000)
        assert data == rendition.name.encode() + ORIGINAL
        assert (rendition.bytes, rendition.crc32) == (len(data), zlib.crc32(data))


def test_a_second_run_writes_the_same_keys_and_no_others():
    services = outside()
    first = claimed(services)
    process(first, services)
    keys = set(services.store.objects)

    process(first, services)

    assert set(services.store.objects) == keys


def test_an_overtaken_run_says_so_and_publishes_nothing():
    services = outside()
    stale = claimed(services)
    services.ledger.release("worker")
    services.ledger.claim(stale.job_id, "another", 15)

    assert not process(stale, services).published
    assert services.ledger.media(stale.media_id).state == "pending"
    assert services.ledger.status(stale.job_id).state is JobState.RUNNING


def test_nothing_is_published_if_the_store_fails():
    class FullStore(MemoryStore):
        def write_all(self, objects):
            if objects[0].key.startswith("m/"):
                raise StoreUnavailable("full")
            super().write_all(objects)

    services = outside()
    store = FullStore()
    store.objects = services.store.objects
    services = replace(services, store=store)
    job = claimed(services)

    with pytest.raises(StoreUnavailable):
        process(job, services)
    assert services.ledger.media(job.media_id).renditions == ()


@pytest.mark.parametrize("error", [Rejected("corrupt", "no photo"), HandsDied("SIGSEGV")])
def test_nothing_is_stored_if_the_render_fails(error):
    services = outside(FailingHands(error))
    job = claimed(services)

    with pytest.raises(type(error)):
        process(job, services)
    assert set(services.store.objects) == {"o/1"}


def test_an_original_over_the_limit_never_reaches_the_hands():
    services = outside(FailingHands(AssertionError("the hands were asked")))
    job = claimed(services)

    with pytest.raises(Rejected) as rejected:
        process(job, services, photo_bytes=len(ORIGINAL) - 1)
    assert rejected.value.code == "too_many_bytes"


def test_a_ladder_that_is_gone_is_the_orders_fault_and_not_the_photos():
    services = outside(FailingHands(AssertionError("the hands were asked")))
    job = claimed(services, ladder="gone")

    with pytest.raises(Rejected) as rejected:
        process(job, services)
    assert rejected.value.code == "unknown_ladder"


def test_the_hands_get_the_recipe_of_the_job_and_the_record_keeps_it():
    services = outside()
    recipe = {"adjustments": {"warmth": 20}, "look": {"name": "aden"}}
    job = claimed(services, recipe=recipe)

    process(job, services)

    assert services.hands.edits == [Edits(recipe=parse_recipe(recipe))]
    assert services.ledger.media(job.media_id).recipe == recipe


def test_another_recipe_writes_to_other_keys():
    services = outside()
    process(claimed(services), services)
    plain = set(services.store.objects)

    media_id = services.ledger.jobs(limit=1)[0].media_id
    process(claimed(services, key="edited", media_id=media_id, recipe={"look": {"name": "aden"}}), services)

    assert plain < set(services.store.objects)
    assert len(services.store.objects) == len(plain) + 4
    assert services.ledger.media(media_id).generation == 2


def test_the_bytes_of_a_look_of_ones_own_come_from_the_ledger_once(monkeypatch):
    services, recipe = outside(), {"look": {"name": "summer"}}
    services.ledger.add_look("summer", b"table")

    process(claimed(services, recipe=recipe), services)
    monkeypatch.delattr(MemoryLedger, "look")
    process(claimed(services, key="again", recipe=recipe), services)

    assert [edits.look for edits in services.hands.edits] == [b"table", b"table"]


def test_each_ledger_has_looks_of_its_own():
    for table in (b"one", b"other"):
        services = outside()
        services.ledger.add_look("summer", table)
        process(claimed(services, recipe={"look": {"name": "summer"}}), services)
        assert services.hands.edits[0].look == table


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ({"look": {"name": "built-in-next-year"}}, "no look built-in-next-year"),
        ({"adjustments": {"glow": 20}}, "adjustments.glow"),
        ({"adjustments": {"warmth": 1000}}, "adjustments.warmth"),
        ({"layers": []}, "layers"),
    ],
)
def test_a_recipe_that_this_release_does_not_understand_is_left_for_a_newer_worker(recipe, says):
    services = outside(FailingHands(AssertionError("the hands were asked")))

    with pytest.raises(NewerRecipe, match=says):
        process(claimed(services, recipe=recipe), services)
    assert set(services.store.objects) == {"o/1"}


def test_every_stage_is_timed_and_the_hands_own_stages_are_kept():
    services = outside()

    timings = process(claimed(services), services).timings

    stages = {name.removesuffix("_wall_ms") for name in timings if name.endswith("_wall_ms")}
    assert stages == {"fetch", "hands", "store", "publish"}
    assert timings["decode_cpu_ms"] == 1.0
