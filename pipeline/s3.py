"""The store on S3. boto3 signs the addresses and urllib3 carries the bytes.

boto3's own put_object and get_object do the same for twice the CPU: 11 ms against 5 for the four renditions of a photo,
5 against 3 for its original of 3 MB. That was half of all that a worker does besides rendering.
"""

import os
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

import urllib3

from jobs import failpoints
from jobs.errors import Rejected, StoreUnavailable, WrongBytes
from jobs.s3 import checksum_text, crc32_of, store_errors
from jobs.store_clock import StoreClock
from pipeline.openfile import PIECE_BYTES, OpenFile
from pipeline.services import Listed, StoredObject

THREADS = 5  # more gain nothing for a handful of renditions
PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.8)  # before each further attempt, jittered
PATIENCE_SECONDS = 40.0  # no further attempt after that; the job has its own, later
SIGNED_SECONDS = 900
MOST_LISTED = 1000  # in a page; S3's own limit
SHORT = urllib3.Timeout(5.0)  # of who holds a lock in the ledger, which has a patience of 30 s
NO_REPLY = 0  # where a status would stand
PASSING = frozenset({NO_REPLY, 408, 429, 500, 502, 503, 504})  # after which S3's documentation says to try again
ANSWER_BYTES = 1 << 20  # of anything but an original
CACHE_FOR_EVER = "public, max-age=31536000, immutable"
CHECKSUM = "x-amz-checksum-crc32"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A signed request. `limit` bounds the reply's body in bytes.

    A body in a file is read while it is sent; into a `file` a good reply's body is written while it arrives.
    """

    method: str
    address: str
    headers: Mapping[str, str]
    body: bytes | OpenFile | None = None
    limit: int = ANSWER_BYTES
    file: BinaryIO | None = None
    timeout: urllib3.Timeout | None = None  # None: the store's own patience

    def read_body(self) -> bytes | Iterator[bytes] | None:
        """What is sent, from its start."""
        return self.body.pieces() if isinstance(self.body, OpenFile) else self.body


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A complete reply, or the reason why there is none. `size` and `crc32` are of its body, wherever that went."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    size: int = 0
    crc32: int = 0

    @property
    def complaint(self) -> str:
        """A reply that is no success, in words."""
        return f"{self.status or 'no reply'}: {self.body[:300].decode(errors='replace')}"


class S3Store:
    """A `pipeline.services.Store` on one bucket. Make it after any fork; its threads and connections last."""

    def __init__(self, client: Any, bucket: str) -> None:
        """`client` is boto3's, set to signature version 4: the earlier one leaves the checksum unsigned."""
        self._client = client
        self._clock = StoreClock(client)
        self._bucket = bucket
        self._patience = urllib3.Timeout(
            connect=client.meta.config.connect_timeout, read=client.meta.config.read_timeout
        )
        authorities = os.environ.get("AWS_CA_BUNDLE")  # as boto3 would
        self._http = urllib3.PoolManager(maxsize=THREADS, retries=False, ca_certs=authorities, blocksize=PIECE_BYTES)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store")

    def read(self, key: str, limit: int) -> bytes:
        """See `pipeline.services.Store`."""
        return self._get(key, limit).body

    def size(self, key: str) -> int:
        """See `pipeline.services.Store`."""
        return int(self._head(key)["Content-Length"])

    def crc32(self, key: str) -> int | None:
        """See `pipeline.services.Store`."""
        return crc32_of(self._head(key).get(CHECKSUM, ""))

    def listed(self, prefix: str, after: str, limit: int) -> list[Listed]:
        """See `pipeline.services.Store`."""
        page = {"Prefix": prefix, "StartAfter": after, "MaxKeys": min(limit, MOST_LISTED)}
        with store_errors(f"to list {prefix}*"):
            found = self._client.list_objects_v2(Bucket=self._bucket, **page)
        now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        return [
            Listed(key=each["Key"], bytes=each["Size"], age_seconds=(now - each["LastModified"]).total_seconds())
            for each in found.get("Contents", [])
        ]

    def remove(self, keys: Sequence[str]) -> None:
        """See `pipeline.services.Store`."""
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with store_errors(f"to remove {keys[0]} and {len(keys) - 1} more"):
            left = self._client.delete_objects(Bucket=self._bucket, Delete=objects).get("Errors", [])
        if left:
            raise StoreUnavailable(f"{len(left)} objects were not removed: {left[0]['Key']}: {left[0].get('Message')}")

    def remove_now(self, key: str) -> None:
        """See `pipeline.services.Store`."""
        address = self._sign("delete_object", SIGNED_SECONDS, Key=key)
        reply = self._ask_once(Request(method="DELETE", address=address, headers={}, timeout=SHORT))
        self._clock.learn(reply.status, reply.headers)  # the next one may pass
        if reply.status not in (200, 204, 404):
            raise StoreUnavailable(f"removing {key}: {reply.complaint}")

    def _head(self, key: str) -> Mapping[str, str]:
        def request() -> Request:
            address = self._sign("head_object", SIGNED_SECONDS, Key=key, ChecksumMode="ENABLED")
            return Request(method="HEAD", address=address, headers={"x-amz-checksum-mode": "ENABLED"})

        reply = self._ask(request)
        if reply.status == 404:  # without a body, which would say what is not there: the object, or the bucket
            _check_found(key, self._ask(lambda: self._glance(key)))
            raise StoreUnavailable(f"reading {key}: the store has it, and has just said that it has not")
        _check_found(key, reply)
        return reply.headers

    def _glance(self, key: str) -> Request:
        """For the first byte of an object, or what there is to say of it."""
        address = self._sign("get_object", SIGNED_SECONDS, Key=key, Range="bytes=0-0")
        return Request(method="GET", address=address, headers={"Range": "bytes=0-0"})

    def fetch(self, key: str, limit: int, file: BinaryIO) -> int:
        """See `pipeline.services.Store`."""
        return self._get(key, limit, file).size

    def _get(self, key: str, limit: int, file: BinaryIO | None = None) -> Reply:
        def request() -> Request:
            address = self._sign("get_object", SIGNED_SECONDS, Key=key, ChecksumMode="ENABLED")
            headers = {"x-amz-checksum-mode": "ENABLED"}
            return Request(method="GET", address=address, headers=headers, limit=limit, file=file)

        reply = self._ask(request)
        _check_found(key, reply)
        if reply.size > limit:
            raise Rejected("too_many_bytes", f"{key} has more than {limit} bytes")
        _compare(key, reply.crc32, reply)
        return reply

    def write_all(self, objects: Sequence[StoredObject]) -> None:
        """See `pipeline.services.Store`."""
        writes = [self._threads.submit(self._write, stored) for stored in objects]
        try:
            for write in as_completed(writes):
                write.result()
        finally:
            for write in writes:
                write.cancel()
            wait(writes)

    def url(self, key: str, seconds: int) -> str:
        """See `pipeline.services.Store`."""
        return self._sign("get_object", seconds, Key=key)

    def _write(self, stored: StoredObject) -> None:
        reply = self._ask(lambda: self._put(stored))
        if reply.status != 200:
            raise StoreUnavailable(f"writing {stored.key}: {reply.complaint}")
        if CHECKSUM not in reply.headers:
            raise StoreUnavailable(f"writing {stored.key}: the store did not confirm its CRC-32")
        _compare(stored.key, stored.crc32, reply)
        failpoints.reach("after_put")

    def _put(self, stored: StoredObject) -> Request:
        checksum = checksum_text(stored.crc32)
        address = self._sign(
            "put_object",
            SIGNED_SECONDS,
            Key=stored.key,
            ContentType=stored.content_type,
            CacheControl=CACHE_FOR_EVER,
            ChecksumCRC32=checksum,
        )
        headers = {"Content-Type": stored.content_type, "Cache-Control": CACHE_FOR_EVER, CHECKSUM: checksum}
        headers["Content-Length"] = str(stored.size)  # else urllib3 sends a file in chunks, which S3 does not take
        body = stored.data if isinstance(stored.data, OpenFile) else bytes(stored.data)
        return Request(method="PUT", address=address, headers=headers, body=body)

    def _sign(self, operation: str, seconds: int, **parameters: str) -> str:
        place = {"Bucket": self._bucket, **parameters}
        address: str = self._client.generate_presigned_url(operation, Params=place, ExpiresIn=seconds)
        return address

    def _ask(self, sign: Callable[[], Request]) -> Reply:
        """The store's reply, after as many attempts as it takes: every request of ours may be repeated."""
        end = time.monotonic() + PATIENCE_SECONDS
        reply = self._ask_once(sign())
        for pause in PAUSES_SECONDS:
            if not self._may_pass(reply) or time.monotonic() > end:
                break
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            reply = self._ask_once(sign())
        return reply

    def _may_pass(self, reply: Reply) -> bool:
        return reply.status in PASSING or self._clock.learn(reply.status, reply.headers)

    def _ask_once(self, request: Request) -> Reply:
        try:
            with self._http.request(
                request.method,
                request.address,
                headers=request.headers,
                body=request.read_body(),
                timeout=request.timeout or self._patience,
                preload_content=False,
            ) as response:
                return (
                    _keep(response, request.file, request.limit)
                    if request.file
                    else _take(response, request.limit if response.status == 200 else ANSWER_BYTES)
                )
        except urllib3.exceptions.HTTPError as error:
            return Reply(status=NO_REPLY, headers={}, body=type(error).__name__.encode())  # its text has the address


def _take(response: urllib3.BaseHTTPResponse, limit: int) -> Reply:
    # In one piece: reading by the megabyte costs three times the CPU. Trap: this takes a cut for the end.
    body = response.read(limit + 1, decode_content=False)
    if response.length_remaining and len(body) <= limit:
        return Reply(status=NO_REPLY, headers={}, body=b"the body was cut short")
    return Reply(status=response.status, headers=response.headers, body=body, size=len(body), crc32=zlib.crc32(body))


def _keep(response: urllib3.BaseHTTPResponse, file: BinaryIO, limit: int) -> Reply:
    if response.status != 200:
        return _take(response, ANSWER_BYTES)
    file.seek(0)
    file.truncate()  # what an earlier attempt has left
    size = crc32 = 0
    while size <= limit and (piece := response.read(min(PIECE_BYTES, limit + 1 - size), decode_content=False)):
        file.write(piece)
        size, crc32 = size + len(piece), zlib.crc32(piece, crc32)
    return Reply(status=response.status, headers=response.headers, body=b"", size=size, crc32=crc32)


def _check_found(key: str, reply: Reply) -> None:
    if reply.status == 404 and b"<Code>NoSuchKey</Code>" in reply.body:  # else it is the bucket that is not there
        raise Rejected("missing_original", f"nothing is stored at {key}")
    if reply.status not in (200, 206):
        raise StoreUnavailable(f"reading {key}: {reply.complaint}")


def _compare(key: str, crc32: int, reply: Reply) -> None:
    # Trap: an object that was uploaded in parts has a checksum of checksums, which says so by its dash.
    stored = reply.headers.get(CHECKSUM, "")
    if "-" not in stored and stored not in ("", checksum_text(crc32)):
        raise WrongBytes(f"{key}: the store has checksum {stored}, we have {checksum_text(crc32)}")
