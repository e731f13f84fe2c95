"""Boxes of ISO base media files and QuickTime movies on a disk (ISO/IEC 14496-12, section 4.2)."""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from jobs.errors import Rejected
from pipeline.containers.reader import Reader
from pipeline.headers.reader import corrupt

BOX = Struct(">I4s")
LARGE = Struct(">Q")
INDEX = (b"moov", b"moof")


class Place(NamedTuple):
    """A box's four letters, and from where to where its content goes."""

    kind: bytes
    start: int
    end: int


def walk(reader: Reader, start: int, end: int, *, loose: bool = False) -> Iterator[Place]:
    """The boxes beside each other; up to seven bytes of junk at the end are none.

    With `loose`, as of a file's own boxes, one that claims more than is there is cut at the end, unless it describes
    media.

    Raises:
        Rejected: `corrupt_header`, one is shorter than its own head, or reaches beyond what it lies in; or
            `truncated_clip`.
    """
    at = start
    while at + BOX.size <= end:
        size, kind = reader.unpack(BOX, at)
        head = BOX.size
        if size == 1:
            (size,), head = reader.unpack(LARGE, at + head), BOX.size + LARGE.size
        stop = at + size if size else end  # 0: up to the end
        if size == 0 and kind == b"\0\0\0\0":
            return  # QuickTime ends some lists with a zero
        if loose and stop > end and kind in INDEX:
            raise Rejected("truncated_clip", "This clip breaks off within its index: it was not recorded to its end.")
        if stop < at + head or (stop > end and not loose):
            raise corrupt(f"A box {kind!r} at byte {at} claims {size} bytes where {end - at} are left.")
        yield Place(kind, at + head, min(stop, end))
        at = stop
