"""What is to be made of a clip. Pure: facts, recipe and ladder in, values out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from config.presets import ClipLadder, ClipPreset, StripPreset
from filters.recipe.model import Cut
from jobs.errors import Rejected
from pipeline.clip.model import Source

SHORTEST_SECONDS = 0.1  # a cut that leaves less is a mistake
FINEST_RATE = 1001  # the denominator of 30000/1001 and its kind
SMOOTH_RATE = 24  # pictures a second: a film's
LEAST_RATE = 10  # pictures a second, so that a clip ends within 0.05 s of its end
TALLEST_SPRITE = 4  # times the width that all have


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is kept of the original, in its own seconds."""

    start: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One encoding of the whole clip, with its size in pixels."""

    preset: ClipPreset
    width: int
    height: int

    @property
    def file(self) -> str:
        """Where the run leaves it."""
        return f"{self.preset.name}.mp4"


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Edited frames as they come through a pipe: yuv420p, BT.709 in limited range; both sides are even."""

    width: int
    height: int
    rate: Fraction  # a second


@dataclass(frozen=True, kw_only=True)
class Sprites:
    """The strip's small pictures, each `width * height * 3` bytes of RGB."""

    width: int
    height: int
    every: int  # of how many frames each is the first
    seconds_apart: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one run makes. `begins` and `ends` are shares of the work of all runs."""

    rungs: tuple[Rung, ...]  # the largest first
    preview: bool = True
    strip: bool = True
    begins: float = 0.0
    ends: float = 1.0


def plan_span(source: Source, cut: Cut) -> Span:
    """What is kept of the clip.

    Raises:
        Rejected: `bad_recipe` for a cut outside the clip, or one that leaves nothing.
    """
    end = source.seconds if cut.end is None else min(cut.end, source.seconds)
    if cut.start == 0 and end == source.seconds:
        return Span(start=0.0, seconds=source.seconds)
    if end - cut.start < min(SHORTEST_SECONDS, source.seconds):
        raise Rejected("bad_recipe", f"The cut from {cut.start:g} s leaves nothing of {source.seconds:.2f} s.")
    return Span(start=cut.start, seconds=end - cut.start)


def plan_rungs(width: int, height: int, presets: Sequence[ClipPreset]) -> tuple[Rung, ...]:
    """The rungs of an upright picture of this size, the largest first.

    None is enlarged. Of several presets of a codec that come to one size the least is kept.
    """
    kept: dict[tuple[str, int, int], Rung] = {}
    for preset in presets:
        sizes = rung_size(width, height, preset.short_side)
        kept[preset.codec, *sizes] = Rung(preset=preset, width=sizes[0], height=sizes[1])
    return tuple(sorted(kept.values(), key=lambda rung: -rung.width * rung.height))


def plan_batches(width: int, height: int, ladder: ClipLadder, mandatory: Sequence[str]) -> tuple[Batch, ...]:
    """One run for everything; or two, the first for the rungs that are mandatory and for what is shown beside them.

    A mandatory rung that comes to the size of another is that other.
    """
    rungs = plan_rungs(width, height, ladder.rungs)
    named = plan_rungs(width, height, [preset for preset in ladder.rungs if preset.name in mandatory])
    sizes = {(rung.preset.codec, rung.width, rung.height) for rung in named}
    first = tuple(rung for rung in rungs if (rung.preset.codec, rung.width, rung.height) in sizes)
    rest = tuple(rung for rung in rungs if rung not in first)
    if not first or not rest:
        return (Batch(rungs=rungs),)
    share = pixels(first) / pixels(rungs)
    return Batch(rungs=first, strip=False, ends=share), Batch(rungs=rest, preview=False, begins=share)


def pixels(rungs: Sequence[Rung]) -> int:
    """Of one frame in all rungs."""
    return sum(rung.width * rung.height for rung in rungs)


def rung_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height, both even, of the picture at a short side of at most `short_side`; never enlarged."""
    share = min(1.0, short_side / min(width, height))
    return even(width * share), even(height * share)


def even(side: float) -> int:
    """The nearest even number of pixels, of two the smaller, and no picture is thinner than two."""
    return max(2, 2 * math.ceil((side - 1) / 2))


def frame_rate(source: Source, ladder: ClipLadder) -> Fraction:
    """Pictures a second of all that is made: the original's where it moves, at most the ladder's.

    Of more, every second or third picture and so on is kept, if enough are left: 25 of 50. At 30 of 50 some would be
    a picture apart and some two, and motion jerks. Of few, each is shown several times. What loops has any delay
    between two pictures, so that an average would lose some.
    """
    own, most = exact(source.pace or source.frames_per_second), Fraction(ladder.frames_per_second)
    if source.loops:
        return most
    kept = own * math.ceil(LEAST_RATE / own) / max(1, math.ceil(own / most))
    return kept if own <= most or kept >= SMOOTH_RATE else most


def exact(frames_per_second: float | Fraction) -> Fraction:
    """The rate that was meant: 30000/1001 for 29.97003."""
    return max(Fraction(1, FINEST_RATE), Fraction(frames_per_second).limit_denominator(FINEST_RATE))


def count_frames(span: Span, rate: Fraction) -> int:
    """How many pictures a span comes to."""
    return max(1, round(span.seconds * rate))


def plan_sprites(width: int, height: int, frames: int, rate: Fraction, preset: StripPreset) -> Sprites:
    """Which frames, at which size, are on the strip; small enough of any shape for a sheet of them to be a JPEG."""
    every = max(round(preset.seconds_apart * rate), math.ceil(frames / preset.most), 1)
    share = min(1.0, preset.width / width, TALLEST_SPRITE * preset.width / height)
    return Sprites(
        width=max(1, round(width * share)),
        height=max(1, round(height * share)),
        every=every,
        seconds_apart=float(every / rate),
        count=math.ceil(frames / every),
    )
