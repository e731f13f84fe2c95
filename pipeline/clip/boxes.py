"""Boxes of an MP4 that we made, on the disk: what describes the media is read, the media itself is not."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pipeline.headers.boxes import BOX, Box
from pipeline.headers.reader import U64
from pipeline.verify import UncleanRenditionError

MEDIA = b"mdat"
MOST_BYTES = 64 << 20  # of one box that is read; a fragment's own description has some kilobytes
NO_BYTES = memoryview(b"")
UPRIGHT = b"".join(value.to_bytes(4, "big") for value in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
MATRIX_FROM_END = 44  # bytes before the end of a `tkhd`, behind which are its size


class TopBox(NamedTuple):
    """A box of a file: where it lies, and what is in it; of media, nothing."""

    kind: bytes
    at: int
    size: int
    body: memoryview

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.at + self.size


def top_boxes(file: Path) -> tuple[TopBox, ...]:
    """The boxes of a file, which fill it to its last byte.

    Raises:
        UncleanRenditionError: they do not, or one that is no media is absurdly large.
    """
    length = file.stat().st_size
    with file.open("rb") as content:
        return tuple(_top_boxes(content, length))


def _top_boxes(content: BinaryIO, length: int) -> Iterator[TopBox]:
    at = 0
    while at < length:
        content.seek(at)
        size, kind, head = read_head(content.read(16), at, length)
        if kind != MEDIA and size > MOST_BYTES:
            raise UncleanRenditionError(f"A box {kind!r} of {size} bytes is no description of media.")
        content.seek(at + head)
        body = NO_BYTES if kind == MEDIA else memoryview(content.read(size - head))
        yield TopBox(kind, at, size, body)
        at += size


def inner_boxes(data: memoryview) -> Iterator[Box]:
    """The boxes in a box, which fill it to its last byte.

    Raises:
        UncleanRenditionError: they do not.
    """
    at = 0
    while at < len(data):
        size, kind, head = read_head(data[at : at + 16], at, len(data))
        yield Box(kind, data[at + head : at + size])
        at += size


def read_head(data: bytes | memoryview, at: int, end: int) -> tuple[int, bytes, int]:
    """Size, kind and the size of the head of the box that begins at `at` of the `end` bytes around it.

    Raises:
        UncleanRenditionError: it does not fit in there, or leaves its size open.
    """
    if len(data) < BOX.size:
        raise UncleanRenditionError(f"{len(data)} bytes at byte {at} are no box.")
    (size, kind), head = BOX.unpack_from(data), BOX.size
    if size == 1 and len(data) == 16:
        size, head = U64.unpack_from(data, 8)[0], 16
    if size < head or at + size > end:
        raise UncleanRenditionError(f"A box {kind!r} at byte {at} claims {size} bytes where {end - at} are left.")
    return size, kind, head


def erase_leftovers(file: Path) -> None:
    """Make free space of what ffmpeg writes about itself, and have tracks shown as they are stored.

    It cannot be told to leave out either: tags are always in `moov`, an empty list of them at best, and the original's
    display matrix comes over where there is no sound. Every other byte keeps its place.

    Raises:
        UncleanRenditionError: the file has no `moov`, or is no MP4.
    """
    movie = next((box for box in top_boxes(file) if box.kind == b"moov"), None)
    if movie is None:
        raise UncleanRenditionError(f"{file.name} is no movie.")
    with file.open("r+b") as content:
        for place, written in mended(movie.body, movie.end - len(movie.body)):
            content.seek(place)
            content.write(written)


def mended(body: memoryview, at: int) -> Iterator[tuple[int, bytes]]:
    """What to write where in the file, of a box whose `body` begins at byte `at` of it."""
    for kind, inner in inner_boxes(body):
        if kind == b"udta":
            yield at + 4, b"free" + bytes(len(inner))
        elif kind == b"trak":
            yield from mended(inner, at + BOX.size)
        elif kind == b"tkhd":
            yield at + BOX.size + len(inner) - MATRIX_FROM_END, UPRIGHT
        at += BOX.size + len(inner)
