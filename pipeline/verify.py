"""The last look at a rendition before it leaves: a picture of the right size, and not a byte besides."""

import re
from struct import pack

from jobs.errors import DarkroomError
from pipeline.services import Encoded

SOI, END = b"\xff\xd8", b"\xff\xd9"
JFIF = b"JFIF\0"
APP0, SOF0, SOS = 0xE0, 0xC0, 0xDA
TABLES = frozenset({0xC4, 0xDB, 0xDD})  # Huffman, quantisation, restart interval
# In entropy-coded data 0xFF is followed by 00 (stuffing) or D0-D7 (restart); anything else is a marker.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")


class UncleanRenditionError(DarkroomError):
    """We made a rendition that must not be published. The fault is ours, not the upload's."""


def verify(encoded: Encoded) -> None:
    """Walk through a rendition's markers and see that it is a baseline JPEG of its stated size and nothing else.

    Raises:
        UncleanRenditionError: metadata other than JFIF's, a comment, trailing bytes, another size, or no JPEG.
    """
    data = bytes(encoded.data)
    if data[:2] != SOI:
        raise _unclean(encoded, "it does not start as a JPEG")
    at = 2
    while (marker := _marker(encoded, data, at)) != SOS:
        _check_segment(encoded, marker, data[at + 4 : at + 2 + _length(data, at)])
        at += 2 + _length(data, at)
    end = MARKER.search(data, at + 2 + _length(data, at))
    if end is None or end[0] != END or end.end() != len(data):
        raise _unclean(encoded, "something other than the end follows its pixels")


def _marker(encoded: Encoded, data: bytes, at: int) -> int:
    if at + 4 > len(data) or data[at] != 0xFF:
        raise _unclean(encoded, f"there is no marker at byte {at}")
    return data[at + 1]


def _length(data: bytes, at: int) -> int:
    return int.from_bytes(data[at + 2 : at + 4], "big")


def _check_segment(encoded: Encoded, marker: int, body: bytes) -> None:
    """A JFIF header without a thumbnail, a frame of the stated size, or tables."""
    if marker == APP0 and body[:5] == JFIF and len(body) == 14:
        return
    if marker == SOF0 and body[1:5] == pack(">HH", encoded.height, encoded.width):
        return
    if marker not in TABLES:
        raise _unclean(encoded, f"it holds a segment {marker:X}h of {len(body)} bytes that does not belong there")


def _unclean(encoded: Encoded, why: str) -> UncleanRenditionError:
    return UncleanRenditionError(f"The rendition {encoded.name} of {encoded.width}x{encoded.height} is unclean: {why}.")
