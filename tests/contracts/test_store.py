"""One behaviour for the store on S3 and for its twin."""

import os
import zlib
from contextlib import contextmanager

import pytest
import urllib3

from jobs.errors import Rejected, StoreUnavailable
from jobs.s3 import connect_s3
from pipeline.memory import MemoryStore
from pipeline.openfile import opened_file, opened_folder
from pipeline.removal import remove_folder
from pipeline.s3 import S3Store
from pipeline.services import StoredObject


@pytest.fixture(params=["twin", pytest.param("S3", marks=pytest.mark.server)])
def store(request):
    if request.param == "twin":
        return MemoryStore()
    return s3_store(request.getfixturevalue("stack").settings)


def s3_store(settings):
    return S3Store(connect_s3(settings), settings.s3_bucket)


def stored(key, data, **changes):
    known = {"crc32": zlib.crc32(data)} if "crc32" not in changes else {}
    return StoredObject(**{"key": key, "data": data, "content_type": "image/jpeg"} | known | changes)


def test_what_was_written_reads_back(store):
    objects = [stored(f"t/back/{number}.jpg", bytes([number]) * 1000 * number) for number in range(1, 8)]

    store.write_all(objects)

    assert [store.read(each.key, 10_000) for each in objects] == [each.data for each in objects]


def test_a_view_of_bytes_is_as_good_as_bytes(store):
    store.write_all([stored("t/view.jpg", memoryview(b"0123456789")[2:5])])

    assert store.read("t/view.jpg", 100) == b"234"


def test_writing_again_changes_nothing(store):
    for _ in range(2):
        store.write_all([stored("t/again.jpg", b"the same")])

    assert store.read("t/again.jpg", 100) == b"the same"


def test_an_object_of_exactly_the_limit_is_read_and_one_byte_more_is_rejected(store):
    store.write_all([stored("t/limit.jpg", b"12345")])

    assert store.read("t/limit.jpg", 5) == b"12345"
    with pytest.raises(Rejected) as rejected:
        store.read("t/limit.jpg", 4)
    assert rejected.value.code == "too_many_bytes"


def test_an_original_that_is_not_there_is_rejected(store):
    with pytest.raises(Rejected) as rejected:
        store.read("t/never-written.jpg", 100)
    assert rejected.value.code == "missing_original"


def test_bytes_that_do_not_match_their_checksum_are_not_taken(store):
    with pytest.raises(StoreUnavailable, match=r"t/broken\.jpg"):
        store.write_all([stored("t/broken.jpg", b"these bytes", crc32=zlib.crc32(b"other bytes"))])
    with pytest.raises(Rejected):
        store.read("t/broken.jpg", 100)


def fetched(store, key, limit, file):
    with file.open("wb") as opened:
        return store.fetch(key, limit, opened)


@contextmanager
def opened(file):
    with opened_folder(file.parent) as folder, opened_file(file.name, folder) as data:
        yield data


def test_of_a_file_that_grows_or_gets_another_name_is_stored_what_it_was_when_it_was_opened(store, tmp_path):
    file = tmp_path / "made"
    file.write_bytes(b"as it was")

    with opened(file) as data:
        file.rename(tmp_path / "moved").write_bytes(b"as it was, and more")
        file.write_bytes(b"other bytes")
        store.write_all([stored("t/grown.mp4", data, crc32=zlib.crc32(b"as it was"))])

    assert store.read("t/grown.mp4", 100) == b"as it was"


@pytest.mark.parametrize("size", [0, 1, 5_000_003], ids=["empty", "a byte", "several pieces"])
def test_a_file_is_stored_and_fetched_as_it_is(store, tmp_path, size):
    file, copy = tmp_path / "made", tmp_path / "copy"
    file.write_bytes(os.urandom(size))

    with opened(file) as data:
        store.write_all([stored(f"t/file/{size}.mp4", data, crc32=zlib.crc32(file.read_bytes()))])

    assert store.size(f"t/file/{size}.mp4") == size
    assert fetched(store, f"t/file/{size}.mp4", 6_000_000, copy) == size
    assert copy.read_bytes() == file.read_bytes()


def test_a_file_that_has_changed_since_its_checksum_was_taken_is_not_stored(store, tmp_path):
    file = tmp_path / "made"
    file.write_bytes(b"as it was")

    with opened(file) as data, pytest.raises(StoreUnavailable, match=r"t/changed\.mp4"):
        store.write_all([stored("t/changed.mp4", data, crc32=zlib.crc32(b"as it is."))])
    with pytest.raises(Rejected):
        store.size("t/changed.mp4")


def test_fetching_takes_exactly_the_limit_and_rejects_one_byte_more(store, tmp_path):
    store.write_all([stored("t/bound.mp4", b"12345")])

    assert fetched(store, "t/bound.mp4", 5, tmp_path / "copy") == 5
    with pytest.raises(Rejected) as rejected:
        fetched(store, "t/bound.mp4", 4, tmp_path / "copy")
    assert rejected.value.code == "too_many_bytes"


def test_what_is_not_there_has_no_size_and_cannot_be_fetched(store, tmp_path):
    for ask in (store.size, lambda key: fetched(store, key, 100, tmp_path / "copy")):
        with pytest.raises(Rejected) as rejected:
            ask("t/nowhere.mp4")
        assert rejected.value.code == "missing_original"


def put(store, *keys):
    store.write_all([stored(key, key.encode()) for key in keys])


def listed(store, prefix, limit):
    """All pages, and how many objects were on each."""
    pages, after = [], ""
    while page := store.listed(prefix, after, limit):
        pages.append(page)
        after = page[-1].key
    return [each for page in pages for each in page], [len(page) for page in pages]


def test_what_begins_with_a_prefix_is_listed_by_key_in_pages(store):
    put(store, *(f"t/list/{name}" for name in ("2", "10/b", "10/a", "1/x", "B", "b", "é")), "t/lisa", "t/list")

    found, pages = listed(store, "t/list/", 3)

    expected = sorted((f"t/list/{name}" for name in ("2", "10/b", "10/a", "1/x", "B", "b", "é")), key=str.encode)
    assert [each.key for each in found] == expected
    assert [each.bytes for each in found] == [len(key.encode()) for key in expected]
    assert pages == [3, 3, 1]


def test_what_was_just_stored_is_young_by_the_stores_own_clock(store):
    put(store, "t/young/1")

    ((each,), _) = listed(store, "t/young/", 10)

    assert -2 <= each.age_seconds < 60


def test_the_store_knows_the_crc_32_of_what_it_holds(store):
    put(store, "t/sum")

    assert store.crc32("t/sum") == zlib.crc32(b"t/sum")
    with pytest.raises(Rejected) as rejected:
        store.crc32("t/never-written.jpg")
    assert rejected.value.code == "missing_original"


@pytest.mark.parametrize("remove", [lambda store, key: store.remove([key]), lambda store, key: store.remove_now(key)])
def test_what_was_removed_is_gone_and_removing_it_again_changes_nothing(store, remove):
    put(store, "t/gone/1", "t/gone/2")

    for _ in range(2):
        remove(store, "t/gone/1")

    assert [each.key for each in listed(store, "t/gone/", 10)[0]] == ["t/gone/2"]


def test_many_are_removed_at_once_and_a_whole_folder_page_by_page(store):
    put(store, *(f"t/many/{n}" for n in range(12)), "t/many", "t/manyfold")

    store.remove([f"t/many/{n}" for n in range(5)])
    assert len(listed(store, "t/many/", 100)[0]) == 7
    remove_folder(store, "t/many/")

    assert [each.key for each in listed(store, "t/many", 100)[0]] == ["t/many", "t/manyfold"]


@pytest.mark.server
def test_anybody_may_fetch_a_presigned_address_and_keep_what_it_gives_for_ever(stack):
    store = s3_store(stack.settings)
    store.write_all([stored("t/public.jpg", b"pixels")])

    reply = urllib3.request("GET", store.url("t/public.jpg", seconds=60))

    assert (reply.status, reply.data) == (200, b"pixels")
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert urllib3.request("GET", store.url("t/public.jpg", seconds=60).split("?")[0]).status == 403
