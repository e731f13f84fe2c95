"""The in-memory twin of the store, for tests that need no server."""

import threading
import zlib
from collections.abc import Sequence

from jobs.errors import Rejected, StoreUnavailable
from pipeline.services import StoredObject


class MemoryStore:
    """A `pipeline.services.Store` in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self._lock = threading.Lock()

    def read(self, key: str, limit: int) -> bytes:
        """See `pipeline.services.Store`."""
        with self._lock:
            stored = self.objects.get(key)
        if stored is None:
            raise Rejected("missing_original", f"nothing is stored at {key}")
        if len(stored.data) > limit:
            raise Rejected("too_many_bytes", f"{key} has more than {limit} bytes")
        return bytes(stored.data)

    def write_all(self, objects: Sequence[StoredObject]) -> None:
        """See `pipeline.services.Store`."""
        for stored in objects:
            if zlib.crc32(stored.data) != stored.crc32:
                raise StoreUnavailable(f"{stored.key}: the bytes have another checksum than {stored.crc32}")
        with self._lock:
            self.objects |= {stored.key: stored for stored in objects}

    def url(self, key: str, seconds: int) -> str:
        """An address that names the key; nothing answers there."""
        return f"memory:///{key}?seconds={seconds}"
