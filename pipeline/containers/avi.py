"""AVI: the headers in front of its pictures and sound (Microsoft, AVI RIFF File Reference; OpenDML AVI, 1997)."""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.containers.claims import Claims, Kind, Track, check_streams
from pipeline.containers.reader import Reader
from pipeline.headers.reader import corrupt

CHUNK = Struct("<4sI")
RIFF_BYTES = 12
STREAM = Struct("<4s4s12xII4xI")  # kind, codec, scale, rate and length of a `strh`
BITMAP = Struct("<4xii")  # width and height of a `strf` of pictures
INDEX = Struct("<HBBI")  # longs an entry, subtype, type, entries in use of an `indx`
INDEX_HEAD = 24
KINDS = {b"vids": Kind.PICTURES, b"auds": Kind.SOUND}
SLACK_BYTES = 8  # a last chunk's filling, which some writers count and do not write
MOST_CHUNKS = 1_000  # beside each other, before the pictures


class Chunk(NamedTuple):
    """A chunk's four letters, a list's own, and from where to where its content goes."""

    kind: bytes
    list_kind: bytes
    start: int
    end: int


def parse(reader: Reader, limits: Limits) -> Claims:
    """What an AVI says of itself; see `pipeline.containers.read_claims`."""
    lists = list(walk(reader, RIFF_BYTES, reader.size))
    head = next((chunk for chunk in lists if chunk.list_kind == b"hdrl"), None)
    if head is None:
        raise corrupt("This AVI does not describe its streams.")
    streams = [chunk for chunk in walk(reader, head.start, head.end) if chunk.list_kind == b"strl"]
    check_streams(len(streams), limits)
    return Claims(tracks=tuple(read_stream(reader, stream) for stream in streams))


def walk(reader: Reader, start: int, end: int) -> Iterator[Chunk]:
    """The chunks beside each other, up to the pictures; one that claims more than is there is cut at the end.

    Raises:
        Rejected: `corrupt_header`, there are absurdly many; `truncated_clip`, the pictures are not all there.
    """
    at = start
    for _ in range(MOST_CHUNKS):
        if at + CHUNK.size > end:
            return
        kind, size = reader.unpack(CHUNK, at)
        begins, stop = at + CHUNK.size, min(at + CHUNK.size + size, end)
        list_kind = reader.peek(begins, 4) if kind in (b"LIST", b"RIFF") else b""
        if list_kind == b"movi":
            check_whole(begins + size, reader.size)
            return
        yield Chunk(kind, list_kind, begins + len(list_kind), stop)
        at += CHUNK.size + size + (size & 1)
    raise corrupt(f"More than {MOST_CHUNKS} chunks beside each other.")


def check_whole(end: int, size: int) -> None:
    """Raise Rejected `truncated_clip` if the pictures are said to end after the file of `size` bytes."""
    if end > size + SLACK_BYTES:
        raise Rejected("truncated_clip", f"The last {end - size} bytes of this clip are missing.")


def read_stream(reader: Reader, stream: Chunk) -> Track:
    """What the list of one stream says."""
    chunks = {chunk.kind: chunk for chunk in walk(reader, stream.start, stream.end)}
    if b"strh" not in chunks:
        raise corrupt("A stream of this AVI has no header.")
    kind, codec, scale, rate, length = reader.unpack(STREAM, chunks[b"strh"].start)
    check_index(reader, chunks.get(b"indx"))
    held = KINDS.get(kind, Kind.OTHER)
    pictures = held is Kind.PICTURES
    width, height = reader.unpack(BITMAP, chunks[b"strf"].start) if pictures and b"strf" in chunks else (0, 0)
    return Track(
        kind=held,
        codec=codec.decode("latin-1"),
        width=max(0, width),
        height=abs(height),
        frames=length if pictures else 0,
        seconds=length * scale / rate if pictures and rate else None,
    )


def check_index(reader: Reader, index: Chunk | None) -> None:
    """Raise Rejected `corrupt_header` if an index of OpenDML claims more entries than it has room for."""
    if index is None:
        return
    longs, _, _, count = reader.unpack(INDEX, index.start)
    if index.start + INDEX_HEAD + 4 * longs * count > index.end:
        raise corrupt(f"An index claims {count} entries in {index.end - index.start} bytes.")
