"""Originals on a real object store."""

import dataclasses
import re
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

from config import Limits
from jobs.errors import Rejected, StoreUnavailable
from jobs.originals import Originals, PresignedUpload, digests, opened
from jobs.s3 import connect_s3

pytestmark = pytest.mark.server
LIMIT = 1000
CLIP_LIMIT = 3000
OWNER = 7
PATIENCE_SECONDS = 60  # of a store on a busy machine; urllib3 has three


@pytest.fixture(scope="module")
def settings(stack):
    return dataclasses.replace(stack.settings, limits=Limits(photo_bytes=LIMIT, clip_bytes=CLIP_LIMIT))


@pytest.fixture(scope="module")
def originals(settings):
    return Originals(settings)


@pytest.fixture(scope="module")
def s3(settings):
    return connect_s3(settings)


@pytest.fixture
def key(request):
    """A caller's key that no other test uses."""
    return request.node.name


def stored(s3, settings, source_key: str) -> bytes:
    return s3.get_object(Bucket=settings.s3_bucket, Key=source_key)["Body"].read()


def is_stored(s3, settings, source_key: str) -> bool:
    return "Contents" in s3.list_objects_v2(Bucket=settings.s3_bucket, Prefix=source_key)


def send(upload: PresignedUpload, data: bytes, url: str | None = None, **instead: str) -> int:
    """Send the bytes as a browser does, which states their number by itself; returns the HTTP status."""
    headers = {name: value for name, value in upload.headers.items() if name != "Content-Length"}
    headers |= {name.replace("_", "-"): value for name, value in instead.items()}
    return urllib3.request(
        "PUT", url or upload.url, body=data, headers=headers, retries=False, timeout=PATIENCE_SECONDS
    ).status


def test_an_original_is_stored_under_a_private_key_without_a_users_text(originals, s3, settings):
    source_key = originals.put(OWNER, "../../Ünser Urlaub.jpg", b"bytes")

    assert re.fullmatch(r"o/7/[0-9a-f]{32}", source_key)
    assert stored(s3, settings, source_key) == b"bytes"


def test_the_same_key_and_bytes_are_stored_once(originals, key):
    assert originals.put(OWNER, key, b"bytes") == originals.put(OWNER, key, b"bytes")


def test_two_owners_may_use_one_key(originals, key):
    assert originals.put(OWNER, key, b"one") != originals.put(OWNER + 1, key, b"other")


def test_other_bytes_by_the_same_key_are_rejected_and_the_first_stay(originals, s3, settings, key):
    source_key = originals.put(OWNER, key, b"first")

    with pytest.raises(Rejected) as caught:
        originals.put(OWNER, key, b"other")

    assert caught.value.code == "key_reused"
    assert stored(s3, settings, source_key) == b"first"


def test_of_many_who_race_for_a_key_with_different_bytes_one_wins(originals, s3, settings, key):
    def put(content: bytes) -> bytes | None:
        try:
            originals.put(OWNER, key, content)
        except Rejected:
            return None
        return content

    with ThreadPoolExecutor(8) as pool:
        winners = [won for won in pool.map(put, [b"%d" % place for place in range(8)]) if won is not None]

    assert winners == [stored(s3, settings, originals.put(OWNER, key, winners[0]))]


def test_a_file_is_stored_as_its_bytes_are(originals, s3, settings, tmp_path, key):
    (tmp_path / "photo").write_bytes(b"x" * LIMIT)

    assert stored(s3, settings, originals.put(OWNER, key, tmp_path / "photo")) == b"x" * LIMIT


def test_an_object_that_lies_elsewhere_is_copied_to_the_owner(originals, s3, settings, key):
    s3.put_object(Bucket=settings.s3_bucket, Key="import/photo.jpg", Body=b"bytes", ContentType="image/jpeg")

    source_key = originals.adopt(OWNER, f"s3://{settings.s3_bucket}/import/photo.jpg", key)

    assert source_key == originals.put(OWNER, key, b"bytes")
    assert stored(s3, settings, source_key) == b"bytes"


def test_a_clip_may_have_more_bytes_than_a_photo_and_no_more_than_a_clips(originals, s3, settings, key):
    clip = b"x" * CLIP_LIMIT
    s3.put_object(Bucket=settings.s3_bucket, Key=f"import/{key}", Body=clip + b"x")

    source_key = originals.put(OWNER, key, clip, "clip")

    assert stored(s3, settings, source_key) == clip
    for put in (
        lambda: originals.put(OWNER, key, clip),
        lambda: originals.put(OWNER, key, clip + b"x", "clip"),
        lambda: originals.adopt(OWNER, f"s3://{settings.s3_bucket}/import/{key}", key, "clip"),
    ):
        with pytest.raises(Rejected) as caught:
            put()
        assert caught.value.code == "too_many_bytes"


def test_the_first_bytes_of_what_lies_elsewhere_can_be_looked_at(originals, s3, settings, key):
    for name, data in (("long", b"0123456789" * 1000), ("short", b"01"), ("empty", b"")):
        s3.put_object(Bucket=settings.s3_bucket, Key=f"peek/{name}", Body=data)

    seen = [originals.peek(f"s3://{settings.s3_bucket}/peek/{name}", 4) for name in ("long", "short", "empty")]

    assert seen == [b"0123", b"01", b""]
    with pytest.raises(Rejected) as caught:
        originals.peek(f"s3://{settings.s3_bucket}/peek/none", 4)
    assert caught.value.code == "missing_original"


def test_a_large_clip_is_never_held_in_memory(settings, s3, key, tmp_path):
    size = 40 << 20
    (tmp_path / "clip").write_bytes(bytes(size))
    s3.upload_file(str(tmp_path / "clip"), settings.s3_bucket, f"import/{key}")
    originals = Originals(dataclasses.replace(settings, limits=Limits()))
    originals.put(OWNER, "small", b"so that all is loaded")

    tracemalloc.start()
    source_keys = [
        originals.put(OWNER, key, tmp_path / "clip", "clip"),
        originals.adopt(OWNER, f"s3://{settings.s3_bucket}/import/{key}", key, "clip"),
    ]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert source_keys[0] == source_keys[1]
    assert s3.head_object(Bucket=settings.s3_bucket, Key=source_keys[0])["ContentLength"] == size
    assert peak < size / 4


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("s3://{bucket}/import/large", "too_many_bytes"),
        ("s3://{bucket}/import/none", "missing_original"),
        ("s3://no-such-bucket/photo.jpg", "missing_original"),
        ("s3://{bucket}/", "bad_address"),
        ("s3://{bucket}", "bad_address"),
        ("s3:///photo.jpg", "bad_address"),
        ("https://{bucket}/photo.jpg", "bad_address"),
    ],
)
def test_what_is_no_original_elsewhere_is_not_copied(originals, s3, settings, key, address, code):
    s3.put_object(Bucket=settings.s3_bucket, Key="import/large", Body=b"x" * (LIMIT + 1), ContentType="image/jpeg")

    with pytest.raises(Rejected) as caught:
        originals.adopt(OWNER, address.format(bucket=settings.s3_bucket), key)

    assert caught.value.code == code


@pytest.mark.parametrize(("size", "code"), [(0, "empty_file"), (LIMIT + 1, "too_many_bytes")])
def test_a_size_out_of_bounds_is_rejected_before_the_store_is_asked(settings, size, code, closed_address):
    away = Originals(dataclasses.replace(settings, s3_endpoint=f"http://{closed_address}"))

    with pytest.raises(Rejected) as caught:
        away.put(OWNER, "key", b"x" * size)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"s3_bucket": "no-such-bucket"}, "DARKROOM_S3_BUCKET"),
        ({"s3_access_key": "nobody"}, "DARKROOM_S3_ACCESS_KEY"),
        ({"s3_secret_key": "wrong"}, "DARKROOM_S3_SECRET_KEY"),
        ({"s3_endpoint": "http://127.0.0.1:1"}, "DARKROOM_S3_ENDPOINT"),
    ],
)
def test_a_store_that_does_not_take_it_is_unavailable_and_the_message_names_the_setting(settings, wrong, remedy):
    with pytest.raises(StoreUnavailable, match=remedy):
        Originals(dataclasses.replace(settings, **wrong)).put(OWNER, "key", b"bytes")


@pytest.fixture
def upload(originals):
    """An upload of five bytes of JPEG."""
    return originals.presign(OWNER, 5, "image/jpeg")


def test_an_upload_stores_what_is_sent_at_its_own_new_key(originals, s3, settings, upload):
    other = originals.presign(OWNER, 5, "image/jpeg")

    assert send(upload, b"bytes") == 200
    assert stored(s3, settings, upload.source_key) == b"bytes"
    assert re.fullmatch(r"o/7/[0-9a-f]{32}", upload.source_key)
    assert upload.source_key != other.source_key


@pytest.mark.parametrize("data", [b"", b"byte", b"bytes!", b"x" * LIMIT])
def test_an_upload_takes_the_very_number_of_bytes_that_was_signed(s3, settings, upload, data):
    assert send(upload, data) == 403
    assert not is_stored(s3, settings, upload.source_key)


def test_an_upload_whose_bytes_are_not_counted_beforehand_is_refused(s3, settings, upload):
    headers = {"Content-Type": "image/jpeg", "If-None-Match": "*"}
    pieces = iter([b"bytes", b"and more"])

    status = urllib3.request(
        "PUT", upload.url, body=pieces, headers=headers, retries=False, timeout=PATIENCE_SECONDS
    ).status

    assert status == 403
    assert not is_stored(s3, settings, upload.source_key)


@pytest.mark.parametrize(
    "instead",
    [
        {"Content_Type": "text/html"},
        {"Content_Type": "image/png"},
        {"If_None_Match": '"another"'},
        {"x_amz_acl": "public-read"},
        {"x_amz_meta_name": "value"},
        {"x_amz_copy_source": "/darkroom/o/8/0123456789abcdef0123456789abcdef"},
    ],
)
def test_an_upload_serves_no_other_headers_than_were_signed(s3, settings, upload, instead):
    assert send(upload, b"bytes", **instead) == 403
    assert not is_stored(s3, settings, upload.source_key)


def test_an_upload_cannot_be_sent_without_the_condition(s3, settings, upload):
    headers = {"Content-Type": "image/jpeg"}

    assert urllib3.request("PUT", upload.url, body=b"bytes", headers=headers, retries=False).status == 403
    assert not is_stored(s3, settings, upload.source_key)


@pytest.mark.parametrize("key", ["o/8/0123456789abcdef0123456789abcdef", "m/1/rendition.jpg"])
def test_an_upload_serves_no_other_key(s3, settings, upload, key):
    assert send(upload, b"bytes", upload.url.replace(upload.source_key, key)) == 403
    assert not is_stored(s3, settings, key)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
def test_an_upload_serves_nothing_else(upload, method):
    send(upload, b"bytes")

    assert urllib3.request(method, upload.url, retries=False).status in (403, 404, 405)


@pytest.mark.parametrize("again", [b"bytes", b"other"])
def test_an_upload_is_taken_once(s3, settings, upload, again):
    assert send(upload, b"bytes") == 200

    assert send(upload, again) == 412
    assert stored(s3, settings, upload.source_key) == b"bytes"


def test_of_many_who_race_with_one_upload_one_wins(originals, s3, settings):
    size = 900
    upload = originals.presign(OWNER, size, "image/jpeg")
    bodies = [bytes([place]) * size for place in range(8)]

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda body: send(upload, body), bodies))

    assert sorted(statuses) == [200] + [412] * 7
    assert stored(s3, settings, upload.source_key) == bodies[statuses.index(200)]


@pytest.mark.parametrize(
    ("size", "content_type", "function", "code"),
    [
        (0, "image/jpeg", "photo", "empty_file"),
        (-1, "image/jpeg", "photo", "empty_file"),
        (LIMIT + 1, "image/jpeg", "photo", "too_many_bytes"),
        (CLIP_LIMIT + 1, "video/mp4", "clip", "too_many_bytes"),
        (5, "video/mp4", "photo", "bad_content_type"),
        (5, "image/jpeg", "clip", "bad_content_type"),
        (5, "image/svg+xml", "photo", "bad_content_type"),
        (5, "image/jpeg\r\nx-amz-acl: public-read", "photo", "bad_content_type"),
    ],
)
def test_an_upload_of_what_is_not_taken_is_not_signed(originals, size, content_type, function, code):
    with pytest.raises(Rejected) as caught:
        originals.presign(OWNER, size, content_type, function)

    assert caught.value.code == code


def test_a_photo_and_a_clip_may_have_as_many_bytes_as_each_may(originals):
    photo = originals.presign(OWNER, LIMIT, "image/heic")
    clip = originals.presign(OWNER, CLIP_LIMIT, "video/quicktime", "clip")

    assert send(photo, b"x" * LIMIT) == 200
    assert send(clip, b"x" * CLIP_LIMIT) == 200


def test_an_upload_tells_until_when_it_holds(upload):
    left = upload.expires_at - datetime.now(UTC)

    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


def test_an_upload_is_refused_after_that(originals, s3, settings, monkeypatch):
    monkeypatch.setattr("jobs.originals.UPLOAD_SECONDS", 1)
    upload = originals.presign(OWNER, 5, "image/jpeg")
    time.sleep(2.5)

    assert send(upload, b"bytes") == 403
    assert not is_stored(s3, settings, upload.source_key)


def test_the_checksums_are_those_that_sha256sum_and_s3_write():
    """The check value of CRC-32 is published with its polynomial: CBF43926 for the digits 1 to 9."""
    sha256 = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
    assert digests(opened(b"123456789")) == (sha256, "y/Q5Jg==")


def test_what_is_not_admitted_is_not_stored(settings, s3):
    def refuse(sha256):
        raise Rejected("quarantined", sha256)

    with pytest.raises(Rejected, match="15e2b0d3c33891eb"):
        Originals(settings, refuse).put(OWNER, "refused", b"123456789")

    assert is_stored(s3, settings, Originals(settings).put(OWNER, "refused", b"other bytes"))
