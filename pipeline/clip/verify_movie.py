"""Whether an MP4 holds its pictures and its sound, and not a byte besides."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.clip.boxes import MATRIX_FROM_END, MEDIA, UPRIGHT, TopBox, inner_boxes, top_boxes
from pipeline.clip.cmaf import SOUND, VIDEO, read_fragments, read_tracks
from pipeline.clip.codecs import SOUND_ENTRY, VIDEO_ENTRY
from pipeline.clip.model import ClipFile
from pipeline.clip.verify_samples import check_samples
from pipeline.headers.boxes import Box, find, version_of
from pipeline.headers.reader import U16, U32, number
from pipeline.verify import UncleanRenditionError

FILE = b""
LOOK = frozenset((b"colr", b"pasp", b"fiel", b"btrt"))
INSIDE: dict[bytes, frozenset[bytes]] = {
    FILE: frozenset((b"ftyp", b"moov", b"sidx", b"moof", b"mdat", b"free", b"mfra")),
    b"moov": frozenset((b"mvhd", b"trak", b"mvex", b"free")),
    b"trak": frozenset((b"tkhd", b"edts", b"mdia")),
    b"edts": frozenset((b"elst",)),
    b"mdia": frozenset((b"mdhd", b"hdlr", b"minf")),
    b"minf": frozenset((b"vmhd", b"smhd", b"dinf", b"stbl")),
    b"dinf": frozenset((b"dref",)),
    b"stbl": frozenset((b"stsd", b"stts", b"stss", b"ctts", b"sdtp", b"stsc", b"stsz", b"stco", b"sbgp", b"sgpd")),
    b"mvex": frozenset((b"mehd", b"trex")),
    b"moof": frozenset((b"mfhd", b"traf")),
    b"traf": frozenset((b"tfhd", b"tfdt", b"trun", b"sdtp", b"sbgp", b"sgpd")),
    b"mfra": frozenset((b"tfra", b"mfro")),
    b"stsd": frozenset((b"avc1", b"hvc1", b"av01", b"mp4a")),
    b"avc1": LOOK | {b"avcC"},
    b"hvc1": LOOK | {b"hvcC"},
    b"av01": LOOK | {b"av1C"},
    b"mp4a": frozenset((b"esds", b"btrt")),
}  # what may lie in a box; a box that is no key has no boxes in it
HEADS = {b"stsd": 8, b"avc1": VIDEO_ENTRY, b"hvc1": VIDEO_ENTRY, b"av01": VIDEO_ENTRY, b"mp4a": SOUND_ENTRY}
UNDETERMINED = 0x55C4  # the language "und", five bits a letter
ENCODERS = frozenset(("", "Lavc libx264", "Lavc libx265", "Lavc libsvtav1"))
HANDLERS = (b"VideoHandler\0", b"SoundHandler\0")
HERE = bytes.fromhex("00000000 00000001 0000000c 75726c20 00000001")  # its media lies in this very file
BT709 = b"nclx" + bytes.fromhex("0001 0001 0001 00")  # primaries, transfer, matrix; limited range
PLANAR_PROFILES = (66, 77, 100)  # of H.264: 8 bits a sample, 4:2:0


def check_movie(path: Path, stated: ClipFile, named: Mapping[str, ClipFile]) -> None:  # noqa: ARG001
    """An MP4 of the stated size, upright, with one stream of pictures and at most one of sound.

    Raises:
        UncleanRenditionError: it has a box that is not on the list, says more of itself than it must, or has bytes
            that belong to nothing.
    """
    boxes = top_boxes(path)
    for box in boxes:
        check_box(FILE, Box(box.kind, box.body))
    movies = [box.body for box in boxes if box.kind == b"moov"]
    need(len(movies) == 1 and boxes[0].kind == b"ftyp", "it does not begin as one movie")
    tracks = read_tracks(movies[0])
    need(
        [track.kind for track in tracks] in ([VIDEO], [VIDEO, SOUND]), "its streams are others than pictures and sound"
    )
    size = tracks[0].width, tracks[0].height
    need(size == (stated.width, stated.height), f"its size is {size[0]}x{size[1]}, not as stated")
    check_media(boxes, movies[0])
    check_samples(path, boxes, movies[0])


def check_media(boxes: Sequence[TopBox], movie: memoryview) -> None:
    """Every byte of media is one of a sample."""
    media = [box.size - 8 for box in boxes if box.kind == MEDIA]
    fragments = tuple(read_fragments(boxes))
    if fragments:
        described = [sum(run.size for run in fragment.runs) for fragment in fragments]
    else:
        described = [sum(map(sample_bytes, (box.body for box in inner_boxes(movie) if box.kind == b"trak")))]
    need(media == described, f"its media has {sum(media)} bytes, its samples {sum(described)}")


def sample_bytes(track: memoryview) -> int:
    """How many bytes the samples of a `trak` have."""
    table = find(track, b"mdia", b"minf", b"stbl", b"stsz")
    if table is None:
        return 0
    each, count = number(U32, table, 4), number(U32, table, 8)
    return each * count if each else int(np.frombuffer(table[12:], ">u4", count).sum(dtype=np.int64))


def check_box(parent: bytes, box: Box) -> None:
    """A box that may lie in its parent, and what is in it."""
    need(box.kind in INSIDE[parent], f"it holds a box {box.kind!r} in {parent!r}")
    if box.kind in LEAVES:
        need(LEAVES[box.kind](box.body), f"its box {box.kind!r} says what it should not: {bytes(box.body[:80]).hex()}")
    if box.kind in INSIDE:
        for child in inner_boxes(box.body[HEADS.get(box.kind, 0) :]):
            check_box(box.kind, child)


def timeless(header: memoryview) -> bool:
    """Whether a header says neither when it was made nor when it was changed."""
    wide = 8 if version_of(header)[0] == 1 else 4
    return not any(header[4 : 4 + 2 * wide])


def upright(header: memoryview) -> bool:
    """Whether a `tkhd` turns nothing."""
    return timeless(header) and bytes(header[-MATRIX_FROM_END:-8]) == UPRIGHT


def plain_pictures(entry: memoryview) -> bool:
    """Whether pictures say no more of their encoder than its name."""
    return bytes(entry[43 : 43 + entry[42]]).decode(errors="replace") in ENCODERS and not any(
        entry[43 + entry[42] : 74]
    )


LEAVES: dict[bytes, Callable[[memoryview], bool]] = {
    b"free": lambda body: not any(body),
    b"mvhd": timeless,
    b"tkhd": upright,
    b"mdhd": lambda body: timeless(body) and number(U16, body, len(body) - 4) == UNDETERMINED,
    b"hdlr": lambda body: bytes(body[24:]) in HANDLERS,
    b"dref": lambda body: bytes(body) == HERE,
    b"avc1": plain_pictures,
    b"hvc1": plain_pictures,
    b"av01": plain_pictures,
    b"avcC": lambda body: body[1] in PLANAR_PROFILES,
    b"hvcC": lambda body: body[1] & 31 == 1,  # Main: 8 bits, 4:2:0
    b"av1C": lambda body: body[1] >> 5 == 0 and body[2] & 0b0111_1100 == 0b0000_1100,  # 8 bits, 4:2:0
    b"colr": lambda body: bytes(body) == BT709,
    b"fiel": lambda body: body[0] == 1,  # whole frames
    b"pasp": lambda body: body[:4] == body[4:],
}


def need(true: bool, otherwise: str) -> None:  # noqa: FBT001
    """Raise UncleanRenditionError unless it is true."""
    if not true:
        raise UncleanRenditionError(otherwise)
