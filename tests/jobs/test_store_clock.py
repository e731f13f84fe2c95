"""Signing by the store's time where this machine's is wrong."""

import secrets
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import pytest
import urllib3
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from jobs import store_clock
from jobs.errors import Rejected, StoreUnavailable
from jobs.originals import Originals
from jobs.s3 import connect_s3
from jobs.store_clock import StoreClock, read_date
from pipeline.s3 import S3Store
from pipeline.services import StoredObject

HOUR = timedelta(hours=1)


@pytest.fixture
def client():
    session = Session(aws_access_key_id="access", aws_secret_access_key="secret", region_name="us-east-1")
    return session.client("s3", endpoint_url="http://127.0.0.1:1", config=Config(signature_version="s3v4"))


def dated(moment):
    return {"Date": format_datetime(moment, usegmt=True)}


def signed_at(client):
    address = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a"}, ExpiresIn=900)
    (moment,) = parse_qs(urlsplit(address).query)["X-Amz-Date"]
    return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def is_about(moment, expected):
    return abs(moment - expected) < timedelta(seconds=30)


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_after_a_refusal_addresses_are_signed_by_the_time_of_whoever_refused(client, off):
    clock = StoreClock(client)

    assert is_about(signed_at(client), datetime.now(UTC))
    assert clock.learn(403, dated(datetime.now(UTC) + off))
    assert is_about(signed_at(client), datetime.now(UTC) + off)
    assert not clock.learn(403, dated(datetime.now(UTC) + off))  # signing again would not help


def test_the_whole_signature_is_of_the_time_that_it_names(client):
    another_day = datetime.now(UTC) + timedelta(days=2)
    StoreClock(client).learn(403, dated(another_day))

    address = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a"}, ExpiresIn=900)

    (scope,) = parse_qs(urlsplit(address).query)["X-Amz-Credential"]
    assert scope == f"access/{another_day:%Y%m%d}/us-east-1/s3/aws4_request"


@pytest.mark.parametrize("status", [200, 404, 503])
def test_only_a_refusal_is_believed(client, status):
    assert not StoreClock(client).learn(status, dated(datetime.now(UTC) + HOUR))
    assert is_about(signed_at(client), datetime.now(UTC))


@pytest.mark.parametrize("headers", [{}, {"Date": ""}, {"Date": "yesterday"}])
def test_a_refusal_that_tells_no_time_changes_nothing(client, headers):
    assert not StoreClock(client).learn(403, headers)


def test_a_refusal_by_whose_clock_ours_is_right_changes_nothing(client):
    assert not StoreClock(client).learn(403, dated(datetime.now(UTC)))


def test_a_clock_that_was_set_right_meanwhile_is_trusted_again(client):
    clock = StoreClock(client)
    clock.learn(403, dated(datetime.now(UTC) + HOUR))

    assert clock.learn(403, dated(datetime.now(UTC)))
    assert is_about(signed_at(client), datetime.now(UTC))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 23 Nov 2026 03:32:53 GMT", datetime(2026, 11, 23, 3, 32, 53, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 03:32:53 -0000", datetime(2026, 11, 23, 3, 32, 53, tzinfo=UTC)),
        ("soon", None),
    ],
)
def test_dates_are_read_as_http_writes_them(text, moment):
    assert read_date(text) == moment


# On a real server, which refuses what is signed at another hour


@pytest.fixture(params=[-HOUR, HOUR], ids=["slow", "fast"])
def wrong_clock(request, monkeypatch):
    """This process's clock is off by an hour, as far as signing goes."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + request.param

    def wrong_now(remove_tzinfo=True):
        moment = Wrong.now(UTC)
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    monkeypatch.setattr(store_clock, "datetime", Wrong)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", wrong_now)


@pytest.mark.server
def test_without_the_stores_clock_whatever_is_asked_at_another_hour_is_refused(stack, wrong_clock):
    with pytest.raises(ClientError):
        connect_s3(stack.settings).list_objects_v2(Bucket=stack.settings.s3_bucket)


@pytest.mark.server
@pytest.mark.parametrize("first", ["listed", "remove", "remove_now", "write_all"])
def test_a_janitor_an_audit_and_a_worker_with_a_wrong_clock_get_on(stack, wrong_clock, first):
    store = S3Store(connect_s3(stack.settings), stack.settings.s3_bucket)
    key = f"clock/{secrets.token_hex(8)}"
    stored = StoredObject(key=key, data=b"bytes", content_type="image/jpeg", crc32=zlib.crc32(b"bytes"))
    other = S3Store(connect_s3(stack.settings), stack.settings.s3_bucket)
    other.write_all([stored])  # whose own clock learns for itself

    match first:
        case "listed":
            (listed,) = store.listed(key, "", 10)
            assert abs(listed.age_seconds) < 60
        case "remove":
            store.remove([key])
            assert other.listed(key, "", 10) == []
        case "remove_now":
            with suppress(StoreUnavailable):
                store.remove_now(key)  # who holds a lock asks once, and the next one passes
            store.remove_now(key)
            assert other.listed(key, "", 10) == []
        case "write_all":
            store.write_all([stored])
            assert store.read(key, 10) == b"bytes"


@pytest.mark.server
def test_a_frontend_with_a_wrong_clock_stores_originals(stack, wrong_clock):
    originals = Originals(stack.settings)
    key = secrets.token_hex(8)

    source_key = originals.put(7, key, b"an original")

    assert originals.put(7, key, b"an original") == source_key
    assert originals.peek(f"s3://{stack.settings.s3_bucket}/{source_key}", 2) == b"an"
    with pytest.raises(Rejected, match="other bytes"):
        originals.put(7, key, b"another")


@pytest.mark.server
def test_an_upload_that_is_presigned_after_the_first_refusal_is_good(stack, wrong_clock):
    originals = Originals(stack.settings)
    originals.put(7, secrets.token_hex(8), b"an original")

    upload = originals.presign(7, 5, "image/jpeg")
    answer = urllib3.request("PUT", upload.url, body=b"bytes", headers=dict(upload.headers))

    assert answer.status == 200
