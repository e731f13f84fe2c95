"""From an original clip and its edits to everything a social network plays of it. The flow; each step has its file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config import Limits, PhotoPreset
from config.presets import ClipLadder, SoundPreset
from filters.geometry import edited_size
from filters.program import Program
from filters.recipe import Cut, Geometry, Recipe
from jobs.errors import Rejected
from pipeline.clip.allowance import allowed
from pipeline.clip.arguments import PATIENCE_SECONDS, measure_arguments, transcode_arguments
from pipeline.clip.counting import check_decoded
from pipeline.clip.facts import clip_facts
from pipeline.clip.ffmpeg import Done, Report, run
from pipeline.clip.finish import Made, finish_batch, finish_clip, keep_stills
from pipeline.clip.frames import edit_frames
from pipeline.clip.loudness import Level, read_loudness, settle_level
from pipeline.clip.model import RenderedClip, Source
from pipeline.clip.plan import Batch, Frames, Rung, Span, count_frames, frame_rate, plan_batches, plan_rungs, plan_span
from pipeline.clip.poster import choose_poster, take_frame
from pipeline.clip.probe import probe
from pipeline.clip.pulse import Pulse
from pipeline.clip.sniff import HEAD_BYTES, WEBP, sniff_clip
from pipeline.clip.verify import verify_all
from pipeline.clip.webp import probe_webp
from pipeline.edit import compile_edits
from pipeline.photo import base_size, render_picture
from pipeline.scratch import ORIGINAL, OUT
from pipeline.services import Edits, Rendered
from pipeline.stopwatch import Stopwatch

Pixels = NDArray[np.uint8]

PROBED, LISTENED, POSED = 0.01, 0.03, 0.05  # the shares of the work that are done when these stages are
POSTER_SHARE = 2  # pixels each way of the poster frame for one that is kept, as one in four has a colour of its own


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that is settled before the first frame is encoded."""

    folder: Path
    ladder: ClipLadder
    limits: Limits
    source: Source
    span: Span
    level: Level | None  # of its sound; None for no sound
    program: Program
    edited: bool  # whether frames change at all
    poster: Pixels  # the frame that stands for it, before any edit
    poster_seconds: float
    stills: Rendered  # what was made of that

    @property
    def rate(self) -> Fraction:
        """Frames a second of all that is made."""
        return frame_rate(self.source, self.ladder)

    @property
    def frame(self) -> tuple[int, int]:
        """Width and height of the edited frame."""
        height, width = edited_size(self.source.height, self.source.width, self.program.geometry)
        return width, height


def render_clip(
    folder: Path,
    ladder: ClipLadder,
    limits: Limits,
    edits: Edits,
    mandatory: Sequence[str],
    report: Report,
    publish_part: Callable[[RenderedClip], None],
) -> RenderedClip:
    """Make of `folder/original` everything that the ladder asks for, edited, in `folder/out`.

    With rungs that are `mandatory`, those and what makes a clip playable are made first and given to `publish_part`;
    what is returned holds them again. `report` is told the share (0 to 1) that is done; it grows while anything works.

    Raises:
        Rejected: the clip or its edits are at fault: what `probe`, `plan_span` and `compile_edits` refuse, or
            `corrupt_media` and `truncated_clip` of what cannot be decoded to its end.
        Unavailable: ffmpeg was killed, or ran out of memory, time or room.
        UncleanRenditionError: what we made is not fit to be published.
    """
    with Pulse(report) as pulse:
        return render_parts(folder, ladder, limits, edits, mandatory, pulse, publish_part)


def render_parts(
    folder: Path,
    ladder: ClipLadder,
    limits: Limits,
    edits: Edits,
    mandatory: Sequence[str],
    report: Report,
    publish_part: Callable[[RenderedClip], None],
) -> RenderedClip:
    """What is mandatory and then the rest, or everything at once."""
    watch = Stopwatch()
    task = prepare(folder, ladder, limits, edits, report, watch)
    batches = plan_batches(*task.frame, ladder, mandatory)
    made: list[Made] = []
    for batch in batches:
        with watch.stage("transcode", of=task.source.format):
            left = between(report, POSED, 1.0)
            transcode(task, batch, between(left, batch.begins, batch.ends))
        with watch.stage("finish"):
            made.append(finish_batch(task.folder, batch, task.span, task.rate, task.ladder))
        clip = gather(task, made, watch)
        if batch is not batches[-1]:
            publish_part(clip)
    return clip


def prepare(folder: Path, ladder: ClipLadder, limits: Limits, edits: Edits, report: Report, watch: Stopwatch) -> Task:
    """Probe the clip, listen to it, and take its poster frame through the photo's renditions."""
    cut = edits.recipe.cut
    with watch.stage("probe"):
        source = open_clip(folder / ORIGINAL, limits)
        span, program = plan_span(source, cut), compile_edits(edits)
        limits = allowed(limits, source.seconds)
    report(PROBED)
    with watch.stage("listen", of=source.format):
        heard = between(report, PROBED, LISTENED)
        level = None if cut.mute else listen(source, span, ladder.sound, limits, folder, heard)
    report(LISTENED)
    with watch.stage("poster", of=source.format):
        seconds, poster = take_poster(source, span, cut, program.geometry, ladder.poster, limits, folder)
        stills = render_picture(poster, ladder.poster, program)
    report(POSED)
    return Task(
        folder=folder,
        ladder=ladder,
        limits=limits,
        source=source,
        span=span,
        level=level,
        program=program,
        edited=changes_frames(edits.recipe),
        poster=poster,
        poster_seconds=seconds,
        stills=stills,
    )


def open_clip(original: Path, limits: Limits) -> Source:
    """What is known of the original, in a form that ffmpeg can play. Raises what `probe` and `probe_webp` do."""
    with original.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    return probe_webp(original, limits) if head and sniff_clip(head) == WEBP else probe(original, limits)


def listen(
    source: Source, span: Span, preset: SoundPreset, limits: Limits, folder: Path, report: Report
) -> Level | None:
    """What is to be done to the sound, from how loud it is; None if there is none, or nothing of it can be decoded.

    `report` is told the share that is heard, for the first time: a limited sound is listened to again.

    Raises:
        Rejected: `truncated_clip`, it breaks off before its stated end.
    """
    if not source.sound:
        return None

    def hear(level: Level) -> Done:
        arguments = measure_arguments(source, span, limits, level)
        return run(arguments, limits, folder=folder, seconds=span.seconds, report=report)

    own = hear(Level(lufs=None))
    if not own.seconds:
        return None
    check_heard(own.seconds, min(source.sound.ends - span.start, span.seconds))
    return settle_level(read_loudness(own.said), lambda level: read_loudness(hear(level).said), preset)


def take_poster(
    source: Source,
    span: Span,
    cut: Cut,
    geometry: Geometry,
    presets: Sequence[PhotoPreset],
    limits: Limits,
    folder: Path,
) -> tuple[float, Pixels]:
    """When the frame that stands for the clip is shown, in seconds of the original; and that frame, unedited.

    It is large enough for the renditions of its edited part. Raises what `choose_poster` and `take_frame` do.
    """
    seconds = choose_poster(source, span, cut, limits, folder)
    return seconds, take_frame(source, seconds, *poster_size(source, geometry, presets), limits, folder)


def poster_size(source: Source, geometry: Geometry, presets: Sequence[PhotoPreset]) -> tuple[int, int]:
    """Width and height at which to take the poster frame, for renditions of its edited part; never enlarged."""
    frame = edited_size(source.height, source.width, geometry)
    drawn = base_size(*frame, presets)
    share = min(1.0, POSTER_SHARE * max(drawn[0] / frame[0], drawn[1] / frame[1]))
    return max(1, round(source.width * share)), max(1, round(source.height * share))


def changes_frames(recipe: Recipe) -> bool:
    """Whether the recipe does more than cut."""
    return replace(recipe, cut=Cut()) != Recipe()


def transcode(task: Task, batch: Batch, report: Report) -> None:
    """Make the files of a batch, in one run of ffmpeg; edited frames come to it through our own kernels.

    Raises:
        Rejected: `corrupt_media`, or `truncated_clip` for a clip of which less can be decoded than it states, or
            `too_many_frames` for one of which more can.
        Unavailable: ffmpeg was killed, or ran out of memory, time or room.
    """
    base = base_rung(task, batch)
    frames = Frames(width=base.width, height=base.height, rate=task.rate) if task.edited else None
    arguments = transcode_arguments(
        task.source,
        task.span,
        batch.rungs,
        task.ladder,
        task.limits,
        level=task.level,
        preview=batch.preview,
        strip=batch.strip,
        edited=frames,
    )
    if frames:
        made = edit_frames(
            task.source,
            task.span,
            task.program,
            frames,
            arguments,
            task.limits,
            folder=task.folder,
            poster=task.poster,
            report=report,
        )
    else:
        made = run(arguments, task.limits, folder=task.folder, seconds=task.span.seconds, report=report).frames
    planned = count_frames(task.span, task.rate)
    if made < planned:
        check_decoded(task.source, task.limits, task.folder)
    check_frames(made, planned, float(task.rate))


def base_rung(task: Task, batch: Batch) -> Rung:
    """The rung at whose size edited frames are drawn: for every batch the same one if sharpening counts its pixels."""
    return plan_rungs(*task.frame, task.ladder.rungs)[0] if task.program.finishing else batch.rungs[0]


def check_frames(made: int, planned: int, frames_per_second: float) -> None:
    """Raise Rejected unless as many frames came as the clip stated. Some patience with its end is in the plan."""
    if made == 0:
        raise Rejected("corrupt_media", "This clip has no picture that can be decoded.")
    if made < planned:
        missing = (planned - made) / frames_per_second
        raise Rejected("truncated_clip", f"This clip breaks off: its last {missing:.1f} s cannot be decoded.")


def check_heard(heard: float, stated: float) -> None:
    """Raise Rejected unless as many seconds of sound came as the clip states, but for some patience with its end."""
    missing = stated - heard
    if missing > PATIENCE_SECONDS:
        raise Rejected("truncated_clip", f"This clip breaks off: the last {missing:.1f} s of its sound are missing.")


def gather(task: Task, made: Sequence[Made], watch: Stopwatch) -> RenderedClip:
    """What there is by now, looked at once more."""
    out = task.folder / OUT
    files = (*finish_clip(made, out), *keep_stills(task.stills, out))
    with watch.stage("verify"):
        verify_all(out, files)
    facts = {**task.stills.facts, **clip_facts(task.source, task.span, task.level, task.poster_seconds)}
    return RenderedClip(
        width=task.source.width, height=task.source.height, facts=facts, files=files, timings=watch.timings
    )


def between(report: Report, begins: float, ends: float) -> Report:
    """A report of a part of the work, from one share of it to another."""

    def report_part(share: float) -> None:
        report(begins + (ends - begins) * share)

    return report_part
