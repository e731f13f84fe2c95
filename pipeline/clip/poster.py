"""The frame that stands for a clip: the one that was asked for, or else one that is sharp, well exposed and no fade.

To find one costs little, because not much is decoded: keyframes, where a decoder can leave out what lies between, and
else a stretch from the beginning on.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config import Limits
from filters.planes import frame_bytes, planes_of, read_planes
from filters.recipe.model import Cut
from jobs.errors import Rejected
from pipeline.clip.arguments import ONE_THREAD, decode_arguments, open_original
from pipeline.clip.ffmpeg import capture
from pipeline.clip.model import Source
from pipeline.clip.plan import Span

Pixels = NDArray[np.uint8]
Scores = NDArray[np.float64]

SIDE = 256  # pixels each way of what is looked at, whatever the shape
SKIPLESS = frozenset(("vp9", "av1", "gif", "apng"))  # decoders that cannot leave frames out
FEW = 3  # keyframes, of which none may be worth showing
NEAR_SECONDS = 1.0  # nor if all that are looked at come sooner: then every frame is one
MOST_KEYFRAMES, LEAST_KEYFRAMES = 24, 4
KEYFRAME_PIXELS = 8_500_000  # of all keyframes that are looked at: four of 1080p, 0.25 CPU seconds of a phone's HEVC
STRETCH_FRAMES = 12
STRETCH_PIXELS = 120_000_000  # of all frames that are decoded of a stretch: two seconds of 1080p
TIMES = "looked_at.txt"
TICK = "1:1000000"  # of the clock of those times; by default they would be rounded to whole frames
NEAR_RATE = 200  # a second: a picture that begins this little after a time is meant by it

BLACK, WHITE = 20, 240  # levels beyond which nothing can be made out
PLENTY = 48.0  # a standard deviation of the tones, in levels, from which on more is no better
MIDDLE, REACH = 118.0, 160.0  # levels: the mean of a well exposed picture, and how far away it is worth nothing
LATENESS = 0.25  # of its score is what a frame at the end loses


def choose_poster(source: Source, span: Span, cut: Cut, limits: Limits, folder: Path) -> float:
    """When the frame that stands for the clip is shown, in seconds of the original.

    A time that was asked for is taken, or what is kept that is nearest to it.

    Raises:
        Rejected: `bad_recipe` for a time after the clip's end; what looking at the clip refuses.
        Unavailable: ffmpeg was killed, or ran out of memory or time.
    """
    if cut.cover is not None:
        return cover_time(cut.cover, source, span)
    times, frames = look(source, span, limits, folder)
    if not len(times):
        return span.start
    best = np.argmax(score(frames, times / (span.seconds or 1.0)))  # one frame may have no length
    return span.start + max(0.0, float(times[best]))


def cover_time(cover: float, source: Source, span: Span) -> float:
    """The kept time that is nearest to `cover`, all in seconds of the original.

    Raises:
        Rejected: `bad_recipe`, it lies after the clip's end.
    """
    if cover > source.seconds:
        raise Rejected(
            "bad_recipe", f"The cover at {cover:g} s is none of the clip's, from 0 to {source.seconds:.2f} s."
        )
    last = span.start + max(0.0, span.seconds - 1 / source.frames_per_second)
    return min(max(cover, span.start), last)


def look(source: Source, span: Span, limits: Limits, folder: Path) -> tuple[Scores, Pixels]:
    """Frames among which one is to be chosen, as `read_looks` has them. Raises what `choose_poster` does."""
    if source.video.codec in SKIPLESS:
        return read_looks(stretch_arguments(source, span, limits), limits, folder)
    times, frames = read_looks(keyframe_arguments(source, span, limits), limits, folder)
    if len(times) >= FEW and times[-1] >= min(NEAR_SECONDS, span.seconds / 2):
        return times, frames
    more_times, more_frames = read_looks(stretch_arguments(source, span, limits), limits, folder)
    return np.concatenate((times, more_times)), np.concatenate((frames, more_frames))


def read_looks(arguments: list[str], limits: Limits, folder: Path) -> tuple[Scores, Pixels]:
    """Times (n) in seconds of the span, and the frames' tones (n, SIDE, SIDE), that `look_arguments` bring."""
    tones = np.frombuffer(capture(arguments, limits, folder=folder), np.uint8)
    times = read_times((folder / TIMES).read_text())
    (folder / TIMES).unlink()
    count = min(len(times), len(tones) // SIDE**2)
    return times[:count], tones[: count * SIDE**2].reshape(count, SIDE, SIDE)


def read_times(text: str) -> Scores:
    """The times in seconds that ffmpeg's `framecrc` lists."""
    lines = text.splitlines()
    tick = next((Fraction(line.split(":")[1].strip()) for line in lines if line.startswith("#tb 0:")), Fraction(1))
    return np.array([float(int(line.split(",")[2]) * tick) for line in lines if not line.startswith("#")])


def keyframe_arguments(source: Source, span: Span, limits: Limits) -> list[str]:
    """The first keyframes of a span, fewer of a large picture."""
    count = KEYFRAME_PIXELS // (source.width * source.height)
    count = min(max(count, LEAST_KEYFRAMES), MOST_KEYFRAMES)
    return look_arguments(source, span, limits, skipped="nokey", chosen=[], count=count)


def stretch_arguments(source: Source, span: Span, limits: Limits) -> list[str]:
    """Frames at even distances from the beginning on, of a shorter time where the picture is large."""
    affordable = STRETCH_PIXELS / (source.width * source.height * source.frames_per_second)
    stretch = Span(start=span.start, seconds=min(span.seconds, max(1.0, affordable)))
    chosen = f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{stretch.seconds / STRETCH_FRAMES:.6f})'"
    return look_arguments(source, stretch, limits, skipped="noref", chosen=[chosen], count=STRETCH_FRAMES)


def look_arguments(
    source: Source, span: Span, limits: Limits, *, skipped: str, chosen: list[str], count: int
) -> list[str]:
    """The tones of at most `count` frames on standard output, whatever their shape and side up; their times in a file.

    `skipped` is which frames the decoder leaves out.
    """
    within = f"trim=start=0:end={span.seconds:.6f}"
    chain = [within, *chosen, f"scale={SIDE}:{SIDE}:flags=area", "format=gray", "split[seen][timed]"]
    as_they_come = ["-fps_mode", "passthrough", "-enc_time_base", TICK, "-frames:v", str(count)]
    return [
        *("-v", "error", *ONE_THREAD, "-skip_frame", skipped, "-skip_loop_filter", "all"),
        *open_original(source, span, limits),
        *("-filter_complex", f"[0:{source.video.index}]{','.join(chain)}"),
        *("-map", "[seen]", *as_they_come, "-f", "rawvideo", "pipe:1"),
        *("-map", "[timed]", *as_they_come, "-f", "framecrc", TIMES),
    ]


def score(frames: Pixels, shares: Scores) -> Scores:
    """How well each frame, tones (n, h, w) uint8, would stand for its clip; `shares` say where in it, 0 to 1.

    What counts is how sharp it is next to the others, that its tones are spread (those of a fade or a dissolve are
    not), that little of it is too dark or too bright, and a little, that it comes early.
    """
    tones = frames.astype(np.float32)
    edges = (
        4 * tones[:, 1:-1, 1:-1] - tones[:, :-2, 1:-1] - tones[:, 2:, 1:-1] - tones[:, 1:-1, :-2] - tones[:, 1:-1, 2:]
    )
    detail = edges.std(axis=(1, 2))
    sharp = np.sqrt(detail / max(float(detail.max()), 1e-6))
    spread = np.minimum(tones.std(axis=(1, 2)) / PLENTY, 1)
    legible = ((frames > BLACK) & (frames < WHITE)).mean(axis=(1, 2))
    exposed = np.clip(1 - np.abs(tones.mean(axis=(1, 2)) - MIDDLE) / REACH, 0, 1)
    scores: Scores = sharp * spread * legible * exposed * (1 - LATENESS * shares)
    return scores


def take_frame(source: Source, seconds: float, width: int, height: int, limits: Limits, folder: Path) -> Pixels:
    """The frame that is shown at a time, (h, w, 3) uint8 sRGB: upright, nothing done to it, and as large as asked.

    Unless that is the clip's own size, an odd side is a pixel longer. Where none can be decoded so late, it is one of
    the last.

    Raises:
        Rejected: `corrupt_media`, there is no frame that can be decoded.
        Unavailable: ffmpeg was killed, or ran out of memory or time.
    """
    width, height = even_size(source, width, height)
    for start in starts(min(seconds, source.seconds)):
        span = Span(start=start, seconds=source.seconds - start)
        arguments = decode_arguments(source, span, width, height, NEAR_RATE, limits, first_only=True)
        frame = np.frombuffer(capture(arguments, limits, folder=folder), np.uint8)
        if len(frame):
            return to_pixels(frame, width, height)
    raise Rejected("corrupt_media", "This clip has no picture that can be decoded.")


def even_size(source: Source, width: int, height: int) -> tuple[int, int]:
    """The clip's own size, or the next even one: where a frame is reduced to an odd side, its colours are moved."""
    if (width, height) == (source.width, source.height):
        return width, height
    return width + width % 2, height + height % 2


def starts(seconds: float) -> tuple[float, ...]:
    """Times at which to look for a frame one after the other, until there is one: each is a longer step back.

    The first is the very time: a hair before a keyframe's, everything from the one before would be decoded.
    """
    return tuple(dict.fromkeys(max(0.0, seconds - back) for back in (0.0, 0.5, 2.0, seconds)))


def to_pixels(frame: NDArray[np.uint8], width: int, height: int) -> Pixels:
    """RGB of a raw frame, whose size is known to `decode_arguments`."""
    pixels = np.empty((height, width, 3), np.uint8)
    read_planes(planes_of(frame[: frame_bytes(height, width)], height, width), pixels)
    return pixels
