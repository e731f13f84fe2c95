"""The picture tracks of HEIF and AVIF image sequences (ISO/IEC 14496-12, sections 8 and 12.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from pipeline.headers.boxes import Box, find, read_boxes, version_of
from pipeline.headers.reader import U32, corrupt, number, unpack

PICTURES, AUXILIARY = (b"pict", b"vide"), b"auxv"  # handlers
ALPHA_TYPE = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
SAMPLE_ENTRY = Struct(">24xHH")  # width and height of a visual sample entry
SAMPLE_ENTRY_BYTES = 78  # before the boxes that describe the codec


@dataclass(frozen=True, kw_only=True)
class Track:
    """A track of pictures: its codec's four letters, its frames, and the boxes that describe them."""

    codec: bytes
    width: int
    height: int
    frames: int
    properties: Sequence[Box]
    alpha: bool  # another track is its transparency


def read_track(moov: memoryview) -> Track | None:
    """The first track of pictures; None if there is none."""
    media = [body for box in read_boxes(moov) if box.kind == b"trak" and (body := find(box.body, b"mdia"))]
    pictures = next((body for body in media if _handler(body) in PICTURES), None)
    if pictures is None:
        return None
    return _describe(pictures, alpha=any(map(_is_alpha, media)))


def _handler(media: memoryview) -> bytes:
    return bytes((find(media, b"hdlr") or b"")[8:12])


def _entry(media: memoryview) -> Box:
    """The first sample entry, which names and describes the codec."""
    entries = find(media, b"minf", b"stbl", b"stsd")
    entry = next(read_boxes(version_of(entries)[2][4:]), None) if entries else None
    if entry is None:
        raise corrupt("A track does not say how it is coded.")
    return entry


def _is_alpha(media: memoryview) -> bool:
    """Whether a track is another's transparency; an auxiliary track may also be its depth."""
    if _handler(media) != AUXILIARY:
        return False
    kind = find(_entry(media).body[SAMPLE_ENTRY_BYTES:], b"auxi")
    return kind is not None and bytes(kind[4:]).startswith(ALPHA_TYPE)


def _describe(media: memoryview, *, alpha: bool) -> Track:
    table = find(media, b"minf", b"stbl") or memoryview(b"")
    entry, sizes = _entry(media), find(table, b"stsz") or find(table, b"stz2")
    if sizes is None:
        raise corrupt("The image sequence does not say how many frames it has.")
    width, height = unpack(SAMPLE_ENTRY, entry.body, 0)
    return Track(
        codec=entry.kind,
        width=width,
        height=height,
        frames=number(U32, sizes, 8),
        properties=tuple(read_boxes(entry.body[SAMPLE_ENTRY_BYTES:])),
        alpha=alpha,
    )
