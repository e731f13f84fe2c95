"""MP4, MOV and 3GP: the movie's index and its fragments, box by box (ISO/IEC 14496-12; QuickTime File Format, 2001)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from struct import Struct

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.containers.boxes import Place, walk
from pipeline.containers.claims import Claims, Kind, Track, check_streams
from pipeline.containers.layout import FILE, check_places, first, inside
from pipeline.containers.reader import Reader
from pipeline.containers.tables import check_table
from pipeline.headers.reader import corrupt, unsupported

MOST_INDEX_BYTES = 64 << 20  # of `moov`; that of ten minutes with a phone's telemetry has 5 MB
MOST_ENTRIES = 64  # sample descriptions or data references of one track; honest ones have one or two
HANDLERS = {b"vide": Kind.PICTURES, b"soun": Kind.SOUND}
ENCRYPTED = (b"encv", b"enca", b"drmi", b"drms")  # sample entries; the codec is told below them
SELF_CONTAINED = 1  # flag of a data reference: the media lies in this very file
TKHD_NUMBER, TKHD_SIZE = {0: 12, 1: 20}, {0: 76, 1: 88}  # where a `tkhd` has the track's number, and its size
TIMES = {0: Struct(">12xII"), 1: Struct(">20xIQ")}  # time scale and duration in `mvhd` and `mdhd`, by version
UNKNOWN = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # a duration that is not known
COUNT, NUMBER = Struct(">4xI"), Struct(">I")  # after version and flags; of a `tfhd`, the track's number
SIZE = Struct(">II")
ENTRY_SIZE = Struct(">24xHH")  # width and height in a visual sample entry
ENTRY_BYTES = 78  # of a visual sample entry, before its boxes


def parse(reader: Reader, limits: Limits) -> Claims:
    """What an MP4 or its kin says of itself; see `pipeline.containers.read_claims`."""
    boxes = check_places(FILE, walk(reader, 0, reader.size, loose=True))
    movie = first(boxes, b"moov")
    if movie is None:
        raise Rejected("truncated_clip", "This clip has no index: it was not recorded to its end.")
    claims = read_movie(reader, movie, limits)
    samples = count_fragments(reader, [box for box in boxes if box.kind == b"moof"])
    tracks = [replace(track, frames=track.frames + samples[track.number]) for track in claims.tracks]
    return replace(claims, tracks=tuple(tracks))


def read_movie(reader: Reader, movie: Place, limits: Limits) -> Claims:
    """What the index says."""
    if movie.end - movie.start > MOST_INDEX_BYTES:
        raise corrupt(f"An index of {movie.end - movie.start:,} bytes; at most {MOST_INDEX_BYTES:,} are read.")
    boxes = inside(reader, movie)
    kinds = [box.kind for box in boxes]
    if b"rmra" in kinds:
        raise Rejected("external_media", "This clip's pictures lie in another file; send the movie itself.")
    if b"cmov" in kinds:
        raise unsupported("The index of this clip is compressed, as no camera has it.")
    tracks = [box for box in boxes if box.kind == b"trak"]
    check_streams(len(tracks), limits)
    header = first(boxes, b"mvhd")
    return Claims(
        tracks=tuple(read_track(reader, track) for track in tracks),
        seconds=read_seconds(reader, header) if header else None,
    )


def read_seconds(reader: Reader, header: Place) -> float | None:
    """The length that an `mvhd` or `mdhd` states."""
    layout = TIMES.get(reader.take(header.start, 1)[0])
    if layout is None:
        raise corrupt("A header of a version that is not known.")
    scale, duration = reader.unpack(layout, header.start)
    return duration / scale if scale and duration and duration not in UNKNOWN else None


def read_track(reader: Reader, track: Place) -> Track:
    """What a `trak` says, whose tables fit into their boxes and whose media lies in this file."""
    boxes = inside(reader, track)
    media = first(boxes, b"mdia")
    described = read_media(reader, inside(reader, media)) if media else Track(kind=Kind.OTHER, codec="")
    return headed(reader, first(boxes, b"tkhd"), described)


def read_media(reader: Reader, media: Sequence[Place]) -> Track:
    """What an `mdia` says, by what is in it."""
    handler, head, information = first(media, b"hdlr"), first(media, b"mdhd"), first(media, b"minf")
    kind = HANDLERS.get(reader.take(handler.start + 8, 4), Kind.OTHER) if handler else Kind.OTHER
    if information is None:
        return Track(kind=kind, codec="")
    parts = inside(reader, information)
    check_references(reader, first(parts, b"dinf"))
    table = first(parts, b"stbl")
    tables = inside(reader, table) if table else ()
    for box in tables:
        check_table(reader, box)
    described = describe(reader, kind, first(tables, b"stsd"))
    frames = count_samples(reader, first(tables, b"stsz", b"stz2"), kind)
    return replace(described, frames=frames, seconds=read_seconds(reader, head) if head else None)


def describe(reader: Reader, kind: Kind, descriptions: Place | None) -> Track:
    """Codec and size by the sample descriptions; the first that is not encrypted is believed."""
    entries = list(read_entries(reader, descriptions)) if descriptions else []
    clear = [entry for entry in entries if entry.kind not in ENCRYPTED]
    if not entries and kind is Kind.OTHER:
        return Track(kind=kind, codec="")
    if not entries:
        raise corrupt("A track does not say how it is coded.")
    first = (clear or entries)[0]
    width = height = 0
    shape = Fraction(1)
    if kind is Kind.PICTURES and first.end - first.start >= ENTRY_BYTES:
        width, height = reader.unpack(ENTRY_SIZE, first.start)
        shape = read_pixel_shape(reader, first)
    return Track(
        kind=kind,
        codec=first.kind.decode("latin-1"),
        width=width,
        height=height,
        pixel_shape=shape,
        encrypted=not clear,
    )


def read_entries(reader: Reader, descriptions: Place) -> Iterable[Place]:
    """The sample entries of an `stsd`."""
    (count,) = reader.unpack(COUNT, descriptions.start)
    entries = list(walk(reader, descriptions.start + COUNT.size, descriptions.end))
    if count > MOST_ENTRIES or count > len(entries):
        raise corrupt(f"A track claims {count} sample descriptions, and has {len(entries)}.")
    return entries[:count]


def read_pixel_shape(reader: Reader, entry: Place) -> Fraction:
    """Width to height of a pixel, by the `pasp` of a visual sample entry; 1 where it says nothing that can be read."""
    try:
        boxes = list(walk(reader, entry.start + ENTRY_BYTES, entry.end))
    except Rejected:  # QuickTime's older codecs have fields of their own here
        return Fraction(1)
    shape = first(boxes, b"pasp")
    wide, high = reader.unpack(SIZE, shape.start) if shape else (1, 1)
    return Fraction(wide, high) if wide and high else Fraction(1)


def headed(reader: Reader, head: Place | None, described: Track) -> Track:
    """The track with its number, and its pixels as wide as `tkhd` shows them where `pasp` does not say it."""
    version = reader.take(head.start, 1)[0] if head else None
    if head is None or version not in TKHD_SIZE:
        return described
    (number,) = reader.unpack(NUMBER, head.start + TKHD_NUMBER[version])
    wide, high = reader.unpack(SIZE, head.start + TKHD_SIZE[version])
    shape = described.pixel_shape
    if shape == 1 and described.width and described.height and wide and high:
        shape = Fraction(wide * described.height, high * described.width)
    return replace(described, number=number, pixel_shape=shape)


def check_references(reader: Reader, within: Place | None) -> None:
    """Raise Rejected `external_media` if a `dinf` says that media, of whatever kind, lies in another file."""
    references = first(inside(reader, within), b"dref") if within else None
    if references is None:
        return
    (count,) = reader.unpack(COUNT, references.start)
    entries = list(walk(reader, references.start + COUNT.size, references.end))
    if count > MOST_ENTRIES or count > len(entries):
        raise corrupt(f"A track claims {count} places of its media, and has {len(entries)}.")
    for entry in entries:
        flags = int.from_bytes(reader.take(entry.start, 4), "big")
        named = reader.take(entry.start + 4, entry.end - entry.start - 4).strip(b"\0")
        if not flags & SELF_CONTAINED and named:
            raise Rejected("external_media", "This clip's pictures or sound lie in another file; send that.")


def count_samples(reader: Reader, table: Place | None, kind: Kind) -> int:
    """How many samples a track states; as many frames, of pictures.

    Raises:
        Rejected: `corrupt_header`, pictures of one size that all together are larger than the file.
    """
    if table is None:
        return 0
    size, count = reader.unpack(SIZE, table.start + 4)
    if kind is Kind.PICTURES and table.kind == b"stsz" and size * count > reader.size:
        raise corrupt(f"{count} frames of {size} bytes in a file of {reader.size}.")
    return int(count)


def count_fragments(reader: Reader, fragments: Iterable[Place]) -> Counter[int]:
    """How many samples each track has in all `moof`, by the track's number."""
    samples = Counter[int]()
    for fragment in fragments:
        for part in inside(reader, fragment):
            if part.kind == b"traf":
                samples += count_part(reader, inside(reader, part))
    return samples


def count_part(reader: Reader, boxes: Sequence[Place]) -> Counter[int]:
    """How many samples a `traf` has, by what is in it."""
    head, runs = first(boxes, b"tfhd"), [box for box in boxes if box.kind == b"trun"]
    if head is None:
        return Counter()
    for run in runs:
        check_table(reader, run)
    (number,) = reader.unpack(COUNT, head.start)
    return Counter({number: sum(reader.unpack(COUNT, run.start)[0] for run in runs)})
