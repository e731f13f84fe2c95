"""The in-memory twin of the store, for tests that need no server."""

import threading
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from jobs.errors import Rejected, StoreUnavailable
from pipeline.openfile import OpenFile
from pipeline.services import StoredObject


class MemoryStore:
    """A `pipeline.services.Store` in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self._lock = threading.Lock()

    def read(self, key: str, limit: int) -> bytes:
        """See `pipeline.services.Store`."""
        if self.size(key) > limit:
            raise Rejected("too_many_bytes", f"{key} has more than {limit} bytes")
        return _bytes(self._find(key))

    def size(self, key: str) -> int:
        """See `pipeline.services.Store`."""
        return self._find(key).size

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

    def url(self, key: str, seconds: int) -> str:
        """An address that names the key; nothing answers there."""
        return f"memory:///{key}?seconds={seconds}"

    def _find(self, key: str) -> StoredObject:
        with self._lock:
            stored = self.objects.get(key)
        if stored is None:
            raise Rejected("missing_original", f"nothing is stored at {key}")
        return stored


def _bytes(stored: StoredObject) -> bytes:
    return b"".join(stored.data.pieces()) if isinstance(stored.data, OpenFile) else bytes(stored.data)
