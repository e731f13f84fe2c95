"""HEIC, HEIF and AVIF: the primary picture with its tiles, or the frames of an image sequence.

Sources: ISO/IEC 23008-12 (HEIF), ISO/IEC 23000-22 (MIAF), the AV1 Image File Format, ISO/IEC 14496-15 (hvcC).
"""

from collections.abc import Sequence
from struct import Struct

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers.bounds import check_animation, check_profile, check_size
from pipeline.headers.boxes import Box, find
from pipeline.headers.exif import Exif, read_exif
from pipeline.headers.header import Format, Header
from pipeline.headers.items import Items, read_items
from pipeline.headers.reader import U32, corrupt, number, take, unpack, unsupported
from pipeline.headers.tracks import Track, read_track

CODECS = {b"hvc1": Format.HEIC, b"hev1": Format.HEIC, b"av01": Format.AVIF}
DERIVED = (b"grid", b"iden", b"iovl")  # pictures made of others
DEEPEST = 4  # derived pictures of derived pictures
PLAYED = b"avis"  # the major brand with which libavif shows the track, and not the still beside it
SIZE = Struct(">4xII")  # ispe: width and height
CROP = Struct(">4I")  # clap: width and height as fractions
GRID = Struct(">4B")  # version, flags, rows - 1, columns - 1
ALPHA_TYPES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
PROFILES = (b"prof", b"rICC")
# EXIF's orientation for irot (quarter turns against the clock), then imir (none, top to bottom, left to right).
ORIENTATIONS = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


def parse(data: memoryview, limits: Limits) -> Header:
    """The header of a HEIF file; see `pipeline.headers.read_header`."""
    meta, moov = find(data, b"meta"), find(data, b"moov")
    items = read_items(data, meta) if meta else None
    track = read_track(moov) if moov else None
    exif = find_exif(items, limits) if items else Exif()
    if track and (items is None or bytes(data[8:12]) == PLAYED):
        return describe_track(track, exif, limits)
    if items is None:
        raise corrupt("The file names no picture to show.")
    return describe_item(items, exif, limits)


def describe_track(track: Track, exif: Exif, limits: Limits) -> Header:
    """The header of an image sequence."""
    check_size(track.width, track.height, side=limits.side, pixels=limits.pixels)
    check_animation(track.frames, track.width, track.height, limits)
    if track.frames == 0:
        raise corrupt("The image sequence has no frame.")
    return Header(
        format=format_of(track.codec),
        width=track.width,
        height=track.height,
        profile=find_profile(track.properties, limits),
        components=depth_of(track.properties)[0],
        bits=depth_of(track.properties)[1],
        alpha=track.alpha,
        frames=track.frames,
        capture=exif.capture,
    )


def describe_item(items: Items, exif: Exif, limits: Limits) -> Header:
    """The header of the primary picture."""
    coded = check_pictures(items, limits)
    kind = format_of(items.kinds.get(coded, b""))
    properties = items.properties.get(items.primary, ())
    described = [*properties, *items.properties.get(coded, ())]  # a grid may leave the rest to its tiles
    components, bits = depth_of(described)
    stored = size_of(items, items.primary)
    # libheif turns, mirrors and crops by itself; Pillow's libavif leaves all of it to the caller.
    width, height = transformed(stored, properties) if kind is Format.HEIC else stored
    return Header(
        format=kind,
        width=width,
        height=height,
        orientation=1 if kind is Format.HEIC else orientation_of(properties),
        profile=find_profile(described, limits),
        components=components,
        bits=bits,
        alpha=has_alpha(items),
        capture=exif.capture,
    )


def check_pictures(items: Items, limits: Limits) -> int:
    """One of the coded pictures that the primary item is made of, or itself; all are whole and within the limits.

    Raises:
        Rejected: `corrupt_header`, a part is missing or lies outside the file; or a limit's own code.
    """
    for claimed in (box.body for box in items.every_property if box.kind == b"ispe"):
        check_size(*unpack(SIZE, claimed, 0), side=limits.side, pixels=limits.pixels)
    level = {items.primary}
    for _ in range(DEEPEST):
        parts = {part for item in level for part in check_item(items, item, limits)}
        if not parts:
            return min(level)
        level = parts
    raise corrupt("The picture is made of pictures of pictures, too deep.")


def check_item(items: Items, item: int, limits: Limits) -> Sequence[int]:
    """The items that this one is made of, none if it is coded by itself; raises as `check_pictures` does."""
    content = items.content(item, GRID.size + 8)
    kind = items.kinds.get(item)
    if not content and kind != b"iden":
        raise corrupt(f"The picture's part {item} is missing.")
    if kind not in DERIVED:
        return ()
    parts = items.references.get((b"dimg", item), ())
    if not parts:
        raise corrupt(f"The picture's part {item} is made of nothing.")
    if kind == b"grid":
        check_grid(memoryview(content), len(parts), limits)
    return parts


def check_grid(content: memoryview, tiles: int, limits: Limits) -> None:
    """Raise Rejected unless a grid has all its tiles, and a size within the limits."""
    _, flags, rows, columns = unpack(GRID, content, 0)
    width, height = unpack(Struct(">II" if flags & 1 else ">HH"), content, GRID.size)
    check_size(width, height, side=limits.side, pixels=limits.pixels)
    if tiles != (rows + 1) * (columns + 1):
        raise corrupt(f"A grid of {rows + 1} x {columns + 1} has {tiles} tiles.")


def format_of(codec: bytes) -> Format:
    """HEIC or AVIF, by what codes the pixels."""
    if codec not in CODECS:
        raise unsupported(f"A HEIF picture coded as {codec.decode('ascii', 'replace')!r}; HEVC and AV1 are taken.")
    return CODECS[codec]


def size_of(items: Items, item: int) -> tuple[int, int]:
    """Width and height of an item as it says itself."""
    claimed = items.property(item, b"ispe")
    if claimed is None:
        raise corrupt("The picture does not say its size.")
    width, height = unpack(SIZE, claimed, 0)
    return width, height


def transformed(size: tuple[int, int], properties: Sequence[Box]) -> tuple[int, int]:
    """Width and height after the quarter turns and crops, in the order given."""
    for box in properties:
        if box.kind == b"irot" and take(box.body, 0, 1)[0] & 1:
            size = size[1], size[0]
        if box.kind == b"clap":
            size = cropped(size, box.body)
    return size


def cropped(size: tuple[int, int], clap: memoryview) -> tuple[int, int]:
    """Width and height of the crop, which lies within the picture."""
    wide, wide_parts, high, high_parts = unpack(CROP, clap, 0)
    width, height = wide // max(1, wide_parts), high // max(1, high_parts)
    if not (0 < width <= size[0] and 0 < height <= size[1]):
        raise corrupt("The picture is to be cropped to nothing, or to more than there is.")
    return width, height


def orientation_of(properties: Sequence[Box]) -> int:
    """EXIF's number for what irot and imir ask. The EXIF orientation beside them is a copy, and often a stale one."""
    turns = next((take(box.body, 0, 1)[0] & 3 for box in properties if box.kind == b"irot"), 0)
    mirror = next((1 + (take(box.body, 0, 1)[0] & 1) for box in properties if box.kind == b"imir"), 0)
    return ORIENTATIONS[turns][mirror]


def depth_of(properties: Sequence[Box]) -> tuple[int, int]:
    """Colour channels and bits of one channel, from the list of channels or from the codec's own description."""
    for box in properties:
        if box.kind == b"pixi" and len(box.body) > 5:
            return (1 if box.body[4] == 1 else 3), box.body[5]
        if box.kind == b"av1C" and len(box.body) > 2:
            flags = box.body[2]
            return (1 if flags & 0x10 else 3), (12 if flags & 0x20 else 10) if flags & 0x40 else 8
        if box.kind == b"hvcC" and len(box.body) > 17:
            return (3 if box.body[16] & 3 else 1), 8 + (box.body[17] & 7)
    return 3, 8


def find_profile(properties: Sequence[Box], limits: Limits) -> bytes | None:
    """The ICC profile."""
    for box in properties:
        if box.kind == b"colr" and box.body[:4] in PROFILES:
            check_profile(len(box.body) - 4, limits)
            return bytes(box.body[4:])
    return None


def has_alpha(items: Items) -> bool:
    """Whether another item is the primary picture's transparency."""
    auxiliaries = [
        source for (kind, source), targets in items.references.items() if kind == b"auxl" and items.primary in targets
    ]
    types = (items.property(item, b"auxC") for item in auxiliaries)
    return any(kind is not None and bytes(kind[4:]).startswith(ALPHA_TYPES) for kind in types)


def find_exif(items: Items, limits: Limits) -> Exif:
    """What the first EXIF item says; it begins with the distance to its own start. Never raises."""
    item = next((item for item, kind in items.kinds.items() if kind == b"Exif"), None)
    if item is None:
        return Exif()
    try:
        block = memoryview(items.content(item, limits.exif_bytes))
        return read_exif(block[4 + number(U32, block, 0) :], limits.exif_bytes)
    except Rejected:
        return Exif()
