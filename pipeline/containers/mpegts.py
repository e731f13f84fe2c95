"""Transport streams: the tables that name the streams, in the first packets (ISO/IEC 13818-1, section 2.4)."""

from collections.abc import Iterator
from typing import NamedTuple

from config.limits import Limits
from pipeline.containers.claims import Claims, Kind, Track, check_streams
from pipeline.containers.reader import Reader

SYNC = 0x47
STRIDES = ((0, 188), (4, 192), (0, 204))  # offset and stride: plain, a camcorder's m2ts, with error correction
PACKET = 188
LOOKED_AT = 4 << 20  # bytes; a broadcast repeats its tables every tenth of a second
PICTURES = frozenset((0x01, 0x02, 0x10, 0x1B, 0x20, 0x24, 0x42, 0xD1, 0xEA))  # types of streams
SOUND = frozenset((0x03, 0x04, 0x0F, 0x11, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87))
PROGRAMS = 0  # the number of the packets of the table of programs
SECTION_OF_PROGRAMS, SECTION_OF_STREAMS = 0x00, 0x02
CHECKSUM = 4


class Packet(NamedTuple):
    """A packet's number, whether a section begins in it, whether it is scrambled, and what it carries."""

    number: int
    begins: bool
    scrambled: bool
    payload: bytes


def parse(reader: Reader, limits: Limits) -> Claims:
    """What a transport stream says of itself; see `pipeline.containers.read_claims`."""
    maps: set[int] = set()
    tracks: dict[int, Track] = {}
    scrambled: set[int] = set()
    for packet in read_packets(reader.peek(0, LOOKED_AT)):
        if packet.scrambled:
            scrambled.add(packet.number)
        section = packet.payload[1 + packet.payload[0] :] if packet.begins and packet.payload else b""
        if packet.number == PROGRAMS:
            maps |= set(read_programs(section))
        elif packet.number in maps:
            tracks |= read_streams(section)
            check_streams(len(tracks), limits)
    return Claims(
        tracks=tuple(
            Track(kind=track.kind, codec=track.codec, number=number, encrypted=number in scrambled)
            for number, track in tracks.items()
        )
    )


def read_packets(data: bytes) -> Iterator[Packet]:
    """The packets in order, up to where the rhythm breaks."""
    start, stride = rhythm(data)
    for at in range(start, len(data) - PACKET + 1, stride):
        head = data[at : at + 4]
        if head[0] != SYNC:
            return
        begins = at + 4 + (1 + data[at + 4] if head[3] & 0x20 else 0)  # after the adaptation field
        yield Packet(
            number=(head[1] & 0x1F) << 8 | head[2],
            begins=bool(head[1] & 0x40),
            scrambled=bool(head[3] & 0xC0),
            payload=data[begins : at + PACKET] if head[3] & 0x10 else b"",
        )


def rhythm(data: bytes) -> tuple[int, int]:
    """Where the packets begin, and how far apart they are."""
    four = bytes([SYNC]) * 4
    return next((found for found in STRIDES if data[found[0] : found[0] + 4 * found[1] : found[1]] == four), STRIDES[0])


def read_programs(section: bytes) -> list[int]:
    """The numbers of the packets that carry each program's table of streams; of a section in one packet."""
    entries = body(section, SECTION_OF_PROGRAMS)[5:]
    pairs = [entries[at : at + 4] for at in range(0, len(entries) - 3, 4)]
    return [(pair[2] & 0x1F) << 8 | pair[3] for pair in pairs if pair[:2] != b"\0\0"]


def read_streams(section: bytes) -> dict[int, Track]:
    """The streams of a program by the numbers of their packets; of a section in one packet."""
    data = body(section, SECTION_OF_STREAMS)
    tracks: dict[int, Track] = {}
    at = 9 + ((data[7] & 0x0F) << 8 | data[8]) if len(data) > 8 else len(data)
    while at + 5 <= len(data):
        kind, number = data[at], (data[at + 1] & 0x1F) << 8 | data[at + 2]
        tracks[number] = Track(kind=kind_of(kind), codec=f"{kind:02x}")
        at += 5 + ((data[at + 3] & 0x0F) << 8 | data[at + 4])
    return tracks


def body(section: bytes, table: int) -> bytes:
    """What follows a section's length, without its checksum; nothing of another table's."""
    if len(section) < 3 or section[0] != table:
        return b""
    length = (section[1] & 0x0F) << 8 | section[2]
    return section[3 : 3 + length - CHECKSUM]


def kind_of(stream_type: int) -> Kind:
    """Pictures, sound, or what is neither, or told by descriptors alone."""
    if stream_type in PICTURES:
        return Kind.PICTURES
    return Kind.SOUND if stream_type in SOUND else Kind.OTHER
