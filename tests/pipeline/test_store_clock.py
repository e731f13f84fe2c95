"""Signing by the store's time where this machine's is wrong."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from boto3.session import Session
from botocore.config import Config

from pipeline.store_clock import StoreClock, read_date

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
