"""Bounded reading of a container that lies on a disk: the only way the parsers take anything from it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Any

from pipeline.headers.reader import corrupt

MOST_READS = 200_000  # of one file: a recording of ten minutes in fragments of a second takes 10,000
MOST_AT_ONCE = 64 << 20  # bytes; the index of ten minutes takes some megabytes


class Reader:
    """Takes bytes from their places, and counts how often."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        """`read` gives up to so many bytes (first) from an offset (second); `size` is the file's."""
        self._read = read
        self.size = size
        self.left = MOST_READS

    @classmethod
    def of_bytes(cls, data: bytes) -> "Reader":
        """A reader of bytes in memory."""
        return cls(lambda size, at: data[at : at + size], len(data))

    def peek(self, at: int, size: int) -> bytes:
        """Up to `size` bytes from an offset; fewer, or none, where the file ends.

        Raises:
            Rejected: `corrupt_header`, too much is asked for, or it was asked too often.
        """
        self.left -= 1
        if self.left < 0:
            raise corrupt(f"This clip's description is in more than {MOST_READS:,} pieces.")
        if size > MOST_AT_ONCE:
            raise corrupt(f"A description of {size:,} bytes; at most {MOST_AT_ONCE:,} are read.")
        return self._read(size, at) if 0 <= at < self.size else b""

    def take(self, at: int, size: int) -> bytes:
        """Exactly `size` bytes from an offset; raises as `peek` does, also where they are not all there."""
        data = self.peek(at, max(0, size))  # a file cannot be asked for fewer than none
        if size < 0 or len(data) < size:
            raise corrupt(f"{size} bytes at offset {at} lie outside the {self.size} that are there.")
        return data

    def unpack(self, layout: Struct, at: int) -> tuple[Any, ...]:
        """The fields of `layout` at an offset; raises as `take` does."""
        return layout.unpack(self.take(at, layout.size))


@contextmanager
def opened_reader(file: Path) -> Iterator[Reader]:
    """A reader of a file."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield Reader(lambda size, at: os.pread(descriptor, size, at), os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
