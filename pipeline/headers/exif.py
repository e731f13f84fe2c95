"""EXIF as far as it is kept: orientation, capture time and camera. Where a photo was taken is never looked at.

Broken EXIF is common and never a reason to refuse a photo: what cannot be read is simply not known.
Source: CIPA DC-008 (Exif 2.32).
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from jobs.errors import Rejected
from pipeline.headers.header import Capture
from pipeline.headers.ifd import CLASSIC, Dialect, Directory, read_directory
from pipeline.headers.reader import number

PREFIX = b"Exif\0\0"
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
MAKE, MODEL, ORIENTATION, EXIF_DIRECTORY = 0x010F, 0x0110, 0x0112, 0x8769
DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL = 0x9003, 0x9011
STAMP = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
ZONE = re.compile(r"[+-](?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
MOST_CHARACTERS = 64  # of a make or model; the longest in common use have about 30


@dataclass(frozen=True, kw_only=True)
class Exif:
    """What a block of EXIF says. `orientation` is 1-8, None if it is absent or no such number."""

    orientation: int | None = None
    capture: Capture = field(default_factory=Capture)


def read_exif(block: memoryview, limit: int) -> Exif:
    """What the first `limit` bytes of an EXIF block say, with or without its `Exif` prefix. Never raises."""
    if block[:6] == PREFIX:
        block = block[6:]
    block = block[:limit]
    order = BYTE_ORDERS.get(bytes(block[:4]))
    if order is None or len(block) < 8:
        return Exif()
    dialect = CLASSIC[order]
    return read_facts(_directory(block, dialect, number(dialect.offset, block, 4)))


def read_facts(first: Directory) -> Exif:
    """The facts of a first directory, and of the EXIF directory that it points to. Never raises."""
    detail = _directory(first.data, first.dialect, first.integer(EXIF_DIRECTORY) or len(first.data))
    orientation = first.integer(ORIENTATION)
    return Exif(
        orientation=orientation if orientation in range(1, 9) else None,
        capture=Capture(
            taken_at=moment(_text(detail, DATE_TIME_ORIGINAL), _text(detail, OFFSET_TIME_ORIGINAL)),
            make=_text(first, MAKE),
            model=_text(first, MODEL),
        ),
    )


def moment(stamp: str | None, offset: str | None) -> str | None:
    """ISO 8601 of EXIF's `2019:05:01 12:34:56` and `+02:00`; None if the stamp is no date."""
    written = STAMP.fullmatch(stamp or "")
    if not written:
        return None
    zone = offset if ZONE.fullmatch(offset or "") else ""
    try:
        return datetime.fromisoformat("{}-{}-{}T{}".format(*written.groups()) + (zone or "")).isoformat()
    except ValueError:
        return None


def _directory(block: memoryview, dialect: Dialect, at: int) -> Directory:
    try:
        return read_directory(block, dialect, at)
    except Rejected:
        return Directory(data=block, dialect=dialect, entries={})


def _text(directory: Directory, tag: int) -> str | None:
    """A text value up to its first NUL, printable and trimmed; None if nothing is left."""
    value = bytes(directory.value(tag)[: 4 * MOST_CHARACTERS]).partition(b"\0")[0]
    text = "".join(c for c in value.decode("utf-8", "ignore") if c.isprintable()).strip()
    return text[:MOST_CHARACTERS].strip() or None
