"""Small photo files, byte by byte, from the formats' specifications."""

import struct
import zlib
from collections.abc import Sequence

Entry = tuple[int, int, int, bytes]  # tag, type, count, value
ORIENTATION, MAKE, MODEL, EXIF, GPS, TAKEN, OFFSET = 0x112, 0x10F, 0x110, 0x8769, 0x8825, 0x9003, 0x9011


def tiff(entries: Sequence[Entry], *, order: str = "<", big: bool = False, pages: int = 1) -> bytes:
    """A TIFF of so many equal pages."""
    mark = b"II" if order == "<" else b"MM"
    out = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    for page in range(pages):
        out += directory(entries, len(out), order=order, big=big, last=page == pages - 1)
    return out


def directory(entries: Sequence[Entry], start: int, *, order: str = "<", big: bool = False, last: bool = True) -> bytes:
    """A directory for offset `start`, followed by the values that do not fit their entries."""
    word, inline = ("Q", 8) if big else ("I", 4)
    table = struct.pack(order + ("Q" if big else "H"), len(entries))
    values_at = start + len(table) + len(entries) * (20 if big else 12) + inline
    values = b""
    for tag, kind, count, value in sorted(entries):
        stored = value.ljust(inline, b"\0")
        if len(value) > inline:
            stored = struct.pack(order + word, values_at + len(values))
            values += value
        table += struct.pack(f"{order}HH{word}", tag, kind, count) + stored
    return table + struct.pack(order + word, 0 if last else values_at + len(values)) + values


def short(tag: int, *values: int, order: str = "<") -> Entry:
    return (tag, 3, len(values), struct.pack(f"{order}{len(values)}H", *values))


def long(tag: int, *values: int, order: str = "<") -> Entry:
    return (tag, 4, len(values), struct.pack(f"{order}{len(values)}I", *values))


def text(tag: int, value: str) -> Entry:
    data = value.encode() + b"\0"
    return (tag, 2, len(data), data)


def page(width: int = 7, height: int = 5, *more: Entry, order: str = "<") -> list[Entry]:
    """The entries of an uncompressed RGB page whose one strip begins at offset 8."""
    return [
        short(0x100, width, order=order),
        short(0x101, height, order=order),
        short(0x102, 8, 8, 8, order=order),
        short(0x106, 2, order=order),
        long(0x111, 8, order=order),
        short(0x115, 3, order=order),
        *more,
    ]


def exif(*entries: Entry, details: Sequence[Entry] = (), order: str = "<") -> bytes:
    """An EXIF block without its prefix; `details` are the entries of the EXIF directory."""
    if not details:
        return tiff(entries, order=order)
    start = len(tiff([*entries, long(EXIF, 0)]))
    return tiff([*entries, long(EXIF, start, order=order)], order=order) + directory(details, start, order=order)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg(
    width: int = 7,
    height: int = 5,
    *,
    components: int = 3,
    scans: int = 1,
    kind: int = 0xC0,
    bits: int = 8,
    segments: bytes = b"",
    end: bytes = b"\xff\xd9",
) -> bytes:
    """A JPEG with tables left out; each scan holds stuffing and a restart marker."""
    channels = b"".join(bytes((n + 1, 0x11, 0)) for n in range(components))
    frame = segment(kind, struct.pack(">BHHB", bits, height, width, components) + channels)
    in_first = components if scans == 1 else 1
    scan = segment(0xDA, bytes((in_first,)) + b"\1\0" * in_first + b"\0\x3f\0") + b"\x12\xff\0\xff\xd0\x34"
    return b"\xff\xd8" + segments + frame + scan * scans + end


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int = 7, height: int = 5, *, bits: int = 8, colour: int = 2, before: bytes = b"", after: bytes = b""
) -> bytes:
    """A PNG whose picture is one empty IDAT."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + head + before + body + after + chunk(b"IEND")


def frame_control(number: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 7, 5, 0, 0, 1, 10, 0, 0))


def apng(frames: int, claimed: int | None = None) -> bytes:
    """An APNG whose default picture is the first of so many frames."""
    control = chunk(b"acTL", struct.pack(">II", frames if claimed is None else claimed, 0)) + frame_control()
    more = b"".join(frame_control(n) + chunk(b"fdAT", b"\0\0\0\0") for n in range(1, frames))
    return png(before=control, after=more)


def gif(width: int = 7, height: int = 5, *, frames: int = 1, frame: bytes | None = None, end: bytes = b";") -> bytes:
    """A GIF of so many frames, each as large as the screen unless `frame` says otherwise."""
    one = frame if frame is not None else gif_frame(width, height)
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + one * frames + end


def gif_frame(width: int = 7, height: int = 5, *, left: int = 0, top: int = 0, transparent: bool = False) -> bytes:
    control = b"!\xf9\4" + bytes((transparent, 0, 0, 0)) + b"\0"
    return control + b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\2\2\x4c\1\0"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def vp8(width: int = 7, height: int = 5) -> tuple[bytes, bytes]:
    return b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)


def vp8x(width: int = 7, height: int = 5, flags: int = 0) -> tuple[bytes, bytes]:
    return b"VP8X", struct.pack("<I", flags) + u24(width - 1) + u24(height - 1)


def webp_frame(width: int = 7, height: int = 5, left: int = 0, top: int = 0) -> tuple[bytes, bytes]:
    places = u24(left // 2) + u24(top // 2) + u24(width - 1) + u24(height - 1) + u24(100) + b"\0"
    return b"ANMF", places + riff(vp8(width, height))[12:]


def u24(value: int) -> bytes:
    return value.to_bytes(3, "little")


def bmp(width: int = 7, height: int = 5, *, bits: int = 24, version: int = 40, compression: int = 0) -> bytes:
    """A BMP with a header of `version` bytes and all its pixels black."""
    if version == 12:
        info = struct.pack("<IHHHH", version, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHI", version, width, height, 1, bits, compression)[:version].ljust(version, b"\0")
    start = 14 + version
    pixels = bytes(max(0, (width * bits + 31) // 32 * 4 * abs(height)) if abs(width) < 1000 else 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + pixels


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def ispe(width: int, height: int) -> bytes:
    return full(b"ispe", 0, 0, struct.pack(">II", width, height))


def heif(
    items: Sequence[tuple[bytes, bytes, Sequence[bytes]]],
    *,
    references: Sequence[tuple[bytes, int, Sequence[int]]] = (),
    brand: bytes = b"heic",
    primary: int = 1,
    more: bytes = b"",
) -> bytes:
    """A HEIF of items (four letters, content, properties), numbered from 1; `more` is put after `meta`."""
    boxes = [prop for _, _, properties in items for prop in properties]
    entries, links, first = b"", b"", 1
    for number, (kind, _, properties) in enumerate(items, 1):
        entries += full(b"infe", 2, 0, struct.pack(">HH", number, 0) + kind + b"\0")
        links += struct.pack(">HB", number, len(properties)) + bytes(range(first, first + len(properties)))
        first += len(properties)
    pointers = b"".join(
        box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))
        for kind, source, targets in references
    )

    def meta(start: int) -> bytes:
        places, at = b"", start
        for number, (_, content, _) in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, at, len(content))
            at += len(content)
        return full(
            b"meta",
            0,
            0,
            full(b"hdlr", 0, 0, bytes(4) + b"pict" + bytes(13)),
            full(b"pitm", 0, 0, struct.pack(">H", primary)),
            full(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(items)), places),
            full(b"iinf", 0, 0, struct.pack(">H", len(items)), entries),
            full(b"iref", 0, 0, pointers),
            box(b"iprp", box(b"ipco", *boxes), full(b"ipma", 0, 0, struct.pack(">I", len(items)), links)),
        )

    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    start = len(head) + len(meta(0)) + len(more) + 8
    return head + meta(start) + more + box(b"mdat", *(content for _, content, _ in items))


def heic(width: int = 7, height: int = 5, *properties: bytes) -> bytes:
    return heif([(b"hvc1", b"coded", [ispe(width, height), *properties])])


def avif(width: int = 7, height: int = 5, *properties: bytes) -> bytes:
    return heif([(b"av01", b"coded", [ispe(width, height), *properties])], brand=b"avif")


def track(width: int = 7, height: int = 5, *, frames: int, beside: bytes = b"") -> bytes:
    """A `moov` box with one track of pictures, and perhaps another beside it."""
    return box(b"moov", media(b"pict", width, height, frames=frames), beside)


def media(handler_type: bytes, width: int = 7, height: int = 5, *, frames: int = 1, more: bytes = b"") -> bytes:
    """A `trak` box; `more` describes its codec."""
    entry = box(b"av01", bytes(24), struct.pack(">HH", width, height), bytes(50), more)
    table = box(
        b"stbl",
        full(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full(b"stsz", 0, 0, struct.pack(">II", 9, frames)),
    )
    handler = full(b"hdlr", 0, 0, bytes(4) + handler_type + bytes(13))
    return box(b"trak", box(b"mdia", handler, box(b"minf", table)))


EVERY_FORMAT = {
    "jpeg": jpeg(segments=segment(0xE1, b"Exif\0\0" + exif(short(ORIENTATION, 6)))),
    "progressive jpeg": jpeg(kind=0xC2, scans=3),
    "png": png(before=chunk(b"eXIf", exif(short(ORIENTATION, 6)))),
    "animated png": apng(3),
    "gif": gif(frames=3),
    "webp": riff(vp8()),
    "animated webp": riff(vp8x(flags=2), webp_frame(), webp_frame()),
    "tiff": tiff(page(), pages=2),
    "big tiff": tiff(page(order=">"), order=">", big=True),
    "bmp": bmp(),
    "heic": heic(),
    "avif": avif(),
    "avif sequence": heif([(b"av01", b"coded", [ispe(7, 5)])], brand=b"avis", more=track(frames=4)),
}
