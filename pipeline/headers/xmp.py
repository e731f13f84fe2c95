"""The one thing that XMP is asked: the orientation, where EXIF does not tell it."""

import re

from pipeline.headers.exif import Exif

# Adobe XMP part 2: tiff:Orientation, spelt as an attribute or as an element.
ORIENTATION = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>\s*)([1-8])\b""")
PACKET_BYTES = 4 << 20  # the part of a packet that is searched; editing histories make packets of megabytes


def orientation_of(exif: Exif, packet: memoryview | None) -> int:
    """EXIF's orientation, else the XMP packet's, else 1. Pillow decides likewise."""
    if exif.orientation is not None:
        return exif.orientation
    found = ORIENTATION.search(packet[:PACKET_BYTES]) if packet is not None else None
    return int(found[1]) if found else 1
