"""Boxes of ISO base media files (ISO/IEC 14496-12, section 4.2), which HEIF and AVIF are made of."""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from pipeline.headers.reader import U32, U64, corrupt, number, take

BOX = Struct(">I4s")
MOST_BOXES = 20_000  # beside each other; a 200-megapixel HEIC has 800 items


class Box(NamedTuple):
    """A box's four letters and what is in it."""

    kind: bytes
    body: memoryview


def read_boxes(data: memoryview) -> Iterator[Box]:
    """The boxes beside each other. One that claims more than is there is cut at the end; junk at the end is none.

    Raises:
        Rejected: `corrupt_header`, there are absurdly many.
    """
    at = 0
    for _ in range(MOST_BOXES):
        if at + BOX.size > len(data):
            return
        size, kind = BOX.unpack_from(data, at)
        head = BOX.size
        if size == 1:
            size, head = number(U64, data, at + head), 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        yield Box(kind, data[at + head : end])
        at = end
    raise corrupt(f"More than {MOST_BOXES} boxes beside each other.")


def find(data: memoryview, *path: bytes) -> memoryview | None:
    """What is in the only box at the end of `path`, a list of plain boxes within each other.

    Raises:
        Rejected: `corrupt_header`, there are two of one kind, of which a decoder might take the other.
    """
    for kind in path:
        found = [box.body for box in read_boxes(data) if box.kind == kind]
        if len(found) > 1:
            raise corrupt(f"{len(found)} boxes {kind!r} beside each other, where there is to be but one.")
        if not found:
            return None
        data = found[0]
    return data


def version_of(full: memoryview) -> tuple[int, int, memoryview]:
    """Version, flags and the rest of a full box."""
    head = number(U32, full, 0)
    return head >> 24, head & 0xFFFFFF, full[4:]


class Fields:
    """Reads whole numbers of varying sizes one after the other."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> int:
        """The next number, big-endian, of `size` bytes; 0 if it has none."""
        value = int.from_bytes(take(self.data, self.at, size), "big")
        self.at += size
        return value

    def take_all(self, *sizes: int) -> tuple[int, ...]:
        """The next numbers, of so many bytes each."""
        return tuple(self.take(size) for size in sizes)
