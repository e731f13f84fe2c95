"""What is to be made of a clip, and ffmpeg's arguments for it. Pure: facts, recipe and ladder in, values out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from config import Limits
from config.presets import ClipLadder, ClipPreset, PreviewPreset, StripPreset
from filters.recipe.model import Cut
from jobs.errors import Rejected
from pipeline.clip.ffmpeg import safe_input
from pipeline.clip.filters import FLAGS, bring_home
from pipeline.clip.loudness import MEASURE, Level
from pipeline.clip.model import Source

SHORTEST_SECONDS = 0.1  # a cut that leaves less is a mistake
PATIENCE_SECONDS = 0.25  # what may be missing at a clip's end; then its last picture stands
FINEST_RATE = 1001  # the denominator of 30000/1001 and its kind
SEEKABLE = frozenset(("mov", "matroska", "avi"))  # containers with an index, in which ffmpeg finds a frame exactly
SEE_THROUGH = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders that also read what ffmpeg's own leave out: alpha
NAMELESS = ("-map_metadata", "-1", "-map_chapters", "-1")
ONE_THREAD = ("-threads", "1", "-filter_complex_threads", "1")
FRAGMENTS = "+frag_keyframe+delay_moov+default_base_moof+global_sidx"
STRIP_FILE = "strip.rgb"
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
    """The nearest even number of pixels, and no picture is thinner than two."""
    return max(2, 2 * round(side / 2))


def frame_rate(source: Source, ladder: ClipLadder) -> Fraction:
    """Pictures a second of all that is made: the original's average, at most the ladder's.

    What loops has any delay between two pictures, so that an average would lose some.
    """
    most = Fraction(ladder.frames_per_second)
    return most if source.loops else min(most, exact(source.frames_per_second))


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


def decode_arguments(
    source: Source,
    span: Span,
    width: int,
    height: int,
    frames_per_second: float | Fraction,
    limits: Limits,
    *,
    first_only: bool = False,
) -> list[str]:
    """Frames of the span on standard output, upright, `width` by `height`, so many a second.

    They are yuv420p, BT.709 in limited range, of which `filters.planes` makes RGB: ffmpeg would take ten times as long
    to do it as well. With `first_only` it is the one at the span's start; nothing comes if no frame begins after it.
    """
    rate = exact(frames_per_second)
    chain = [*in_time(source, span), *paced(source, span, rate), *bring_home(source, width, height)]
    graph = f"[0:{source.video.index}]{','.join(chain)}[out]"
    return [
        *("-v", "error", *ONE_THREAD),
        *open_original(source, span, limits),
        *("-filter_complex", graph, "-map", "[out]"),
        *(("-frames:v", "1") if first_only else ()),
        *("-f", "rawvideo", "pipe:1"),
    ]


def transcode_arguments(  # noqa: PLR0913
    source: Source,
    span: Span,
    rungs: Sequence[Rung],
    ladder: ClipLadder,
    limits: Limits,
    *,
    level: Level | None,
    preview: bool,
    strip: bool,
    edited: Frames | None = None,
) -> list[str]:
    """One run: the pictures brought home once, split, and each rung, preview and sprite made of them.

    It leaves `<rung>.mp4` for each rung, `preview.mp4`, and the sprites one after another in `strip.rgb`. `level` is
    what is done to the sound, None for no sound. With `edited` the pictures come as frames on standard input, as large
    as the largest rung or larger.
    """
    rate = edited.rate if edited else frame_rate(source, ladder)
    frames = count_frames(span, rate)
    largest = rungs[0].width, rungs[0].height
    base = (edited.width, edited.height) if edited else largest
    taps = [tap(rung, place, base) for place, rung in enumerate(rungs)]
    if preview:
        taps.append(preview_tap(base, largest, frames, rate, ladder.preview))
    if strip and ladder.strip:
        taps.append(strip_tap(plan_sprites(*largest, frames, rate, ladder.strip)))
    graph = [f"{pictures(source, span, base, rate, edited)},split={len(taps)}{labels(len(taps))}"]
    graph += [f"[t{place}]{filters}" for place, filters in enumerate(taps)]
    if level and source.sound:
        graph.append(sound(source, source.sound.index, span, float(frames / rate), ladder, level, 1 if edited else 0))
    return [
        *("-v", "error", *ONE_THREAD),
        *inputs(source, span, limits, edited, level),
        *("-filter_complex", ";".join(graph)),
        *rung_outputs(rungs, ladder, rate, with_sound=level is not None),
        *(preview_output(ladder.preview, rate) if preview else ()),
        *(strip_output() if strip and ladder.strip else ()),
    ]


def inputs(source: Source, span: Span, limits: Limits, edited: Frames | None, level: Level | None) -> list[str]:
    """The original; or the edited frames, and the original behind them if its sound is wanted."""
    original = open_original(source, span, limits)
    if not edited:
        return original
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{edited.width}x{edited.height}", "-r", str(edited.rate)]
    return [*raw, "-i", "pipe:0", *(original if level else ())]


def open_original(source: Source, span: Span, limits: Limits) -> list[str]:
    """The original as an input whose clock is the clip's, at the span's start where its container can be entered.

    Where its size changes on the way, as in a call that was recorded, the scaler follows; by default ffmpeg would begin
    all filters anew, which count frames.
    """
    decoder = SEE_THROUGH.get(source.video.codec) if source.video.alpha else None
    return [
        *safe_input(source.demuxer, limits),
        *(("-c:v", decoder) if decoder else ()),
        *clock(source, span),
        *(("-noautorotate",) if source.crooked else ()),
        *("-reinit_filter:v", "0", "-i", str(source.file)),
    ]


def clock(source: Source, span: Span) -> list[str]:
    """Where ffmpeg begins, and what it calls zero."""
    if enters(source, span):
        return ["-ss", f"{span.start + source.lead_seconds:.6f}", "-t", f"{span.seconds:.6f}"]
    return ["-itsoffset", f"{-source.lead_seconds:.6f}"] if source.lead_seconds else []


def enters(source: Source, span: Span) -> bool:
    """Whether ffmpeg enters at the span's start, rather than decode from the beginning and drop."""
    return source.demuxer in SEEKABLE and not whole(source, span)


def whole(source: Source, span: Span) -> bool:
    """Whether nothing is cut."""
    return span.start == 0 and span.seconds >= source.seconds


def in_time(source: Source, span: Span, prefix: str = "") -> list[str]:
    """The span alone, from zero, where the container could not be entered at it."""
    if whole(source, span) or enters(source, span):
        return []
    end = span.start + span.seconds
    return [f"{prefix}trim=start={span.start:.6f}:end={end:.6f},{prefix}setpts=PTS-{span.start:.6f}/TB"]


def paced(source: Source, span: Span, rate: Fraction) -> list[str]:
    """Frames at an even pace from zero to the span's end.

    The first stands from zero even if it begins later, and the last until the sound has ended. More than
    `PATIENCE_SECONDS` of frames that are promised and missing are not made up for: that is how it is noticed.
    """
    ends = min(source.video.ends, source.seconds) - span.start
    patience = max(0.0, span.seconds - ends) + PATIENCE_SECONDS
    return [
        f"fps={rate}:start_time=0",
        f"tpad=stop_mode=clone:stop_duration={patience:.6f}",
        f"trim=end_frame={count_frames(span, rate)}",
    ]


def pictures(source: Source, span: Span, base: tuple[int, int], rate: Fraction, edited: Frames | None) -> str:
    """The pictures that all else is made of, at the size `base`."""
    if edited:
        return "[0:0]setparams=range=tv:colorspace=bt709,setsar=1"
    chain = [*in_time(source, span), *paced(source, span, rate), *bring_home(source, *base)]
    return f"[0:{source.video.index}]{','.join(chain)}"


def labels(count: int) -> str:
    """The names of a split's outputs."""
    return "".join(f"[t{place}]" for place in range(count))


def tap(rung: Rung, place: int, base: tuple[int, int]) -> str:
    """A rung's pictures."""
    return f"{resized(base, rung.width, rung.height)}[v{place}]"


def resized(base: tuple[int, int], width: int, height: int) -> str:
    """From one size to another in BT.709."""
    return "null" if base == (width, height) else f"scale={width}:{height}:flags={FLAGS},setsar=1"


def preview_tap(
    base: tuple[int, int], largest: tuple[int, int], frames: int, rate: Fraction, preset: PreviewPreset
) -> str:
    """The beginning, small and slow, of the proportions of the largest rung."""
    slow = min(rate, Fraction(preset.frames_per_second))
    count = max(1, round(min(frames / rate, Fraction(preset.seconds)) * slow))
    width, height = rung_size(*largest, preset.short_side)
    return f"trim=end={preset.seconds:g},fps={slow},trim=end_frame={count},{resized(base, width, height)}[preview]"


def strip_tap(sprites: Sprites) -> str:
    """Every so-manieth picture, small, as RGB."""
    chosen = f"select='not(mod(n\\,{sprites.every}))'"
    rgb = f"scale={sprites.width}:{sprites.height}:flags={FLAGS}:in_color_matrix=bt709:in_range=tv:out_range=pc"
    return f"{chosen},{rgb},format=rgb24[strip]"


def sound(source: Source, stream: int, span: Span, seconds: float, ladder: ClipLadder, level: Level, place: int) -> str:
    """The sound in stereo, at its loudness, from zero to exactly the pictures' end."""
    chain = [
        *in_time(source, span, "a"),
        *stereo(level),
        f"aresample={ladder.sound.sample_rate},aformat=sample_fmts=fltp",
        f"apad=whole_dur={seconds:.6f},atrim=end={seconds:.6f}",
    ]
    return f"[{place}:{stream}]{','.join(chain)}[a]"


def measure_arguments(source: Source, span: Span, limits: Limits, level: Level) -> list[str]:
    """Listen to the span's sound at a level, and say at the end how loud it is."""
    chain = [*in_time(source, span, "a"), *stereo(level), MEASURE]
    index = source.sound.index if source.sound else 0
    heard = ("-filter_complex", f"[0:{index}]{','.join(chain)}[heard]", "-map", "[heard]", "-f", "null", "-")
    return ["-v", "info", *ONE_THREAD, *open_original(source, span, limits), *heard]


def stereo(level: Level) -> list[str]:
    """Two channels from zero on, whatever they were, at a level.

    Mixed down as floats: of integers ffmpeg makes a quieter mix, and what is measured would not be what is written.
    """
    mixed = ["aformat=sample_fmts=fltp", "aformat=channel_layouts=stereo"]
    return ["aresample=async=1:first_pts=0", *mixed, *level.filters]


def rung_outputs(rungs: Sequence[Rung], ladder: ClipLadder, rate: Fraction, *, with_sound: bool) -> list[str]:
    """Every rung encoded once, the sound once for all of them, each laid down as fragments at its keyframes."""
    maps = [option for place in range(len(rungs)) for option in ("-map", f"[v{place}]")]
    aac = ["-map", "[a]", "-c:a", "aac", "-b:a", f"{ladder.sound.kbps}k", "-flags:a", "+bitexact+global_header"]
    group = max(1, round(ladder.segment_seconds * rate))
    encoders = [option for place, rung in enumerate(rungs) for option in encoder_options(rung.preset, place, group)]
    slaves = "|".join(slave(rung, place, with_sound=with_sound) for place, rung in enumerate(rungs))
    return [
        *maps,
        *(aac if with_sound else ()),
        *encoders,
        *NAMELESS,
        "-max_muxing_queue_size",
        "1024",
        "-f",
        "tee",
        slaves,
    ]


def slave(rung: Rung, place: int, *, with_sound: bool) -> str:
    """One file of a run: its pictures and the sound."""
    streams = f"v:{place},a" if with_sound else f"v:{place}"
    return f"[f=mp4:select=\\'{streams}\\':fflags=+bitexact:movflags={FRAGMENTS}]{rung.file}"


def encoder_options(preset: ClipPreset, place: int, group: int) -> list[str]:
    """The options of one encoder, the one of video stream `place`. `group` is the frames between two keyframes."""
    own = {"h264": x264_options, "hevc": x265_options, "av1": svt_av1_options}[preset.codec](preset, group)
    common = {
        "crf": str(preset.quality),
        "preset": preset.speed,
        "maxrate": f"{preset.kbps}k",
        "bufsize": f"{2 * preset.kbps}k",
        "g": str(group),
        "flags": "+bitexact+global_header+cgop",
        **TAGS,
    }
    return [text for name, value in {**own, **common}.items() for text in (f"-{name}:v:{place}", value)]


TAGS = {
    "pix_fmt": "yuv420p",
    "color_range": "tv",
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
}


def x264_options(preset: ClipPreset, group: int) -> dict[str, str]:  # noqa: ARG001
    """What H.264 needs beyond the common."""
    return {"c": "libx264", "threads": "1", "profile": "high", "keyint_min": str(group), "sc_threshold": "0"}


def x265_options(preset: ClipPreset, group: int) -> dict[str, str]:  # noqa: ARG001
    """What HEVC needs beyond the common: the tag without which Apple's players refuse it, and no line about itself."""
    own = f"keyint={group}:min-keyint={group}:scenecut=0:open-gop=0:pools=none:frame-threads=1:info=0:log-level=error"
    return {"c": "libx265", "tag": "hvc1", "x265-params": own}


def svt_av1_options(preset: ClipPreset, group: int) -> dict[str, str]:  # noqa: ARG001
    """What AV1 needs beyond the common."""
    return {"c": "libsvtav1", "svtav1-params": "lp=1:scd=0"}


def preview_output(preset: PreviewPreset, rate: Fraction) -> list[str]:
    """The muted beginning as a plain MP4."""
    plain = ClipPreset(name=preset.name, short_side=preset.short_side, kbps=preset.kbps, quality=preset.quality)
    group = max(1, round(min(rate, Fraction(preset.frames_per_second)) * Fraction(preset.seconds)))
    mp4 = ["-movflags", "+faststart", "-fflags", "+bitexact", "-f", "mp4", f"{preset.name}.mp4"]
    return ["-map", "[preview]", "-an", *encoder_options(plain, 0, group), *NAMELESS, *mp4]


def strip_output() -> list[str]:
    """The sprites as they are; ffmpeg would repeat each until the next."""
    return ["-map", "[strip]", "-fps_mode", "passthrough", "-f", "rawvideo", STRIP_FILE]
