"""WebP: the RIFF chunks (Google's WebP Container Specification; RFC 6386 section 9.1; WebP Lossless section 3)."""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from config.limits import Limits
from pipeline.headers.bounds import check_animation, check_profile, check_size
from pipeline.headers.exif import read_exif
from pipeline.headers.header import Format, Header
from pipeline.headers.reader import corrupt, number, take, unpack
from pipeline.headers.xmp import orientation_of

CHUNK = Struct("<4sI")
RIFF_BYTES = 12
KEY_FRAME = Struct("<3s3sHH")  # frame tag, start code, width and height with two bits of scale each
WORD = Struct("<I")
ALPHA_FLAG = 0x10  # of VP8X
MOST_CHUNKS = 20_000


class Chunk(NamedTuple):
    """A chunk's four letters and its data."""

    kind: bytes
    body: memoryview


def parse(data: memoryview, limits: Limits) -> Header:
    """The header of a WebP; see `pipeline.headers.read_header`."""
    chunks = tuple(read_chunks(data[RIFF_BYTES:]))
    if not chunks:
        raise corrupt("The WebP ends before its picture begins.")
    width, height, alpha = read_canvas(chunks[0])
    check_size(width, height, side=limits.webp_side, pixels=limits.pixels)
    frames = [chunk.body for chunk in chunks if chunk.kind == b"ANMF"]
    check_animation(len(frames), width, height, limits)
    check_pictures(chunks, frames, width, height)
    exif = read_exif(_body(chunks, b"EXIF") or memoryview(b""), limits.exif_bytes)
    profile = _body(chunks, b"ICCP")
    check_profile(len(profile or b""), limits)
    return Header(
        format=Format.WEBP,
        width=width,
        height=height,
        orientation=orientation_of(exif, _body(chunks, b"XMP ")),
        profile=bytes(profile) if profile else None,
        alpha=alpha,
        frames=len(frames) or 1,
        capture=exif.capture,
    )


def read_chunks(data: memoryview) -> Iterator[Chunk]:
    """The chunks in order, up to where the data break off.

    Raises:
        Rejected: `corrupt_header`, the data break off within a picture, or there are absurdly many chunks.
    """
    at = 0
    for _ in range(MOST_CHUNKS):
        if at + CHUNK.size > len(data):
            return
        kind, size = CHUNK.unpack_from(data, at)
        start, at = at + CHUNK.size, at + CHUNK.size + size + (size & 1)
        if start + size > len(data):
            if kind in (b"VP8 ", b"VP8L"):
                raise corrupt("The WebP ends within its picture.")
            return
        yield Chunk(kind, data[start : start + size])
    raise corrupt(f"A WebP of more than {MOST_CHUNKS} chunks.")


def read_canvas(first: Chunk) -> tuple[int, int, bool]:
    """Width, height and whether there is alpha, from the first chunk."""
    if first.kind == b"VP8X":
        flags = number(WORD, first.body, 0)
        return 1 + _u24(first.body, 4), 1 + _u24(first.body, 7), flags & ALPHA_FLAG > 0
    return read_picture(first)


def read_picture(chunk: Chunk) -> tuple[int, int, bool]:
    """Width, height and whether there is alpha, from a lossy or lossless bit stream."""
    if chunk.kind == b"VP8 ":
        _, start, width, height = unpack(KEY_FRAME, chunk.body, 0)
        if start != b"\x9d\x01\x2a":
            raise corrupt("The WebP's picture does not begin with a key frame.")
        return width & 0x3FFF, height & 0x3FFF, False
    if chunk.kind == b"VP8L" and take(chunk.body, 0, 1)[0] == 0x2F:
        bits = number(WORD, chunk.body, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bits >> 28 & 1 > 0
    raise corrupt("The WebP begins with no picture.")


def check_pictures(chunks: Sequence[Chunk], frames: Sequence[memoryview], width: int, height: int) -> None:
    """Raise Rejected `corrupt_header` unless each frame lies on the canvas, or a still picture fills it."""
    for frame in frames:
        left, top, wide, high = 2 * _u24(frame, 0), 2 * _u24(frame, 3), 1 + _u24(frame, 6), 1 + _u24(frame, 9)
        if left + wide > width or top + high > height:
            raise corrupt("A frame of the WebP lies outside its canvas.")
    stills = [chunk for chunk in chunks if chunk.kind in (b"VP8 ", b"VP8L")]
    if not frames and (not stills or read_picture(stills[0])[:2] != (width, height)):
        raise corrupt("The WebP has no picture of the size it claims.")


def _body(chunks: Sequence[Chunk], kind: bytes) -> memoryview | None:
    return next((chunk.body for chunk in chunks if chunk.kind == kind), None)


def _u24(data: memoryview, at: int) -> int:
    return int.from_bytes(take(data, at, 3), "little")
