"""ffmpeg's arguments for what is planned of a clip: its inputs, and the graph of filters between them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from config import Limits
from config.presets import ClipLadder, PreviewPreset
from pipeline.clip.encoders import preview_output, rung_outputs, strip_output
from pipeline.clip.ffmpeg import safe_input
from pipeline.clip.filters import FLAGS, bring_home
from pipeline.clip.loudness import MEASURE, Level
from pipeline.clip.model import Source
from pipeline.clip.plan import Frames, Rung, Span, Sprites, count_frames, exact, frame_rate, plan_sprites, rung_size

PATIENCE_SECONDS = 0.25  # what may be missing at a clip's end; then its last picture stands
# Containers with an index, in which ffmpeg finds the keyframe before a time. A TS is decoded from the beginning, at
# four times the CPU for a second at 0:50: it is entered between keyframes, and what comes then is broken.
SEEKABLE = frozenset(("mov", "matroska", "avi"))
SEE_THROUGH = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders that also read what ffmpeg's own leave out: alpha
ONE_THREAD = ("-threads", "1", "-filter_complex_threads", "1")


@dataclass(frozen=True, kw_only=True)
class Tap:
    """Filters from a rung's pictures to an output beside the rungs, and how wide it has to be for them."""

    width: int
    filters: str


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
    to do it as well. With `first_only` it is the one that is shown at the span's start.
    """
    rate = exact(frames_per_second)
    chain = [no_more(limits), *paced(source, span, rate), *bring_home(source, width, height)]
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
    beside = []
    if preview:
        beside.append(preview_tap(largest, frames, rate, ladder.preview))
    if strip and ladder.strip:
        beside.append(strip_tap(plan_sprites(*largest, frames, rate, ladder.strip)))
    graph = [pictures(source, span, base, rate, limits, edited), *cascade(rungs, base, beside)]
    if level and source.sound:
        graph.append(sound(source.sound.index, float(frames / rate), ladder, level, 1 if edited else 0))
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
    """The original as an input whose clock is zero at the span's start, from the keyframe before it or the beginning.

    What comes before zero is for the filters to drop: a picture that is shown at zero may have begun long before. Where
    its size changes on the way, as in a call that was recorded, the scaler follows; by default ffmpeg would begin all
    filters anew, which count frames. It would also turn pictures itself, and by filters that do not follow, but read
    beyond what is smaller.
    """
    decoder = SEE_THROUGH.get(source.video.codec) if source.video.alpha else None
    return [
        *safe_input(source.demuxer, limits),
        *(("-c:v", decoder) if decoder else ()),
        *clock(source, span),
        *("-noautorotate", "-reinit_filter:v", "0", "-i", str(source.file)),
    ]


def clock(source: Source, span: Span) -> list[str]:
    """Where ffmpeg begins, and what it calls zero."""
    start = span.start + source.lead_seconds
    if span.start and source.demuxer in SEEKABLE:
        return ["-noaccurate_seek", "-ss", f"{start:.6f}"]
    return ["-itsoffset", f"{-start:.6f}"] if start else []


def no_more(limits: Limits) -> str:
    """As many frames as are taken: what comes after them is not decoded, however many a container has in its packets.

    That some are missing then is noticed in the end: see `pipeline.clip.counting`.
    """
    return f"trim=end_frame={limits.clip_frames}"


def paced(source: Source, span: Span, rate: Fraction) -> list[str]:
    """Frames at an even pace from zero to the span's end, each the one that is shown then.

    The first stands from zero even if it begins later, and the last until the sound has ended. More than
    `PATIENCE_SECONDS` of frames that are promised and missing are not made up for: that is how it is noticed. The pace
    is set before that, so that the last may have begun before zero, and once more to begin there.
    """
    ends = min(source.video.ends, source.seconds) - span.start
    patience = max(0.0, span.seconds - ends) + PATIENCE_SECONDS
    return [
        f"fps={rate}",
        f"tpad=stop_mode=clone:stop_duration={patience:.6f}",
        f"fps={rate}:start_time=0",
        f"trim=end_frame={count_frames(span, rate)}",
    ]


def pictures(
    source: Source, span: Span, base: tuple[int, int], rate: Fraction, limits: Limits, edited: Frames | None
) -> str:
    """The pictures that all else is made of, at the size `base`."""
    if edited:
        return "[0:0]setparams=range=tv:colorspace=bt709,setsar=1[s0]"
    chain = [no_more(limits), *paced(source, span, rate), *bring_home(source, *base)]
    return f"[0:{source.video.index}]{','.join(chain)}[s0]"


def cascade(rungs: Sequence[Rung], base: tuple[int, int], beside: Sequence[Tap]) -> Iterator[str]:
    """Each rung's pictures made of the next larger rung's, and what stands beside them of the smallest that will do.

    So the scaler reads less, and what it makes of a picture that is reduced already is as sharp. The pictures of the
    size `base` come in as `[s0]`, the rungs' leave as `[v0]`, `[v1]` and so on.
    """
    hosts = [max(n for n, rung in enumerate(rungs) if n == 0 or rung.width >= tap.width) for tap in beside]
    for place, rung in enumerate(rungs):
        fed = [f"[b{n}]" for n, host in enumerate(hosts) if host == place]
        further = [f"[s{place + 1}]"] if rung is not rungs[-1] else []
        size = rung.width, rung.height
        outputs = "".join([f"[v{place}]", *further, *fed])
        yield f"[s{place}]{resized(base, *size)},split={1 + len(further) + len(fed)}{outputs}"
        base = size
    yield from (f"[b{n}]{tap.filters}" for n, tap in enumerate(beside))


def resized(base: tuple[int, int], width: int, height: int) -> str:
    """From one size to another in BT.709."""
    return "null" if base == (width, height) else scaled(width, height)


def scaled(width: int, height: int) -> str:
    """To a size in the colours it is in; what has that size already passes."""
    return f"scale={width}:{height}:flags={FLAGS},setsar=1"


def preview_tap(largest: tuple[int, int], frames: int, rate: Fraction, preset: PreviewPreset) -> Tap:
    """The beginning, small and slow, of the proportions of the largest rung."""
    slow = min(rate, Fraction(preset.frames_per_second))
    count = max(1, round(min(frames / rate, Fraction(preset.seconds)) * slow))
    width, height = rung_size(*largest, preset.short_side)
    paced = f"trim=end={preset.seconds:g},fps={slow},trim=end_frame={count}"
    return Tap(width=width, filters=f"{paced},{scaled(width, height)}[preview]")


def strip_tap(sprites: Sprites) -> Tap:
    """Every so-manieth picture, small, as RGB."""
    chosen = f"select='not(mod(n\\,{sprites.every}))'"
    rgb = f"scale={sprites.width}:{sprites.height}:flags={FLAGS}:in_color_matrix=bt709:in_range=tv:out_range=pc"
    return Tap(width=sprites.width, filters=f"{chosen},{rgb},format=rgb24[strip]")


def sound(stream: int, seconds: float, ladder: ClipLadder, level: Level, place: int) -> str:
    """The sound in stereo, at its loudness, from zero to exactly the pictures' end."""
    chain = [
        "atrim=start=0",
        *stereo(level),
        f"aresample={ladder.sound.sample_rate},aformat=sample_fmts=fltp",
        f"apad=whole_dur={seconds:.6f},atrim=end={seconds:.6f}",
    ]
    return f"[{place}:{stream}]{','.join(chain)}[a]"


def measure_arguments(source: Source, span: Span, limits: Limits, level: Level) -> list[str]:
    """Listen to the span's sound at a level, and say at the end how loud it is."""
    chain = [f"atrim=start=0:end={span.seconds:.6f}", *stereo(level), MEASURE]
    index = source.sound.index if source.sound else 0
    heard = ("-filter_complex", f"[0:{index}]{','.join(chain)}[heard]", "-map", "[heard]", "-f", "null", "-")
    return ["-v", "info", *ONE_THREAD, *open_original(source, span, limits), *heard]


def stereo(level: Level) -> list[str]:
    """Two channels from zero on, whatever they were, at a level.

    Mixed down as floats: of integers ffmpeg makes a quieter mix, and what is measured would not be what is written.
    """
    mixed = ["aformat=sample_fmts=fltp", "aformat=channel_layouts=stereo"]
    return ["aresample=async=1:first_pts=0", *mixed, *level.filters]
