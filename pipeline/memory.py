"""The in-memory twin of the store, for tests that need no server."""

import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import BinaryIO

from jobs.errors import Rejected, StoreUnavailable
from pipeline.openfile import OpenFile
from pipeline.services import Listed, StoredObject

MOST_LISTED = 1000  # in a page, as S3


class MemoryStore:
    """A `pipeline.services.Store` in a dictionary. `clock` is what the store's own clock is to the real one."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.objects: dict[str, StoredObject] = {}
        self._clock = clock
        self._written_at: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def read(self, key: str, limit: int) -> bytes:
        """See `pipeline.services.Store`."""
        if self.size(key) > limit:
            raise Rejected("too_many_bytes", f"{key} has more than {limit} bytes")
        return _bytes(self._find(key))

    def size(self, key: str) -> int:
        """See `pipeline.services.Store`."""
        return self._find(key).size

    def crc32(self, key: str) -> int | None:
        """See `pipeline.services.Store`."""
        return self._find(key).crc32

    def listed(self, prefix: str, after: str, limit: int) -> list[Listed]:
        """See `pipeline.services.Store`."""
        with self._lock:
            keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
            return [self._describe(key) for key in keys[: min(limit, MOST_LISTED)]]

    def remove(self, keys: Sequence[str]) -> None:
        """See `pipeline.services.Store`."""
        with self._lock:
            for key in keys:
                self.objects.pop(key, None)
                self._written_at.pop(key, None)

    def remove_now(self, key: str) -> None:
        """See `pipeline.services.Store`."""
        self.remove([key])

    def fetch(self, key: str, limit: int, file: BinaryIO) -> int:
        """See `pipeline.services.Store`."""
        return file.write(self.read(key, limit))

    def write_all(self, objects: Sequence[StoredObject]) -> None:
        """See `pipeline.services.Store`."""
        kept = [replace(stored, data=_bytes(stored)) for stored in objects]
        for stored in kept:
            if zlib.crc32(_bytes(stored)) != stored.crc32:
                raise StoreUnavailable(f"{stored.key}: the bytes have another checksum than {stored.crc32}")
        with self._lock:
            self.objects |= {stored.key: stored for stored in kept}
            self._written_at |= {stored.key: self._clock() for stored in kept}

    def url(self, key: str, seconds: int) -> str:
        """An address that names the key; nothing answers there."""
        return f"memory:///{key}?seconds={seconds}"

    def _describe(self, key: str) -> Listed:
        now = self._clock()
        age_seconds = (now - self._written_at.get(key, now)).total_seconds()
        return Listed(key=key, bytes=self.objects[key].size, age_seconds=age_seconds)

    def _find(self, key: str) -> StoredObject:
        with self._lock:
            stored = self.objects.get(key)
        if stored is None:
            raise Rejected("missing_original", f"nothing is stored at {key}")
        return stored


def _bytes(stored: StoredObject) -> bytes:
    return b"".join(stored.data.pieces()) if isinstance(stored.data, OpenFile) else bytes(stored.data)
