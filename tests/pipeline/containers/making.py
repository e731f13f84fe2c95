"""Containers made by hand, of nothing but what the parsers read."""

import struct


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of ISO base media."""
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def table(kind: bytes, entry: str, *entries: tuple[int, ...], count: int | None = None) -> bytes:
    """A table of an index that claims `count` entries, by default as many as it has."""
    packed = b"".join(struct.pack(">" + entry, *values) for values in entries)
    return box(kind, bytes(4), struct.pack(">I", len(entries) if count is None else count), packed)


def sizes(frames: int = 30, each: int = 1, kind: bytes = b"stsz") -> bytes:
    """The table of the sizes of samples, all of one size."""
    return box(kind, bytes(4), struct.pack(">II", each, frames))


def entry(codec: bytes = b"avc1", width: int = 320, height: int = 180, *more: bytes) -> bytes:
    """A sample entry of pictures."""
    return box(codec, bytes(24), struct.pack(">HH", width, height), bytes(50), *more)


def described(*entries: bytes, count: int | None = None) -> bytes:
    """The sample entries of a track."""
    return box(b"stsd", bytes(4), struct.pack(">I", len(entries) if count is None else count), *entries)


HERE = box(b"url ", b"\0\0\0\1")


def track(
    *tables: bytes,
    handler: bytes = b"vide",
    entries: bytes | None = None,
    reference: bytes = HERE,
    seconds: int = 1,
    shown: tuple[int, int] = (320, 180),
) -> bytes:
    """A `trak` of number 1."""
    head = box(b"tkhd", bytes(12), struct.pack(">I", 1), bytes(60), struct.pack(">II", *(side << 16 for side in shown)))
    stbl = box(b"stbl", described(entry()) if entries is None else entries, *(tables or (sizes(),)))
    references = box(b"dinf", box(b"dref", bytes(4), struct.pack(">I", 1), reference))
    length = box(b"mdhd", bytes(12), struct.pack(">II", 1000, 1000 * seconds), bytes(4))
    named = box(b"hdlr", bytes(8), handler, bytes(13))
    return box(b"trak", head, box(b"mdia", length, named, box(b"minf", references, stbl)))


def movie(*tracks: bytes, seconds: int = 1, more: bytes = b"") -> bytes:
    """An MP4 of these tracks, by default one of pictures."""
    head = box(b"mvhd", bytes(12), struct.pack(">II", 1000, 1000 * seconds), bytes(80))
    return (
        box(b"ftyp", b"isom", bytes(4), b"isom")
        + box(b"moov", head, *(tracks or (track(),)), more)
        + box(b"mdat", bytes(99))
    )


def fragment(samples: int, *, claimed: int | None = None, number: int = 1) -> bytes:
    """A `moof` of so many samples of one track."""
    run = box(b"trun", struct.pack(">II", 0x200, samples if claimed is None else claimed), bytes(4 * samples))
    return box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", box(b"tfhd", bytes(4), struct.pack(">I", number)), run))


def element(kind: int, *contents: bytes, size: bytes | None = None) -> bytes:
    """An element of EBML; `size` as it is to be written, by default what it is."""
    body = b"".join(contents)
    written = size if size is not None else (len(body) | 1 << 56).to_bytes(8, "big")
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + written + body


OPEN = b"\x01" + b"\xff" * 7  # a size that is left open


def entry_of(kind: int = 1, *more: bytes) -> bytes:
    """The entry of a Matroska track: 1 of pictures, 2 of sound."""
    video = element(0xE0, element(0xB0, b"\x01\x40"), element(0xBA, b"\xb4"))
    return element(0xAE, element(0xD7, b"\1"), element(0x83, bytes([kind])), element(0x86, b"V_VP9"), video, *more)


ENCRYPTED = element(0x6D80, element(0x6240, element(0x5035)))


def matroska(*entries: bytes, seconds: float = 1.0, size: bytes | None = None, cluster: bytes | None = None) -> bytes:
    """A Matroska file; `size` is the segment's."""
    info = element(0x1549A966, element(0x2AD7B1, b"\x0f\x42\x40"), element(0x4489, struct.pack(">d", 1000 * seconds)))
    tracks = element(0x1654AE6B, *(entries or (entry_of(),)))
    clusters = element(0x1F43B675, bytes(9), size=cluster)
    return element(0x1A45DFA3, element(0x4282, b"webm")) + element(0x18538067, info, tracks, clusters, size=size)


def chunk(kind: bytes, *contents: bytes) -> bytes:
    """A chunk of RIFF."""
    body = b"".join(contents)
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def stream(kind: bytes = b"vids", *, frames: int = 30, rate: int = 30, more: bytes = b"") -> bytes:
    """The list of one stream of an AVI."""
    head = chunk(b"strh", kind, b"MJPG", bytes(12), struct.pack("<IIII", 1, rate, 0, frames), bytes(20))
    return chunk(b"LIST", b"strl", head, chunk(b"strf", struct.pack("<Iii", 40, 320, 180), bytes(28)), more)


def avi(*streams: bytes) -> bytes:
    """An AVI of these streams, by default one of pictures."""
    head = chunk(b"LIST", b"hdrl", chunk(b"avih", bytes(56)), *(streams or (stream(),)))
    return chunk(b"RIFF", b"AVI ", head, chunk(b"LIST", b"movi", chunk(b"00dc", bytes(99))))


def packet(number: int, payload: bytes = b"", *, begins: bool = False, scrambled: bool = False) -> bytes:
    """A packet of a transport stream."""
    head = struct.pack(">BHB", 0x47, begins << 14 | number, 0x10 | scrambled << 7)
    return (head + payload).ljust(188, b"\xff")


def section(table_id: int, body: bytes) -> bytes:
    """A section, behind the byte that says where it begins."""
    return b"\0" + bytes([table_id]) + struct.pack(">H", 0xB000 | len(body) + 4) + body + bytes(4)


def transport(*types: int, scrambled: bool = False) -> bytes:
    """A transport stream of streams of these types, numbered from 256 on; by default one of H.264."""
    types = types or (0x1B,)
    programs = section(0, bytes(5) + struct.pack(">HH", 1, 0xE000 | 0x1000 - 1))
    listed = b"".join(struct.pack(">BHH", kind, 0xE000 | 256 + place, 0xF000) for place, kind in enumerate(types))
    streams = section(2, bytes(5) + struct.pack(">HH", 0xE100, 0xF000) + listed)
    media = [packet(256, bytes(100), scrambled=scrambled) for _ in range(9)]
    return packet(0, programs, begins=True) + packet(0x1000 - 1, streams, begins=True) + b"".join(media)


EVERY_CONTAINER = {
    "mov": movie(),
    "mov in fragments": movie(track(sizes(0))) + fragment(15) + fragment(15),
    "matroska": matroska(),
    "live matroska": matroska(size=OPEN, cluster=OPEN),
    "avi": avi(),
    "mpegts": transport(),
}
