"""Where originals go, and how a frontend brings them there."""

import hashlib
import uuid
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import SEEK_END, BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from config import Settings
from jobs.errors import Rejected
from jobs.job import CLIP, PHOTO
from jobs.s3 import checksum_text, connect_s3, error_code, store_errors
from jobs.store_clock import StoreClock

UPLOAD_SECONDS = 15 * 60  # long enough for a slow phone, short enough that a leaked address is soon worthless
CHUNK_BYTES = 1 << 20
# Only names, which nobody believes: the bytes are read later. But what is stored is served by its name.
ANIMATIONS = ("image/gif", "image/apng", "image/png", "image/webp")  # which may be photos and clips
PHOTOS = (
    *("image/jpeg", "image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"),
    *("image/avif", "image/tiff", "image/bmp"),
)
MOVIES = (
    *("video/mp4", "video/x-m4v", "video/quicktime", "video/3gpp", "video/3gpp2", "video/webm", "video/mp2t"),
    *("video/matroska", "video/x-matroska", "video/avi", "video/x-msvideo", "video/vnd.avi"),
)
CONTENT_TYPES = {PHOTO: (*PHOTOS, *ANIMATIONS), CLIP: (*MOVIES, *ANIMATIONS)}  # by function
NAMESPACE = uuid.UUID("0d8e4a53-6c1f-4b1e-9a2e-6f1d2c0b7a94")  # of keys that are made from a caller's


@dataclass(frozen=True, kw_only=True)
class PresignedUpload:
    """A PUT by which a browser or app stores one original itself: to `url`, with exactly these `headers`, its bytes.

    The signature covers the key, the content type, the number of bytes and that nothing may lie there yet: the store
    refuses another type, another size and a second upload, and after `expires_at` all. A browser states
    `Content-Length` by itself and forbids a script to.
    """

    url: str
    headers: Mapping[str, str]
    source_key: str
    expires_at: datetime


class Originals:
    """Stores originals under private keys that hold no text of a user's. Threads may share one.

    A photo may have `limits.photo_bytes`, a clip `limits.clip_bytes`. No file is held in memory.
    """

    def __init__(
        self,
        settings: Settings,
        admit: Callable[[str], None] = lambda _: None,
        is_removed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`admit` is given the SHA-256 of what is to be stored, hexadecimal, and raises Rejected for what is not.

        `is_removed` says of a source key whether an original was removed from there.
        """
        self._admit = admit
        self._is_removed = is_removed
        self._bucket = settings.s3_bucket
        self._limits = {PHOTO: settings.limits.photo_bytes, CLIP: settings.limits.clip_bytes}
        self._s3 = connect_s3(settings)
        StoreClock(self._s3)

    def presign(self, owner_id: int, size_bytes: int, content_type: str, function: str = PHOTO) -> PresignedUpload:
        """An upload of one original of this size and type, at a new key.

        Raises:
            Rejected: `empty_file`, `too_many_bytes`, or `bad_content_type`.
        """
        check_size(size_bytes, self._limits[function])
        check_content_type(content_type, function)
        key = original_key(owner_id, uuid.uuid4())
        expires_at = datetime.now(UTC) + timedelta(seconds=UPLOAD_SECONDS)
        signed = {"ContentType": content_type, "ContentLength": size_bytes, "IfNoneMatch": "*"}
        wanted = {"Bucket": self._bucket, "Key": key, **signed}
        return PresignedUpload(
            url=self._s3.generate_presigned_url("put_object", Params=wanted, ExpiresIn=UPLOAD_SECONDS),
            headers={"Content-Type": content_type, "Content-Length": str(size_bytes), "If-None-Match": "*"},
            source_key=key,
            expires_at=expires_at,
        )

    def put(self, owner_id: int, key: str, file: Path | bytes, function: str = PHOTO) -> str:
        """Store an original once per owner and `key`, the caller's own. Returns its source key.

        Raises:
            Rejected: `empty_file`, `too_many_bytes`, `key_reused` if other bytes were stored by this key, or what
                `admit` raises.
            StoreUnavailable: it may not be stored; putting it again is safe.
        """
        with opened(file) as body:
            return self._put(owner_id, key, body, self._limits[function])

    def adopt(self, owner_id: int, address: str, key: str, function: str = PHOTO) -> str:
        """Store a copy of what lies at `address`, s3://bucket/key in the same store, as `put` does.

        Raises:
            Rejected: as `put` does, `bad_address`, or `missing_original` if nothing lies there.
            StoreUnavailable: it could not be read, or may not be stored; adopting it again is safe.
        """
        bucket, name = parse_address(address)
        with TemporaryFile() as body:  # not a copy within the store, which could replace what another has put there
            with store_errors(f"to read {address}"):
                self._fetch(bucket, name, body, self._limits[function])
            return self._put(owner_id, key, body, self._limits[function])

    def peek(self, address: str, count: int) -> bytes:
        """The first `count` bytes of what lies at `address`, s3://bucket/key in the same store; fewer if it ends.

        Raises:
            Rejected: `bad_address`, or `missing_original` if nothing lies there.
            StoreUnavailable: it could not be read.
        """
        bucket, name = parse_address(address)
        with store_errors(f"to read {address}"), closing(self._open(bucket, name)["Body"]) as body:
            return bytes(body.read(count))

    def _put(self, owner_id: int, key: str, body: BinaryIO, limit: int) -> str:
        check_size(body.seek(0, SEEK_END), limit)
        body.seek(0)
        sha256, crc32 = digests(body)
        self._admit(sha256)
        source_key = self._place(owner_id, key)
        if not self._create(source_key, body, crc32) and self._stored_crc32(source_key) != crc32:
            raise Rejected("key_reused", f"owner {owner_id} has stored other bytes by the key {key!r}")
        return source_key

    def _place(self, owner_id: int, key: str) -> str:
        """Where the original of this key lies: the same again, until it is removed from there."""
        name = uuid.uuid5(NAMESPACE, f"{owner_id}/{key}")
        while self._is_removed(source_key := original_key(owner_id, name)):
            name = uuid.uuid5(name, "again")
        return source_key

    def _open(self, bucket: str, name: str) -> Any:
        try:
            return self._s3.get_object(Bucket=bucket, Key=name)
        except (self._s3.exceptions.NoSuchKey, self._s3.exceptions.NoSuchBucket) as error:
            raise Rejected("missing_original", f"there is nothing at s3://{bucket}/{name}") from error

    def _fetch(self, bucket: str, name: str, body: BinaryIO, limit: int) -> None:
        found = self._open(bucket, name)
        check_size(found["ContentLength"], limit)
        body.writelines(found["Body"].iter_chunks(CHUNK_BYTES))

    def _create(self, source_key: str, body: BinaryIO, crc32: str) -> bool:
        """Store a body that is not there yet. False: something is."""
        body.seek(0)
        with store_errors(f"to store {source_key}"):
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=source_key,
                    Body=body,
                    ContentType="application/octet-stream",  # what it really is, the pipeline reads from the bytes
                    ChecksumCRC32=crc32,
                    IfNoneMatch="*",
                )
            except self._s3.exceptions.ClientError as error:
                if error_code(error) != "PreconditionFailed":
                    raise
                return False
        return True

    def _stored_crc32(self, source_key: str) -> str:
        with store_errors(f"to look at {source_key}"):
            head = self._s3.head_object(Bucket=self._bucket, Key=source_key, ChecksumMode="ENABLED")
        return str(head.get("ChecksumCRC32"))


def original_key(owner_id: int, name: uuid.UUID) -> str:
    """Where an original lies: private, and the same again for the same name."""
    return f"o/{owner_id}/{name.hex}"


def parse_address(address: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key. Raises Rejected `bad_address` for anything else."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket or not key:
        raise Rejected("bad_address", f"{address!r} is not an address such as s3://bucket/key")
    return bucket, key


def check_size(size: int, limit: int) -> None:
    """Raise Rejected `empty_file` or `too_many_bytes` for a number of bytes that is not taken."""
    if size <= 0:
        raise Rejected("empty_file", "the file is empty")
    if size > limit:
        raise Rejected("too_many_bytes", f"{size:,} bytes are more than the {limit:,} that are taken")


def check_content_type(content_type: str, function: str) -> None:
    """Raise Rejected `bad_content_type` for a type that no original of this function has."""
    if content_type not in CONTENT_TYPES[function]:
        taken = ", ".join(CONTENT_TYPES[function])
        raise Rejected("bad_content_type", f"{content_type!r} is no content type of a {function}; {taken} are")


def opened(file: Path | bytes) -> BinaryIO:
    """The file's bytes, to be closed by the caller."""
    return BytesIO(file) if isinstance(file, bytes) else file.open("rb")


def digests(body: BinaryIO) -> tuple[str, str]:
    """The SHA-256 of the rest of a file in hexadecimal, and its CRC-32 as S3 writes it."""
    sha256, crc32 = hashlib.sha256(), 0
    while chunk := body.read(CHUNK_BYTES):
        sha256.update(chunk)
        crc32 = zlib.crc32(chunk, crc32)
    return sha256.hexdigest(), checksum_text(crc32)
