"""JPEG: the segments up to the picture, and the number of its scans (ITU T.81, JFIF, Exif, ICC.1 annex B).

Whatever follows the end of the picture (a second picture of an MPO, a gain map, a motion photo's clip, junk) is not
looked at, and a missing end marker is not missed.
"""

import re
from collections.abc import Iterator
from itertools import islice
from struct import Struct
from typing import NamedTuple

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers.bounds import check_profile, check_size
from pipeline.headers.exif import PREFIX, Exif, read_exif
from pipeline.headers.header import Format, Header
from pipeline.headers.reader import U16, corrupt, number, unpack, unsupported
from pipeline.headers.xmp import orientation_of

# Within entropy-coded data 0xFF is followed by 00 (stuffing) or D0-D7 (restart); 01 and D8 stand alone; FF is filling.
MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
EOI, SOS, APP1, APP2 = 0xD9, 0xDA, 0xE1, 0xE2
NO_FRAMES = (0xC4, 0xC8, 0xCC)  # DHT, JPG and DAC lie in the range of the start-of-frame markers
PROGRESSIVE, LOSSLESS = (0xC2, 0xCA), (0xC3,)
DECODABLE = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA)  # by libjpeg-turbo; the rest is hierarchical
FRAME = Struct(">BHHB")  # precision, height, width, components
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
ICC_PREFIX = b"ICC_PROFILE\0"
MOST_SEGMENTS = 4_000  # 50 MB of metadata in segments of 64 KB are 800, 100 scans with their tables a few hundred


class Segment(NamedTuple):
    """A marker and what follows its length."""

    marker: int
    body: memoryview


def parse(data: memoryview, limits: Limits) -> Header:
    """The header of a JPEG; see `pipeline.headers.read_header`."""
    segments = read_segments(data)
    head = read_head(segments)
    frame = find_frame(head)
    precision, height, width, components = unpack(FRAME, frame.body, 0)
    several_scans = frame.marker in PROGRESSIVE or head[-1].body[:1] != bytes((components,))
    # Several scans are held in memory at full size, and lossless data do not scale: no larger allowance for those.
    lossless = frame.marker in LOSSLESS
    full_size = several_scans or lossless
    check_size(width, height, side=limits.side, pixels=limits.pixels if full_size else limits.jpeg_pixels)
    if frame.marker not in DECODABLE or precision != 8 or components not in (1, 3, 4):
        raise unsupported(f"JPEG of kind {frame.marker:X}h, {precision} bits, {components} components.")
    if several_scans:
        check_scans(segments, limits)
    exif = find_exif(head, limits)
    return Header(
        format=Format.JPEG,
        width=width,
        height=height,
        orientation=orientation_of(exif, find_xmp(head)),
        profile=join_profile(head, limits),
        components=components,
        scalable=not lossless,  # libjpeg-turbo 3 crashes when it is asked to reduce what is coded without a transform
        capture=exif.capture,
    )


def read_segments(data: memoryview) -> Iterator[Segment]:
    """The segments in order, with the entropy-coded data skipped, to the end marker, or to the end of the data.

    Raises:
        Rejected: `corrupt_header`, there are absurdly many.
    """
    at = 2
    for _ in range(MOST_SEGMENTS):
        found = MARKER.search(data, at)
        if found is None:
            return
        at = found.end()
        if found[1][0] == EOI:
            yield Segment(EOI, data[at:at])
            return
        end = at + number(U16, data, at)
        yield Segment(found[1][0], data[at + 2 : end])
        at = end
    raise corrupt(f"A JPEG of more than {MOST_SEGMENTS} segments.")


def has_end(data: memoryview) -> bool:
    """Whether an end marker ends the picture; those of thumbnails, which lie in segments, do not. Raises as above."""
    return any(segment.marker == EOI for segment in read_segments(data))


def read_head(segments: Iterator[Segment]) -> list[Segment]:
    """The segments up to and with the start of the first scan."""
    head = []
    for segment in segments:
        head.append(segment)
        if segment.marker == SOS:
            return head
    raise corrupt("The JPEG ends before its picture begins.")


def find_frame(head: list[Segment]) -> Segment:
    """The start-of-frame segment."""
    for segment in head:
        if 0xC0 <= segment.marker <= 0xCF and segment.marker not in NO_FRAMES:
            return segment
    raise corrupt("The JPEG does not say its size.")


def check_scans(segments: Iterator[Segment], limits: Limits) -> None:
    """Raise Rejected `too_many_scans`; the first scan has been read from `segments`, the others are counted."""
    others = sum(1 for _ in islice((s for s in segments if s.marker == SOS), limits.jpeg_scans))
    if others >= limits.jpeg_scans:
        raise Rejected("too_many_scans", f"The JPEG has more than {limits.jpeg_scans} scans.")


def find_exif(head: list[Segment], limits: Limits) -> Exif:
    """What the first EXIF segment says that says anything: some editors leave an empty one before it."""
    blocks = (s.body for s in head if s.marker == APP1 and s.body[:6] == PREFIX)
    nothing = Exif()
    return next((exif for block in blocks if (exif := read_exif(block, limits.exif_bytes)) != nothing), nothing)


def find_xmp(head: list[Segment]) -> memoryview | None:
    """The first XMP packet."""
    start = len(XMP_PREFIX)
    return next((s.body[start:] for s in head if s.marker == APP1 and s.body[:start] == XMP_PREFIX), None)


def join_profile(head: list[Segment], limits: Limits) -> bytes | None:
    """The ICC profile from its numbered pieces; None if there is none or a piece is missing."""
    start = len(ICC_PREFIX)
    pieces = [s.body[start:] for s in head if s.marker == APP2 and s.body[:start] == ICC_PREFIX]
    pieces = sorted((piece for piece in pieces if len(piece) > 2), key=lambda piece: piece[0])
    check_profile(sum(len(piece) - 2 for piece in pieces), limits)
    if not pieces or pieces[0][1] != len(pieces):
        return None
    return b"".join(piece[2:] for piece in pieces)
