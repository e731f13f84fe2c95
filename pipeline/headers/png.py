"""PNG and APNG: one walk over the chunks that inflates nothing without a bound (W3C PNG, third edition)."""

import re
import zlib
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers.bounds import check_animation, check_frames, check_profile, check_size
from pipeline.headers.exif import read_exif
from pipeline.headers.header import Format, Header
from pipeline.headers.reader import U32, corrupt, number, unpack
from pipeline.headers.xmp import PACKET_BYTES, orientation_of

SIGNATURE_BYTES = 8
CHUNK = Struct(">I4s")
IHDR = Struct(">IIBBBBB")  # width, height, bits, colour type, compression, filter, interlace
BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of one pixel, by colour type
GREY = (0, 4)
WITH_ALPHA = (4, 6)
HEX_EXIF, XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"  # keywords of texts
HEX_BLOCK = re.compile(rb"\n[^\n]*\n *\d+\n([0-9A-Fa-f\n]*)")  # what is in it: a name, a length, the bytes
MOST_TEXT_BYTES = 4 << 20  # inflated, of all texts together; most decoders inflate them whether asked or not
DEFLATE_RATIO = 1032  # at most: two bits stand for 258 bytes (RFC 1951)
MOST_CHUNKS = 60_000  # 50 MB in pieces of 1 KB; encoders write 8 KB or more


class Chunk(NamedTuple):
    """A chunk's four letters and its data."""

    kind: bytes
    body: memoryview


class Text(NamedTuple):
    """A text chunk, of whichever of the three kinds. `body` may still be deflated."""

    keyword: bytes
    deflated: bool
    body: bytes


def parse(data: memoryview, limits: Limits) -> Header:
    """The header of a PNG; see `pipeline.headers.read_header`."""
    width, height, bits, colour = read_size(data, limits)
    chunks = tuple(read_chunks(data))
    kinds = [chunk.kind for chunk in chunks]
    check_pixels(chunks, width, height, bits * SAMPLES[colour])
    check_texts(chunks)
    frames = count_frames(chunks, kinds, limits)
    check_animation(frames, width, height, limits)
    exif = read_exif(find_exif(chunks, limits), limits.exif_bytes)
    return Header(
        format=Format.PNG,
        width=width,
        height=height,
        orientation=orientation_of(exif, find_xmp(chunks)),
        profile=inflate_profile(_body(chunks, b"iCCP"), limits),
        components=1 if colour in GREY else 3,
        bits=max(8, bits),
        alpha=colour in WITH_ALPHA or b"tRNS" in kinds,
        frames=frames,
        capture=exif.capture,
    )


def read_size(data: memoryview, limits: Limits) -> tuple[int, int, int, int]:
    """Width, height, bits and colour type, within the limits."""
    length, kind = unpack(CHUNK, data, SIGNATURE_BYTES)
    width, height, bits, colour, *methods = unpack(IHDR, data, SIGNATURE_BYTES + CHUNK.size)
    check_size(width, height, side=limits.side, pixels=limits.pixels)
    if (length, kind) != (13, b"IHDR") or bits not in BITS.get(colour, ()) or methods not in ([0, 0, 0], [0, 0, 1]):
        raise corrupt("The PNG begins with no valid IHDR chunk.")
    return width, height, bits, colour


def read_chunks(data: memoryview) -> Iterator[Chunk]:
    """The whole chunks in order, up to IEND or where the data break off; no checksum is verified.

    Raises:
        Rejected: `corrupt_header`, there are absurdly many.
    """
    at = SIGNATURE_BYTES
    for _ in range(MOST_CHUNKS):
        if at + CHUNK.size > len(data):
            return
        length, kind = CHUNK.unpack_from(data, at)
        start, at = at + CHUNK.size, at + CHUNK.size + length + 4
        if kind == b"IEND" or start + length > len(data):
            return
        yield Chunk(kind, data[start : start + length])
    raise corrupt(f"A PNG of more than {MOST_CHUNKS} chunks.")


def check_pixels(chunks: Sequence[Chunk], width: int, height: int, bits: int) -> None:
    """Raise Rejected `corrupt_header` if the whole IDAT chunks cannot hold the pixels of `bits` each.

    Where they could, whether they do is for the decoder to say.
    """
    deflated = sum(len(chunk.body) for chunk in chunks if chunk.kind == b"IDAT")
    if deflated * DEFLATE_RATIO < ((width * bits + 7) // 8 + 1) * height:
        raise corrupt("The PNG ends before or within its picture.")


def count_frames(chunks: Sequence[Chunk], kinds: Sequence[bytes], limits: Limits) -> int:
    """How many pictures an APNG shows: its frames, and the default picture where that is none of them.

    Both what the file claims and what it holds must be within the limit: decoders differ in which they believe.
    """
    before = kinds[: kinds.index(b"IDAT")]
    claimed = next((number(U32, chunk.body, 0) for chunk in chunks if chunk.kind == b"acTL"), 0)
    if claimed == 0 or b"acTL" not in before:
        return 1
    check_frames(claimed, limits)
    return kinds.count(b"fcTL") + (b"fcTL" not in before)


def inflate_profile(chunk: memoryview | None, limits: Limits) -> bytes | None:
    """The ICC profile; None if there is none, or its compressed data are broken."""
    if chunk is None:
        return None
    _name, _, rest = bytes(chunk).partition(b"\0")
    if rest[:1] != b"\0":  # the only method there is
        return None
    profile = inflate(rest[1:], limits.icc_bytes + 1)
    check_profile(len(profile or b""), limits)
    return profile


def read_texts(chunks: Sequence[Chunk]) -> Iterator[Text]:
    """The texts in order (W3C PNG, section 11.3.3)."""
    for chunk in chunks:
        if chunk.kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        keyword, _, rest = bytes(chunk.body).partition(b"\0")
        if chunk.kind == b"tEXt":
            yield Text(keyword, deflated=False, body=rest)
        elif chunk.kind == b"zTXt":
            yield Text(keyword, deflated=True, body=rest[1:])
        else:  # compressed, method, language, translated keyword, text
            yield Text(keyword, deflated=rest[:1] == b"\1", body=rest[2:].split(b"\0", 2)[-1])


def check_texts(chunks: Sequence[Chunk]) -> None:
    """Raise Rejected `metadata_too_large` if the compressed texts inflate to more than `MOST_TEXT_BYTES`."""
    texts = [text.body for text in read_texts(chunks) if text.deflated]
    left = MOST_TEXT_BYTES
    if sum(map(len, texts)) * DEFLATE_RATIO <= left:
        return
    for text in texts:
        left -= len(inflate(text, left + 1) or b"")
        if left < 0:
            raise Rejected("metadata_too_large", f"The PNG's texts inflate to more than {MOST_TEXT_BYTES:,} bytes.")


def find_text(chunks: Sequence[Chunk], keyword: bytes, most: int) -> bytes:
    """What the first text of that keyword says, cut after `most` bytes; empty if there is none or it is broken."""
    text = next((text for text in read_texts(chunks) if text.keyword == keyword), None)
    if text is None:
        return b""
    return inflate(text.body, most) or b"" if text.deflated else text.body[:most]


def inflate(deflated: bytes, most: int) -> bytes | None:
    """The inflated data, cut after `most` bytes; None if they are broken, or break off before that."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(deflated, most)
    except zlib.error:
        return None
    return inflated if inflater.eof or len(inflated) == most else None


def find_exif(chunks: Sequence[Chunk], limits: Limits) -> memoryview:
    """The EXIF block of its own chunk, else of the text in which ImageMagick kept it before there was one; or empty."""
    own = _body(chunks, b"eXIf")
    if own is not None:
        return own
    found = HEX_BLOCK.match(find_text(chunks, HEX_EXIF, 3 * limits.exif_bytes))
    digits = found[1].replace(b"\n", b"").decode("ascii") if found else ""
    return memoryview(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def find_xmp(chunks: Sequence[Chunk]) -> memoryview:
    """The XMP packet, or as much of it as is searched; or empty."""
    return memoryview(find_text(chunks, XMP, PACKET_BYTES))


def _body(chunks: Sequence[Chunk], kind: bytes) -> memoryview | None:
    return next((chunk.body for chunk in chunks if chunk.kind == kind), None)
