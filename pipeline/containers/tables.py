"""The tables of a movie's index: whether the entries that one claims fit into its box.

A table is allocated by its count before it is read, so a count of four thousand million in a box of sixteen bytes costs
whoever believes it its memory.
"""

from struct import Struct

from pipeline.containers.boxes import Place
from pipeline.containers.reader import Reader
from pipeline.headers.reader import corrupt

COUNT = Struct(">4xI")
SIZES = Struct(">4xII")  # of `stsz`: the size that all have or 0, and the count
NARROW_SIZES = Struct(">7xBI")  # of `stz2`: bits of a size, and the count
RUN = Struct(">II")  # version with flags, count
ENTRY_BYTES = {
    b"stts": 8,
    b"ctts": 8,
    b"stsc": 12,
    b"stco": 4,
    b"co64": 8,
    b"stss": 4,
    b"stps": 4,
    b"stsh": 8,
    b"elst": 12,
}  # of what begins with version, flags and a count
RUN_FIELDS = (0x100, 0x200, 0x400, 0x800)  # flags of a `trun`, of 4 bytes of each sample: duration, size, flags, offset
RUN_EXTRAS = (0x1, 0x4)  # of 4 bytes before the samples: data offset, first sample's flags


def check_table(reader: Reader, box: Place) -> None:
    """Raise Rejected `corrupt_header` if a table claims more entries than its box has room for."""
    count, claimed = claimed_bytes(reader, box)
    if box.start + claimed > box.end:
        raise corrupt(f"A table {box.kind!r} claims {count} entries in {box.end - box.start} bytes.")


def claimed_bytes(reader: Reader, box: Place) -> tuple[int, int]:
    """How many entries a box claims, and how many bytes it must have for them; none of what is no table."""
    if box.kind == b"stsz":
        size, count = reader.unpack(SIZES, box.start)
        return count, 0 if size else SIZES.size + 4 * count
    if box.kind == b"stz2":
        bits, count = reader.unpack(NARROW_SIZES, box.start)
        return count, NARROW_SIZES.size + bits * count // 8
    if box.kind == b"trun":
        head, count = reader.unpack(RUN, box.start)
        each = 4 * sum(1 for flag in RUN_FIELDS if head & flag)
        return count, RUN.size + 4 * sum(1 for flag in RUN_EXTRAS if head & flag) + each * count
    if box.kind not in ENTRY_BYTES:
        return 0, 0
    (count,) = reader.unpack(COUNT, box.start)
    return count, COUNT.size + ENTRY_BYTES[box.kind] * count
