"""MKV and WebM: what is said before the first cluster of pictures and sound (RFC 8794, EBML; RFC 9559, Matroska)."""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from config.limits import Limits
from pipeline.containers.claims import Claims, Kind, Track, check_streams
from pipeline.containers.reader import Reader
from pipeline.headers.reader import corrupt

EBML, SEGMENT, INFO, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
SCALE, DURATION = 0x2AD7B1, 0x4489
ENTRY, NUMBER, TYPE, CODEC, VIDEO, WIDTH, HEIGHT = 0xAE, 0xD7, 0x83, 0x86, 0xE0, 0xB0, 0xBA
ENCODINGS, ENCODING, ENCRYPTION = 0x6D80, 0x6240, 0x5035
KINDS = {1: Kind.PICTURES, 2: Kind.SOUND}
USUAL_SCALE = 1_000_000  # nanoseconds of a tick
MOST_ELEMENTS = 2_000  # beside each other, before the first cluster
MOST_NUMBER_BYTES, MOST_TEXT_BYTES = 8, 64
LONGEST_HEAD = 12  # bytes: four of an id, eight of a size
FLOATS = {4: Struct(">f"), 8: Struct(">d")}


class Element(NamedTuple):
    """An element's id, and from where to where its content goes."""

    id: int
    start: int
    end: int


def parse(reader: Reader, limits: Limits) -> Claims:
    """What a Matroska file says of itself; see `pipeline.containers.read_claims`."""
    top = list(walk(reader, 0, reader.size, until=SEGMENT))
    if not top or top[0].id != EBML or top[-1].id != SEGMENT:
        raise corrupt("This Matroska file does not begin as one.")
    segment = top[-1]
    parts = {part.id: part for part in walk(reader, segment.start, segment.end, until=CLUSTER)}
    tracks = list(walk(reader, *parts[TRACKS][1:])) if TRACKS in parts else []
    entries = [element for element in tracks if element.id == ENTRY]
    check_streams(len(entries), limits)
    return Claims(
        tracks=tuple(read_track(reader, entry) for entry in entries),
        seconds=read_seconds(reader, parts[INFO]) if INFO in parts else None,
    )


def walk(reader: Reader, start: int, end: int, *, until: int | None = None) -> Iterator[Element]:
    """The elements beside each other, up to and with the first of the id `until`.

    Live recordings leave the size of a segment or cluster open; it then goes to the end of what it lies in, as does one
    that claims more than there is. Only the last that is walked may.

    Raises:
        Rejected: `corrupt_header`, one has no valid head or reaches beyond what it lies in, or there are absurdly many.
    """
    at = start
    for _ in range(MOST_ELEMENTS):
        if at >= end:
            return
        kind, size, head = read_head(reader, at)
        stop = end if size is None else at + head + size
        if stop > end and kind not in (SEGMENT, CLUSTER):
            raise corrupt(f"An element {kind:X} at byte {at} claims {size} bytes where {end - at} are left.")
        yield Element(kind, at + head, min(stop, end))
        if kind == until:
            return
        at = stop
    raise corrupt(f"More than {MOST_ELEMENTS} elements beside each other.")


def read_head(reader: Reader, at: int) -> tuple[int, int | None, int]:
    """Id, size (None: open) and the size of the head of the element at an offset."""
    data = reader.peek(at, LONGEST_HEAD)
    id_bytes = length_of(data[:1], most=4)
    size_bytes = length_of(data[id_bytes : id_bytes + 1], most=8)
    if len(data) < id_bytes + size_bytes:
        raise corrupt(f"The file ends within the head of an element at byte {at}.")
    size = int.from_bytes(data[id_bytes : id_bytes + size_bytes], "big") & (1 << 7 * size_bytes) - 1
    is_open = size == (1 << 7 * size_bytes) - 1
    return int.from_bytes(data[:id_bytes], "big"), None if is_open else size, id_bytes + size_bytes


def length_of(first: bytes, *, most: int) -> int:
    """How many bytes a number of varying length has: one more than its first byte has zeros in front."""
    length = 9 - first[0].bit_length() if first and first[0] else 0
    if not 0 < length <= most:
        raise corrupt("An element's head is no valid one.")
    return length


def read_track(reader: Reader, entry: Element) -> Track:
    """What a track's entry says."""
    parts = {part.id: part for part in walk(reader, entry.start, entry.end)}
    video = {part.id: part for part in walk(reader, *parts[VIDEO][1:])} if VIDEO in parts else {}
    return Track(
        number=number(reader, parts, NUMBER),
        kind=KINDS.get(number(reader, parts, TYPE), Kind.OTHER),
        codec=text(reader, parts[CODEC]) if CODEC in parts else "",
        width=number(reader, video, WIDTH),
        height=number(reader, video, HEIGHT),
        encrypted=ENCODINGS in parts and is_encrypted(reader, parts[ENCODINGS]),
    )


def is_encrypted(reader: Reader, encodings: Element) -> bool:
    """Whether one of a track's encodings is an encryption."""
    each = [element for element in walk(reader, encodings.start, encodings.end) if element.id == ENCODING]
    return any(part.id == ENCRYPTION for element in each for part in walk(reader, element.start, element.end))


def read_seconds(reader: Reader, info: Element) -> float | None:
    """The clip's length, as it is stated."""
    parts = {part.id: part for part in walk(reader, info.start, info.end)}
    length = parts.get(DURATION)
    layout = FLOATS.get(length.end - length.start) if length else None
    if length is None or layout is None:
        return None
    ticks = float(reader.unpack(layout, length.start)[0])
    scale = number(reader, parts, SCALE) or USUAL_SCALE
    return ticks * scale / 1e9 if ticks == ticks else None  # noqa: PLR0124 - a NaN is not itself


def number(reader: Reader, parts: "dict[int, Element]", kind: int) -> int:
    """A whole number; 0 where it is missing."""
    element = parts.get(kind)
    if element is None:
        return 0
    return int.from_bytes(reader.take(element.start, min(element.end - element.start, MOST_NUMBER_BYTES)), "big")


def text(reader: Reader, element: Element) -> str:
    """A name."""
    return reader.take(element.start, min(element.end - element.start, MOST_TEXT_BYTES)).decode("latin-1").rstrip("\0")
