"""What a file of fragments says of itself: its tracks, and where each segment lies in it.

Source: ISO/IEC 14496-12 (boxes), 23000-19 (CMAF).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.clip.boxes import MEDIA, TopBox, inner_boxes, top_boxes
from pipeline.clip.codecs import codec_string
from pipeline.headers.boxes import Fields, find, read_boxes, version_of
from pipeline.headers.reader import U16, U32, number
from pipeline.verify import UncleanRenditionError

VIDEO, SOUND = b"vide", b"soun"
NOT_SYNC = 0x10000  # sample_is_non_sync_sample: ISO/IEC 14496-12, 8.8.3.1
BASE, DESCRIPTION, LASTS, MEASURES, MARKED = 0x1, 0x2, 0x8, 0x10, 0x20  # what a tfhd holds: 8.8.7
OFFSET, FIRST_MARKED, DURATION, SIZE, FLAGS, SHIFT = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800  # and a trun: 8.8.8


@dataclass(frozen=True, kw_only=True)
class Track:
    """A stream of a file. `codec` is its name as in RFC 6381; `width` and `height` are 0 for sound."""

    number: int
    kind: bytes
    ticks: int  # a second
    codec: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a fragment holds of one track; times in its ticks."""

    track: int
    begins: int
    samples: int
    duration: int
    size: int  # in bytes
    sync: bool  # whether its first picture can be shown without those before


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """A description with its media: where both lie in the file, and what they hold."""

    at: int
    end: int
    runs: tuple[Run, ...]

    def of(self, track: Track) -> Run | None:
        """What it holds of a track."""
        return next((run for run in self.runs if run.track == track.number), None)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A part that begins with a keyframe: its place in the file, in bytes, and how long it plays."""

    at: int
    end: int
    seconds: Fraction

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.at


@dataclass(frozen=True, kw_only=True)
class Cmaf:
    """A file that can be played part by part. The first `head_size` bytes say how."""

    width: int
    height: int
    frames_per_second: Fraction
    codecs: tuple[str, ...]
    head_size: int
    segments: tuple[Segment, ...]

    @property
    def seconds(self) -> Fraction:
        """How long it plays."""
        return sum((segment.seconds for segment in self.segments), Fraction(0))


def read_cmaf(file: Path) -> Cmaf:
    """The tracks and segments of a file that ffmpeg wrote in fragments.

    Raises:
        UncleanRenditionError: it is none, or does not begin with a keyframe.
    """
    boxes = top_boxes(file)
    movie = next((box for box in boxes if box.kind == b"moov"), None)
    tracks = read_tracks(movie.body) if movie else ()
    video = next((track for track in tracks if track.kind == VIDEO), None)
    fragments = tuple(read_fragments(boxes))
    if not movie or not video or not fragments:
        raise UncleanRenditionError(f"{file.name} has no pictures in fragments.")
    segments = plan_segments(fragments, video)
    return Cmaf(
        width=video.width,
        height=video.height,
        frames_per_second=picture_rate(fragments, video),
        codecs=tuple(track.codec for track in tracks),
        head_size=movie.end,
        segments=segments,
    )


def read_tracks(movie: memoryview) -> tuple[Track, ...]:
    """The tracks of a `moov`, the pictures first. Raises UncleanRenditionError for one that lacks what it needs."""
    tracks = [_read_track(box.body) for box in inner_boxes(movie) if box.kind == b"trak"]
    return tuple(sorted(tracks, key=lambda track: track.kind != VIDEO))


def _read_track(track: memoryview) -> Track:
    header, media = _need(track, b"tkhd"), _need(track, b"mdia", b"mdhd")
    wide = 8 if version_of(media)[0] == 1 else 4  # bytes of a time
    kind = bytes(_need(track, b"mdia", b"hdlr")[8:12])
    entry = next(read_boxes(_need(track, b"mdia", b"minf", b"stbl", b"stsd")[8:]))
    seen = kind == VIDEO
    return Track(
        number=number(U32, header, 4 + 2 * (8 if version_of(header)[0] == 1 else 4)),
        kind=kind,
        ticks=number(U32, media, 4 + 2 * wide),
        codec=codec_string(entry),
        width=number(U16, entry.body, 24) if seen else 0,
        height=number(U16, entry.body, 26) if seen else 0,
    )


def _need(data: memoryview, *path: bytes) -> memoryview:
    found = find(data, *path)
    if found is None:
        raise UncleanRenditionError(f"A track lacks its {b'/'.join(path).decode()}.")
    return found


def read_fragments(boxes: Sequence[TopBox]) -> Iterator[Fragment]:
    """Each `moof` with the `mdat` behind it. Raises UncleanRenditionError if there is none."""
    for description, media in pairwise([*boxes, TopBox(b"", 0, 0, memoryview(b""))]):
        if description.kind == b"moof":
            if media.kind != MEDIA:
                raise UncleanRenditionError(f"The fragment at byte {description.at} has no media.")
            trafs = [box.body for box in inner_boxes(description.body) if box.kind == b"traf"]
            yield Fragment(at=description.at, end=media.end, runs=tuple(map(read_run, trafs)))


def read_run(traf: memoryview) -> Run:
    """What a `traf` says of its samples."""
    _, held, rest = version_of(_need(traf, b"tfhd"))
    fields = Fields(rest)
    track = fields.take(4)
    fields.take((8 if held & BASE else 0) + (4 if held & DESCRIPTION else 0))
    duration, size, flags = (fields.take(4 if held & flag else 0) for flag in (LASTS, MEASURES, MARKED))
    version, _, time = version_of(_need(traf, b"tfdt"))
    run = Run(
        track=track,
        begins=Fields(time).take(8 if version == 1 else 4),
        samples=0,
        duration=0,
        size=0,
        sync=not flags & NOT_SYNC,
    )
    for box in inner_boxes(traf):
        if box.kind == b"trun":
            run = _lengthened(run, box.body, duration, size)
    return run


def _lengthened(run: Run, trun: memoryview, duration: int, size: int) -> Run:
    """The run with the samples of another `trun`, whose defaults are given."""
    _, held, rest = version_of(trun)
    fields = Fields(rest)
    count = fields.take(4)
    fields.take(4 if held & OFFSET else 0)
    first = fields.take(4) if held & FIRST_MARKED else None
    columns = [flag for flag in (DURATION, SIZE, FLAGS, SHIFT) if held & flag]
    table = np.frombuffer(rest[fields.at :], ">u4").reshape(count, len(columns)).astype(np.int64)
    listed = {flag: table[:, place] for place, flag in enumerate(columns)}
    if first is None and FLAGS in listed:
        first = int(listed[FLAGS][0])
    return replace(
        run,
        samples=run.samples + count,
        duration=run.duration + (int(listed[DURATION].sum()) if DURATION in listed else count * duration),
        size=run.size + (int(listed[SIZE].sum()) if SIZE in listed else count * size),
        sync=run.sync if first is None or run.samples else not first & NOT_SYNC,
    )


def plan_segments(fragments: Sequence[Fragment], video: Track) -> tuple[Segment, ...]:
    """A segment for each keyframe that begins a fragment; what lies between belongs to the one before.

    Raises:
        UncleanRenditionError: the first fragment does not begin with one.
    """
    runs = [(place, run) for place, fragment in enumerate(fragments) if (run := fragment.of(video))]
    starts = [(place, run.begins) for place, run in runs if run.sync]
    if not starts or starts[0][0] != 0:
        raise UncleanRenditionError("The first fragment does not begin with a keyframe.")
    last = runs[-1][1]
    stop = (len(fragments), last.begins + last.duration)
    return tuple(
        Segment(at=fragments[first].at, end=fragments[after - 1].end, seconds=Fraction(end - begin, video.ticks))
        for (first, begin), (after, end) in pairwise([*starts, stop])
    )


def picture_rate(fragments: Sequence[Fragment], video: Track) -> Fraction:
    """Pictures a second."""
    runs = [run for fragment in fragments if (run := fragment.of(video))]
    return Fraction(sum(run.samples for run in runs) * video.ticks, sum(run.duration for run in runs))
