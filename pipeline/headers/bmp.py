"""BMP: the file header and every version of the information header (Microsoft's bitmap storage; OS/2 1.x and 2.x)."""

from dataclasses import dataclass
from struct import Struct

from config.limits import Limits
from pipeline.headers.bounds import check_size
from pipeline.headers.header import Format, Header
from pipeline.headers.reader import corrupt, number, unpack, unsupported

FILE_HEADER_BYTES = 14
PIXELS_AT = Struct("<10xI")
HEADER_BYTES = Struct("<14xI")
CORE = Struct("<18xHHHH")  # width, height, planes, bits
INFO = Struct("<18xiiHHI")  # width, height, planes, bits, compression
SHORT = Struct("<18xiiHH")  # the same of OS/2, cut short before the compression
COLOURS_USED = Struct("<46xI")
ALPHA_MASK = Struct("<66xI")
CORE_BYTES = 12
VERSIONS = (CORE_BYTES, 16, 40, 52, 56, 64, 108, 124)  # of the information header, by its size
RGB, RLE8, RLE4, BIT_FIELDS, ALPHA_BIT_FIELDS = 0, 1, 2, 3, 6
DEPTHS = {RGB: (1, 2, 4, 8, 16, 24, 32), RLE8: (8,), RLE4: (4,), BIT_FIELDS: (16, 32), ALPHA_BIT_FIELDS: (16, 32)}


@dataclass(frozen=True, kw_only=True)
class Bitmap:
    """What the information header says. A negative height means that the rows come from the top."""

    header_bytes: int
    width: int
    height: int
    bits: int
    compression: int


def parse(data: memoryview, limits: Limits) -> Header:
    """The header of a BMP; see `pipeline.headers.read_header`."""
    bitmap = read_bitmap(data)
    check_size(bitmap.width, abs(bitmap.height), side=limits.side, pixels=limits.pixels)
    if bitmap.bits not in DEPTHS.get(bitmap.compression, ()):
        raise unsupported(f"BMP with {bitmap.bits} bits a pixel and compression {bitmap.compression}.")
    check_extent(data, bitmap)
    has_alpha_mask = bitmap.header_bytes >= 56 and bitmap.compression in (BIT_FIELDS, ALPHA_BIT_FIELDS)
    return Header(
        format=Format.BMP,
        width=bitmap.width,
        height=abs(bitmap.height),
        alpha=has_alpha_mask and number(ALPHA_MASK, data, 0) > 0,
    )


def read_bitmap(data: memoryview) -> Bitmap:
    """The information header, in the fields that all versions have."""
    size = number(HEADER_BYTES, data, 0)
    if size not in VERSIONS:
        raise corrupt(f"A BMP information header of {size} bytes is not known.")
    if size == CORE_BYTES:
        width, height, _, bits = unpack(CORE, data, 0)
        return Bitmap(header_bytes=size, width=width, height=height, bits=bits, compression=RGB)
    width, height, _, bits, compression = unpack(INFO, data, 0) if size > 16 else (*unpack(SHORT, data, 0), RGB)
    return Bitmap(header_bytes=size, width=width, height=height, bits=bits, compression=compression)


def check_extent(data: memoryview, bitmap: Bitmap) -> None:
    """Raise Rejected `corrupt_header` if the palette or the pixels, unless they are compressed, break off."""
    least = FILE_HEADER_BYTES + bitmap.header_bytes
    start = number(PIXELS_AT, data, 0) or least  # 0 is found in the wild: the pixels follow what is before them
    if start < least:
        raise corrupt("The BMP's pixels begin within its header.")
    if bitmap.bits <= 8 and bitmap.header_bytes >= 40 and number(COLOURS_USED, data, 0) > 1 << bitmap.bits:
        raise corrupt("The BMP's palette has more colours than its pixels can name.")
    row = (bitmap.width * bitmap.bits + 31) // 32 * 4
    if bitmap.compression not in (RLE8, RLE4) and start + row * abs(bitmap.height) > len(data):
        raise corrupt("The BMP ends within its pixels.")
    if start >= len(data):
        raise corrupt("The BMP ends before its pixels.")
