"""What ffprobe knows of an original, and whether it may come in."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from config import Limits
from jobs.errors import Rejected
from pipeline.clip.allowance import allowed
from pipeline.clip.extents import Extent, read_extents, seconds_of, stated_extents
from pipeline.clip.ffmpeg import FFPROBE, OutOfMemory, capture, safe_input
from pipeline.clip.model import Sound, Source, Video
from pipeline.clip.sniff import HEAD_BYTES, format_name, sniff_clip
from pipeline.containers import read_claims
from pipeline.headers import read_header

# Named one by one, so that where it was taken is never read out.
FORMAT_TAGS = (
    *("creation_time", "com.apple.quicktime.creationdate"),
    *("com.apple.quicktime.make", "make", "com.android.manufacturer"),
    *("com.apple.quicktime.model", "model", "com.android.model"),
)
STREAM = (
    *("index", "codec_type", "codec_name", "start_time", "duration", "nb_frames", "avg_frame_rate", "r_frame_rate"),
    *("width", "height", "pix_fmt", "sample_aspect_ratio", "field_order"),
    *("color_range", "color_space", "color_transfer", "color_primaries"),
    *("sample_fmt", "channels", "sample_rate"),
)
ENTRIES = (
    f"format=duration,start_time:format_tags={','.join(FORMAT_TAGS)}:stream={','.join(STREAM)}"
    ":stream_disposition=default,attached_pic,timed_thumbnails:stream_tags=alpha_mode,creation_time"
    ":stream_side_data=rotation,displaymatrix"
)
INTERLACED = frozenset(("tt", "bb", "tb", "bt"))
SEE_THROUGH = ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "ayuv")
PALETTES = frozenset(("gif", "apng", "png"))  # codecs whose palette may have a colour to see through
LOOPING = frozenset(("gif", "apng"))
SLOWEST = 0.01
UNEVEN, FASTEST_PACE = 1.5, 60  # of the average; a second
FLICK_SHARE = 0.25  # of the most pictures a second: a track with fewer is the stills beside a motion photo
SHAPES = (0.1, 10.0)  # width to height of a pixel: one outside is made to blow the picture up
TAG_CHARACTERS = 64
FIRST_YEAR = 1990  # before it, a clock that was never set: QuickTime's zero is 1904, Unix's 1970
PATIENCE_SECONDS = 0.25  # what may be missing at a clip's end


Stream = Mapping[str, Any]  # as ffprobe describes it


def probe(file: Path, limits: Limits) -> Source:
    """What is known of a clip, from its container alone.

    Raises:
        Rejected: `empty_file`, `too_many_bytes`, what `sniff_clip`, `pipeline.containers` and (of an animation)
            `pipeline.headers` refuse, `unknown_codec`, `too_many_streams`, `no_video`, `side_too_long`,
            `too_many_pixels`, `too_many_seconds`, `too_many_frames`, `too_many_frames_per_second`, `truncated_clip` or
            `corrupt_media`.
        EncoderDied: ffprobe was killed, or ran out of memory or time.
    """
    check_bytes(file.stat().st_size, limits)
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    demuxer = sniff_clip(head)
    check_container(file, demuxer, limits)
    limits = allowed(limits, 0)
    answer = ask(file, demuxer, limits)
    streams: Sequence[Stream] = answer.get("streams", [])
    video, sound = choose_video(streams, limits), choose_sound(streams)
    extents = stated_extents([video, *sound], answer["format"]) or read_extents(file, demuxer, limits, video["index"])
    source = describe(file, demuxer, answer["format"], video, sound[0] if sound else None, extents, limits)
    check_seconds(source, answer["format"], extents, limits)
    return replace(source, format=format_name(head, demuxer))


def ask(file: Path, demuxer: str, limits: Limits) -> dict[str, Any]:
    """What ffprobe answers. Nothing is large in it, so that what takes all memory is made to."""
    options = ["-v", "error", *safe_input(demuxer, limits), "-show_entries", ENTRIES, "-of", "json", file.name]
    try:
        answer: dict[str, Any] = json.loads(capture(options, limits, folder=file.parent, program=FFPROBE))
    except OutOfMemory as error:
        raise Rejected("corrupt_media", "This clip claims to have more in it than fits into memory.") from error
    return answer


def check_container(file: Path, demuxer: str, limits: Limits) -> None:
    """Raise Rejected for what the container says of itself, before any program of ffmpeg's has seen it."""
    if demuxer in LOOPING:
        read_header(file.read_bytes(), replace(limits, photo_bytes=limits.clip_bytes))
    else:
        read_claims(file, demuxer, limits)


def check_bytes(size: int, limits: Limits) -> None:
    """Raises Rejected for an empty or too large file."""
    if size == 0:
        raise Rejected("empty_file", "This file is empty.")
    if size > limits.clip_bytes:
        raise Rejected("too_many_bytes", f"This clip has {size} bytes; {limits.clip_bytes} are taken.")


def choose_video(streams: Sequence[Stream], limits: Limits) -> Stream:
    """The stream of moving pictures: no cover, no few stills beside a motion photo; the default, then the largest.

    Raises:
        Rejected: `no_video`, `side_too_long`, `too_many_pixels` or `corrupt_media`.
    """
    videos = [stream for stream in streams if stream.get("codec_type") == "video" and not is_picture(stream)]
    if not videos:
        raise Rejected("no_video", "This clip has no moving picture, only sound.")
    for stream in videos:
        check_size(*stored_size(stream), limits)
    known = [stream for stream in videos if stream.get("pix_fmt", "unknown") != "unknown" and all(stored_size(stream))]
    if not known:
        raise Rejected("corrupt_media", f"Its pictures cannot be decoded: {videos[0].get('codec_name', 'no codec')}.")
    rates = [stated_rate(stream, limits.clip_frames_per_second) for stream in known]
    moving = [stream for stream, rate in zip(known, rates, strict=True) if rate >= FLICK_SHARE * max(rates)]
    return max(moving, key=lambda stream: (flag(stream, "default"), math.prod(stored_size(stream)), -stream["index"]))


def choose_sound(streams: Sequence[Stream]) -> list[Stream]:
    """The stream of sound that can be decoded, the default if there are several; none if there is none."""
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio" and can_be_heard(stream)]
    return sorted(sounds, key=lambda stream: (-flag(stream, "default"), stream["index"]))[:1]


def is_picture(stream: Stream) -> bool:
    """Whether a stream of video is a cover or a thumbnail."""
    return bool(flag(stream, "attached_pic") or flag(stream, "timed_thumbnails"))


def flag(stream: Stream, name: str) -> int:
    """One of a stream's dispositions."""
    return int(stream.get("disposition", {}).get(name, 0))


def can_be_heard(stream: Stream) -> bool:
    """Whether ffmpeg knows how to decode it; a phone's spatial sound beside the plain one it does not."""
    known = stream.get("sample_fmt", "unknown") not in ("unknown", "")
    return known and int(stream.get("channels", 0)) > 0 and int(stream.get("sample_rate", 0)) > 0


def stored_size(stream: Stream) -> tuple[int, int]:
    """Width and height as stored."""
    return int(stream.get("width", 0)), int(stream.get("height", 0))


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raises Rejected for a picture that is over a limit, whichever way it lies."""
    if max(width, height) > limits.clip_long_side:
        most = limits.clip_long_side
        raise Rejected("side_too_long", f"This clip is {width} x {height}; {most} pixels a side are taken.")
    if min(width, height) > limits.clip_short_side:
        most = limits.clip_long_side * limits.clip_short_side
        raise Rejected("too_many_pixels", f"This clip is {width} x {height}; {most} pixels a frame are taken.")


def describe(
    file: Path,
    demuxer: str,
    container: Mapping[str, Any],
    video: Stream,
    sound: Stream | None,
    extents: Mapping[int, Extent],
    limits: Limits,
) -> Source:
    """All that is known, in our words.

    Raises:
        Rejected: `corrupt_media` for a clip without a single picture, `photo_not_clip` for a GIF of one.
    """
    seen = moving_pictures(video, extents, demuxer)
    heard = sound if sound and sound["index"] in extents else None
    begins = seconds_of(container, "start_time", min(extent.start for extent in extents.values()))
    zero = begins if begins >= 0 else min(seen.start, 0.0)
    ends = {index: extent.end - zero for index, extent in extents.items()}
    rotation = clockwise(video)
    width, height = upright_size(video, rotation)
    rate = choose_rate(video, seen, demuxer, limits.clip_frames_per_second)
    return Source(
        file=file,
        demuxer=demuxer,
        width=width,
        height=height,
        rotation=rotation,
        mirrored=is_mirrored(video),
        seconds=max(ends[stream["index"]] for stream in (video, heard) if stream),
        frames_per_second=rate,
        pace=choose_pace(video, rate),
        video=describe_video(video, ends[video["index"]]),
        sound=describe_sound(heard, ends[heard["index"]]) if heard else None,
        loops=demuxer in LOOPING,
        lead_seconds=zero - begins,
        taken_at=moment(container.get("tags", {}), video.get("tags", {})),
        make=text(container, "com.apple.quicktime.make", "make", "com.android.manufacturer"),
        model=text(container, "com.apple.quicktime.model", "model", "com.android.model"),
    )


def moving_pictures(video: Stream, extents: Mapping[int, Extent], demuxer: str) -> Extent:
    """Where the pictures are. Raises Rejected as `describe`."""
    seen = extents.get(video["index"])
    if seen is None:
        raise Rejected("corrupt_media", "This clip has a track of pictures, and not a single one in it.")
    if demuxer in LOOPING and seen.packets == 1:
        raise Rejected("photo_not_clip", "This picture does not move; it was submitted as a clip.")
    return seen


def describe_video(stream: Stream, ends: float) -> Video:
    """The stream of pictures. `ends` in seconds of the clip."""
    pixels = stream["pix_fmt"]
    return Video(
        index=stream["index"],
        codec=stream["codec_name"],
        pixel_format=pixels,
        matrix=tag(stream, "color_space"),
        primaries=tag(stream, "color_primaries"),
        transfer=tag(stream, "color_transfer"),
        full_range=stream.get("color_range") == "pc" or pixels.startswith("yuvj"),
        interlaced=stream.get("field_order") in INTERLACED,
        alpha=can_be_seen_through(stream),
        lines=int(stream["height"]),
        ends=ends,
    )


def can_be_seen_through(stream: Stream) -> bool:
    """Whether its pictures have an alpha channel; VP8 and VP9 keep it beside, where their pixel format says nothing."""
    pixels, beside = stream["pix_fmt"], stream.get("tags", {}).get("alpha_mode") == "1"
    return beside or pixels.startswith(SEE_THROUGH) or (pixels == "pal8" and stream["codec_name"] in PALETTES)


def describe_sound(stream: Stream, ends: float) -> Sound:
    """The stream of sound. `ends` in seconds of the clip."""
    return Sound(
        index=stream["index"],
        codec=stream["codec_name"],
        channels=int(stream["channels"]),
        sample_rate=int(stream["sample_rate"]),
        ends=ends,
    )


def tag(stream: Stream, name: str) -> str | None:
    """A colour's name, None where the stream says nothing that is known."""
    value = stream.get(name, "unknown")
    return None if value in ("unknown", "unspecified", "reserved") else str(value)


def clockwise(stream: Stream) -> int:
    """Degrees to turn the picture by; the display matrix counts the other way round. Another angle is not followed."""
    angle = stated_angle(stream)
    return 0 if angle % 90 else -angle % 360


def is_mirrored(stream: Stream) -> bool:
    """Whether the display matrix, where it is followed, also mirrors the picture: its determinant is negative."""
    written = next((data["displaymatrix"] for data in stream.get("side_data_list", []) if "displaymatrix" in data), "")
    rows = [[int(number) for number in line.split(":")[1].split()] for line in written.splitlines() if ":" in line]
    return len(rows) > 1 and stated_angle(stream) % 90 == 0 and rows[0][0] * rows[1][1] < rows[0][1] * rows[1][0]


def stated_angle(stream: Stream) -> int:
    """Degrees of the display matrix, anticlockwise."""
    turns = [data["rotation"] for data in stream.get("side_data_list", []) if "rotation" in data]
    return round(float(turns[0])) if turns else 0


def upright_size(stream: Stream, rotation: int) -> tuple[int, int]:
    """Width and height of the picture with square pixels, turned. Raises Rejected `corrupt_media` for absurd pixels."""
    width, height = stored_size(stream)
    shape = fraction(stream.get("sample_aspect_ratio", "1:1").replace(":", "/")) or 1
    if not SHAPES[0] <= shape <= SHAPES[1]:
        raise Rejected("corrupt_media", f"The pixels of this clip are {stream['sample_aspect_ratio']}.")
    square = max(1, round(width * shape))
    return (height, square) if rotation in (90, 270) else (square, height)


def stated_rate(stream: Stream, fastest: int) -> Fraction:
    """Pictures a second on average, as the container says; 0 of more than `fastest`, which is how its clock ticks."""
    rate = fraction(stream["avg_frame_rate"])
    return rate if rate <= fastest else Fraction(0)


def choose_rate(stream: Stream, extent: Extent, demuxer: str, fastest: int) -> float:
    """Pictures a second on average.

    What the container states goes first, because two packets may be one picture's fields; but a fragmented MP4 states
    the rate of its beginning.
    """
    fragmented = demuxer == "mov" and "nb_frames" not in stream
    stated = 0.0 if fragmented else float(stated_rate(stream, fastest))
    return max(SLOWEST, min(stated or extent.rate, float(fastest)))


def choose_pace(stream: Stream, average: float) -> float:
    """Pictures a second where it moves; 0 unless that is much more than on average.

    A screen recording stores no picture while nothing moves. ffprobe finds the rate in whose steps all pictures lie;
    where they lie anywhere, that is how fast a clock ticks, and no rate.
    """
    steps = float(fraction(stream.get("r_frame_rate", "0/0")))
    return steps if UNEVEN * average <= steps <= FASTEST_PACE else 0.0


def fraction(text: str) -> Fraction:
    """What ffprobe writes as `30000/1001`; 0 for `0/0` and whatever is no number."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return Fraction(0)


def text(container: Mapping[str, Any], *names: str) -> str | None:
    """The first of these tags that says something printable."""
    tags = container.get("tags", {})
    written = ("".join(c for c in tags.get(name, "") if c.isprintable()).strip() for name in names)
    return next((words[:TAG_CHARACTERS] for words in written if words), None)


def moment(*tags: Mapping[str, str]) -> str | None:
    """When it was taken, in ISO 8601: the camera's own time with its offset, else the file's in UTC."""
    written = [group.get(name, "") for name in ("com.apple.quicktime.creationdate", "creation_time") for group in tags]
    return next((stamp for stamp in map(iso_moment, written) if stamp), None)


def iso_moment(written: str) -> str | None:
    """The moment as we write it; None for what is no date, or the zero of a clock that was never set."""
    try:
        stamp = datetime.fromisoformat(written)
    except ValueError:
        return None
    return stamp.isoformat(timespec="seconds") if stamp.year >= FIRST_YEAR else None


def check_seconds(source: Source, container: Mapping[str, Any], extents: Mapping[int, Extent], limits: Limits) -> None:
    """Raises Rejected for too many seconds or pictures in them, and where a clip ends before it says."""
    seen, fastest = extents[source.video.index], limits.clip_frames_per_second
    if seen.packets > limits.clip_frames:
        raise Rejected("too_many_frames", f"This clip has {seen.packets} frames; {limits.clip_frames} are taken.")
    if seen.packets > fastest * max(1.0, seen.end - seen.start):
        raise Rejected(
            "too_many_frames_per_second",
            f"This clip has {seen.packets} frames in {seen.end - seen.start:.1f} s; {fastest} a second are taken.",
        )
    if source.seconds > limits.clip_seconds:
        raise Rejected("too_many_seconds", f"This clip has {source.seconds:.1f} s; {limits.clip_seconds} are taken.")
    if source.demuxer == "matroska":
        missing = seconds_of(container, "duration", 0.0) - max(extent.end for extent in extents.values())
        if missing > PATIENCE_SECONDS:
            raise Rejected("truncated_clip", f"The last {missing:.1f} s of this clip are missing.")
