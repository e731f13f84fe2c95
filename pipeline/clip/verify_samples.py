"""Whether the pictures of an MP4 are pictures alone: what a stream may carry beside them is looked for unit by unit.

Captions, an encoder's user data, a camera's own and HDR's metadata all travel between the pictures, out of sight of the
boxes around them. What is let through is what a decoder needs, and the line in which x264 names itself and its options,
which it cannot be told to leave out.

Sources: ITU-T H.264 and H.265, annexes B, D; ISO/IEC 14496-15; the AV1 Bitstream and Decoding Process Specification.
"""

import mmap
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.clip.boxes import TopBox, inner_boxes
from pipeline.clip.codecs import VIDEO_ENTRY
from pipeline.headers.boxes import Box, Fields, find, read_boxes, version_of
from pipeline.headers.reader import U32, U64, number
from pipeline.verify import UncleanRenditionError

VIDEO = b"vide"
OFFSET, FIRST_FLAGS = 0x1, 0x4  # flags of a `trun`, of what stands before its samples: ISO/IEC 14496-12, 8.8.8
COLUMNS, SIZE_COLUMN = (0x100, 0x200, 0x400, 0x800), 0x200  # and of what stands for each of them
BASE, DESCRIPTION, LASTS, MEASURES = 0x1, 0x2, 0x8, 0x10  # flags of a `tfhd`: 8.8.7
LENGTH_BYTES = 4  # in front of each unit; every encoder here writes so

H264_PICTURES, H264_SEI = frozenset((1, 5, 7, 8, 9)), 6  # types of units: slices, parameter sets, delimiters
HEVC_PICTURES, HEVC_SEI = frozenset((*range(10), *range(16, 22), 32, 33, 34, 35)), (39, 40)
HEVC_SETS = frozenset((32, 33, 34))  # parameter sets
AV1_PICTURES, AV1_SEQUENCE = frozenset((1, 2, 3, 4, 6, 7)), 1  # no metadata, no padding
TIMING = frozenset((0, 1, 6, 129))  # payloads of SEI: buffering, timing, recovery point, active parameter sets
USER_DATA = 5
X264 = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
X264_LINE = re.compile(rb"x264 - core \d+[ -~]*\0?")


def check_samples(path: Path, boxes: Sequence[TopBox], movie: memoryview) -> None:
    """Raise UncleanRenditionError if anything lies between the pictures that is none, or in what describes them."""
    track = next(box.body for box in inner_boxes(movie) if box.kind == b"trak" and handler(box.body) == VIDEO)
    entry = next(read_boxes(need(track, b"mdia", b"minf", b"stbl", b"stsd")[8:]))
    check_configuration(entry)
    check = CHECKS[entry.kind]
    with path.open("rb") as content, mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for at, size in samples(boxes, track):
            if at + size > len(data):
                raise UncleanRenditionError("a sample lies outside the file")
            check(data[at : at + size])


def handler(track: memoryview) -> bytes:
    """What kind of track it is."""
    return bytes(need(track, b"mdia", b"hdlr")[8:12])


def need(data: memoryview, *path: bytes) -> memoryview:
    """What is in a box that must be there."""
    found = find(data, *path)
    if found is None:
        raise UncleanRenditionError(f"a track lacks its {b'/'.join(path).decode()}")
    return found


def samples(boxes: Sequence[TopBox], track: memoryview) -> Iterator[tuple[int, int]]:
    """Offset and size of each sample of a track."""
    fragments = [box for box in boxes if box.kind == b"moof"]
    if not fragments:
        yield from listed_samples(track)
    head = need(track, b"tkhd")
    own = number(U32, head, 20 if version_of(head)[0] == 1 else 12)
    for fragment in fragments:
        for box in inner_boxes(fragment.body):
            if box.kind == b"traf" and number(U32, need(box.body, b"tfhd"), 4) == own:
                yield from samples_of_fragment(fragment.at, box.body)


def samples_of_fragment(base: int, traf: memoryview) -> Iterator[tuple[int, int]]:
    """Those of one `traf`, whose `moof` begins at `base`."""
    _, held, rest = version_of(need(traf, b"tfhd"))
    fields = Fields(rest)
    fields.take(4 + sum(size for flag, size in ((BASE, 8), (DESCRIPTION, 4), (LASTS, 4)) if held & flag))
    usual = fields.take(4 if held & MEASURES else 0)
    at = base
    for box in inner_boxes(traf):
        if box.kind == b"trun":
            at, sizes = run_of(box.body, base, at, usual)
            for size in sizes:
                yield at, size
                at += size


def run_of(trun: memoryview, base: int, after: int, usual: int) -> tuple[int, list[int]]:
    """Where a `trun` begins, and the sizes of its samples."""
    _, held, rest = version_of(trun)
    fields = Fields(rest)
    count = fields.take(4)
    at = base + fields.take(4) if held & OFFSET else after
    fields.take(4 if held & FIRST_FLAGS else 0)
    columns = [flag for flag in COLUMNS if held & flag]
    if SIZE_COLUMN not in columns:
        return at, [usual] * count
    table = np.frombuffer(rest[fields.at :], ">u4").reshape(count, len(columns))
    return at, [int(size) for size in table[:, columns.index(SIZE_COLUMN)]]


def listed_samples(track: memoryview) -> Iterator[tuple[int, int]]:
    """Those that an index lists in chunks."""
    table = need(track, b"mdia", b"minf", b"stbl")
    sizes = sizes_of(need(table, b"stsz"))
    groups = np.frombuffer(need(table, b"stsc")[8:], ">u4").reshape(-1, 3).tolist()
    places = find(table, b"stco") or need(table, b"co64")
    width = U32 if find(table, b"stco") else U64
    chunks = [number(width, places, 8 + width.size * place) for place in range(number(U32, places, 4))]
    taken = 0
    for place, at in enumerate(chunks, start=1):
        count = next(group[1] for group in reversed(groups) if group[0] <= place)
        for size in sizes[taken : taken + count]:
            yield at, size
            at += size  # noqa: PLW2901 - the next one's
        taken += count


def sizes_of(stsz: memoryview) -> list[int]:
    """The sizes of all samples."""
    each, count = number(U32, stsz, 4), number(U32, stsz, 8)
    return [each] * count if each else [int(size) for size in np.frombuffer(stsz[12:], ">u4", count)]


def check_configuration(entry: Box) -> None:
    """Raise UncleanRenditionError if what a decoder is told beforehand holds more than parameter sets."""
    for box in inner_boxes(entry.body[VIDEO_ENTRY:]):
        if box.kind == b"hvcC":
            clean = set(hevc_sets(box.body)) <= HEVC_SETS
        elif box.kind == b"av1C":
            clean = all(kind == AV1_SEQUENCE for kind in av1_units(bytes(box.body[4:])))
        elif box.kind == b"avcC":
            clean = len(box.body) - end_of_sets(box.body) in (0, 4)  # chroma and depth, of the high profiles
        else:
            clean = True
        if not clean:
            raise UncleanRenditionError(f"its {box.kind.decode()} holds more than parameter sets")


def hevc_sets(data: memoryview) -> Iterator[int]:
    """The types of the units in an `hvcC`."""
    fields = Fields(data)
    fields.take(22)
    for _ in range(fields.take(1)):
        kind, count = fields.take(1) & 63, fields.take(2)
        for _ in range(count):
            fields.take(fields.take(2))
            yield kind


def end_of_sets(data: memoryview) -> int:
    """Where the parameter sets in an `avcC` end."""
    fields = Fields(data)
    fields.take(5)
    for mask in (0x1F, 0xFF):
        for _ in range(fields.take(1) & mask):
            fields.take(fields.take(2))
    return fields.at


def check_h264(sample: bytes) -> None:
    """Raise UncleanRenditionError for a unit that is no picture's."""
    for unit in units(sample):
        kind = unit[0] & 31
        if kind == H264_SEI:
            check_messages(unit[1:], may_name_itself=True)
        elif kind not in H264_PICTURES:
            raise UncleanRenditionError(f"between its pictures is a unit of type {kind}")


def check_hevc(sample: bytes) -> None:
    """As `check_h264`."""
    for unit in units(sample):
        kind = unit[0] >> 1 & 63
        if kind in HEVC_SEI:
            check_messages(unit[2:], may_name_itself=False)
        elif kind not in HEVC_PICTURES:
            raise UncleanRenditionError(f"between its pictures is a unit of type {kind}")


def check_av1(sample: bytes) -> None:
    """As `check_h264`."""
    for kind in av1_units(sample):
        if kind not in AV1_PICTURES:
            raise UncleanRenditionError(f"between its pictures is a unit of type {kind}")


CHECKS: dict[bytes, Callable[[bytes], None]] = {b"avc1": check_h264, b"hvc1": check_hevc, b"av01": check_av1}


def units(sample: bytes) -> Iterator[bytes]:
    """The units of a sample of H.264 or HEVC, which fill it to its last byte."""
    at = 0
    while at < len(sample):
        size = int.from_bytes(sample[at : at + LENGTH_BYTES], "big")
        at += LENGTH_BYTES
        if size < 2 or at + size > len(sample):
            raise UncleanRenditionError(f"a unit of {size} bytes does not fit into its sample")
        yield sample[at : at + size]
        at += size


def av1_units(sample: bytes) -> Iterator[int]:
    """The types of the units of a sample of AV1, which fill it to its last byte."""
    at = 0
    while at < len(sample):
        head = sample[at]
        at += 2 if head & 4 else 1  # with an extension
        size = shift = 0
        while head & 2:  # seven bits in each byte, the lowest first
            byte = sample[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        at = at + size if head & 2 else len(sample)
        if at > len(sample):
            raise UncleanRenditionError("a unit does not fit into its sample")
        yield head >> 3 & 15


def check_messages(unit: bytes, *, may_name_itself: bool) -> None:
    """Raise UncleanRenditionError for a message that says more than when a picture is shown, or which x264 it was."""
    said = unit.replace(b"\0\0\3", b"\0\0").rstrip(b"\0")
    at = 0
    while at < len(said) - 1:  # the last byte marks the end
        kind, at = take_number(said, at)
        size, at = take_number(said, at)
        payload, at = said[at : at + size], at + size
        named = kind == USER_DATA and payload[:16] == X264 and X264_LINE.fullmatch(payload[16:]) is not None
        if kind not in TIMING and not (named and may_name_itself):
            raise UncleanRenditionError(f"between its pictures is a message of type {kind} and {size} bytes")


def take_number(data: bytes, at: int) -> tuple[int, int]:
    """A number of SEI, in as many bytes of 255 as it takes and the rest, and where it ends."""
    value = 0
    while data[at] == 0xFF:
        value, at = value + 0xFF, at + 1
    return value + data[at], at + 1
