"""One behaviour for the store on S3 and for its twin."""

import zlib

import pytest
import urllib3

from jobs.errors import Rejected, StoreUnavailable
from jobs.s3 import connect_s3
from pipeline.memory import MemoryStore
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
    return StoredObject(**{"key": key, "data": data, "content_type": "image/jpeg", "crc32": zlib.crc32(data)} | changes)


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


@pytest.mark.server
def test_anybody_may_fetch_a_presigned_address_and_keep_what_it_gives_for_ever(stack):
    store = s3_store(stack.settings)
    store.write_all([stored("t/public.jpg", b"pixels")])

    reply = urllib3.request("GET", store.url("t/public.jpg", seconds=60))

    assert (reply.status, reply.data) == (200, b"pixels")
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert urllib3.request("GET", store.url("t/public.jpg", seconds=60).split("?")[0]).status == 403
