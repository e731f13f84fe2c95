"""The connection to the object store, and what its errors mean here. boto3 is loaded when it is first used."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config import Settings
from jobs.errors import StoreUnavailable

READ_TIMEOUT_SECONDS = 30
TRIES = 5  # boto3's own, within one call: 503 and broken connections
CONNECTIONS = 16  # at least as many as threads that use one client at once


def connect_s3(settings: Settings) -> Any:
    """A boto3 client for the settings' store. Threads may share it; a forked process must make its own (0.1 s)."""
    from boto3.session import Session  # noqa: PLC0415 - a frontend that uploads nothing never loads it
    from botocore.config import Config  # noqa: PLC0415

    session = Session(
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        region_name=settings.s3_region,
    )
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},  # AWS alone has a name for each bucket
        retries={"mode": "standard", "max_attempts": TRIES},
        connect_timeout=settings.connect_timeout_seconds,
        read_timeout=READ_TIMEOUT_SECONDS,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
    )
    return session.client("s3", endpoint_url=settings.s3_endpoint, config=config)


def checksum_text(crc32: int) -> str:
    """A CRC-32 as S3 writes it: base64 of its four bytes, the highest first."""
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()


def crc32_of(text: str) -> int | None:
    """The CRC-32 that S3 writes so; None for none, or a checksum of an upload in parts, which has a dash."""
    return int.from_bytes(base64.b64decode(text), "big") if text and "-" not in text else None


REMEDIES = {
    "NoSuchBucket": "create the bucket, or correct DARKROOM_S3_BUCKET",
    "AccessDenied": "allow it in the bucket's policy to this access key",
    "InvalidAccessKeyId": "correct DARKROOM_S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "correct DARKROOM_S3_SECRET_KEY",
    "RequestTimeTooSkewed": "set this machine's clock",
    "403": "check DARKROOM_S3_ACCESS_KEY, DARKROOM_S3_SECRET_KEY and the bucket's policy",
}


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Raise StoreUnavailable for whatever boto3 raises inside; `doing` says what was asked, with the key."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        remedy = REMEDIES.get(error_code(error), "check that it runs and can be reached at DARKROOM_S3_ENDPOINT")
        raise StoreUnavailable(f"the object store failed {doing}: {error}; {remedy}") from error


def error_code(error: Exception) -> str:
    """S3's own code of a botocore ClientError, or the HTTP status of one without a body; empty for other errors."""
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
