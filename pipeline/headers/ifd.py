"""Image file directories: the tag tables that TIFF files and EXIF blocks share (TIFF 6.0, section 2; BigTIFF).

This level is tolerant: what lies outside the data is not there. Whether that matters is for the caller to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct, iter_unpack, unpack_from

from pipeline.headers.reader import number

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}  # bytes by type, no fractions
INTEGER_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
MOST_NUMBERS = 1 << 19  # of one value; a hundred megapixels in tiles of 16 x 16 are 390,625
MOST_ENTRIES = 4_096  # of one directory; cameras write fewer than 100


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file writes its directories: byte order, and offsets of four bytes or (BigTIFF) eight."""

    order: str  # as in struct: "<" or ">"
    count: Struct  # of the entries
    entry: str  # tag, type, count, value or offset
    entry_size: int
    offset: Struct

    @property
    def inline(self) -> int:
        """Bytes of a value that are kept in the entry itself."""
        return self.offset.size


def classic(order: str) -> Dialect:
    """TIFF as of 1992, and EXIF."""
    return Dialect(order=order, count=Struct(order + "H"), entry=order + "HHI4s", entry_size=12, offset=_u32(order))


def big(order: str) -> Dialect:
    """BigTIFF."""
    return Dialect(order=order, count=_u64(order), entry=order + "HHQ8s", entry_size=20, offset=_u64(order))


def _u32(order: str) -> Struct:
    return Struct(order + "I")


def _u64(order: str) -> Struct:
    return Struct(order + "Q")


CLASSIC = {"<": classic("<"), ">": classic(">")}
BIG = {"<": big("<"), ">": big(">")}


@dataclass(frozen=True, kw_only=True)
class Directory:
    """One directory: its entries by tag, as (type, count, value or offset), and the data its offsets point into."""

    data: memoryview
    dialect: Dialect
    entries: Mapping[int, tuple[int, int, bytes]]

    def value(self, tag: int) -> bytes | memoryview:
        """The bytes of a tag's value; empty if it is absent, of an odd type or not wholly within the data."""
        kind, count, inline = self.entries.get(tag, (0, 0, b""))
        size = TYPE_SIZES.get(kind, 0) * count
        if size <= self.dialect.inline:
            return inline[:size]
        at = self.dialect.offset.unpack(inline)[0]
        return self.data[at : at + size] if at + size <= len(self.data) else b""

    def integers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of a tag's value; empty if there are none."""
        kind, count, _ = self.entries.get(tag, (0, 0, b""))
        value = self.value(tag) if kind in INTEGER_CODES and count <= MOST_NUMBERS else b""
        return unpack_from(f"{self.dialect.order}{count}{INTEGER_CODES[kind]}", value) if value else ()

    def integer(self, tag: int) -> int | None:
        """The first whole number of a tag's value."""
        return next(iter(self.integers(tag)), None)


def read_directory(data: memoryview, dialect: Dialect, at: int) -> Directory:
    """The directory at offset `at`, with as many whole entries as are there.

    Raises:
        Rejected: `corrupt_header`, not even the number of entries lies within the data.
    """
    count = min(number(dialect.count, data, at), MOST_ENTRIES)
    start = at + dialect.count.size
    there = min(count, (len(data) - start) // dialect.entry_size)
    table = data[start : start + there * dialect.entry_size]
    entries = {tag: (kind, many, value) for tag, kind, many, value in iter_unpack(dialect.entry, table)}
    return Directory(data=data, dialect=dialect, entries=entries)


def next_directory(data: memoryview, dialect: Dialect, at: int) -> int:
    """The offset of the directory after the one at `at`; 0 if that is the last or the table breaks off."""
    where = at + dialect.count.size + number(dialect.count, data, at) * dialect.entry_size
    return number(dialect.offset, data, where) if where + dialect.offset.size <= len(data) else 0
