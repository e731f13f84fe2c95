"""What else makes clips with ffmpeg: the floors under any ladder, a call for each output, Mastodon's and Immich's way.

Each is a list of commands (see `WAYS`), with one thread a codec as ours. The floors have our rungs' encoders, caps and
scaler and nothing that could be left out: the encoders see each frame once, the sound is encoded once for all rungs.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config import CLIP_LADDERS, ClipPreset
from pipeline.clip.plan import Rung, plan_rungs, rung_size
from scripts.benches.peers.serve_clips import serve_clips

LADDER = CLIP_LADDERS["standard"]
FFMPEG = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-filter_complex_threads", "1", "-filter_threads", "1"]
HEADERS = ["-flags:v", "+global_header", "-flags:a", "+global_header"]  # MP4 wants them, and tee does not say so
BARE = ["-map_metadata", "-1", "-max_muxing_queue_size", "1024"]
FAST_START = ["-movflags", "+faststart"]
POSTER_SECONDS = 1.0
IMMICH_SHORT_SIDE = 720


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip as it is shown. Sizes in pixels, upright."""

    file: Path
    width: int
    height: int
    frames_per_second: float
    has_sound: bool
    subsampled: bool  # its pixels are 8 bits 4:2:0 already

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """What our ladder comes to, the largest first."""
        return plan_rungs(self.width, self.height, LADDER.rungs)


Commands = list[list[str]]
Way = Callable[[Clip, Path], Commands]


def floor_one(clip: Clip, out: Path) -> Commands:
    """Decode, encode the largest rung, without sound."""
    rung = clip.rungs[0]
    steps = [*_rate(clip), *_scale(clip, rung.width, rung.height)]
    return [[*_decode(clip), *_filter(steps), "-an", *_encode(rung.preset), *BARE, _file(out, rung)]]


def floor_three(clip: Clip, out: Path) -> Commands:
    """Decode once, scale and encode every rung; the sound once, written beside each."""
    rungs = list(enumerate(clip.rungs))
    split = ",".join([*_rate(clip), f"split={len(rungs)}{''.join(f'[r{n}]' for n, _ in rungs)}"])
    branches = [f"[r{n}]{','.join(_scale(clip, rung.width, rung.height))}[v{n}]" for n, rung in rungs]
    graph = ["-filter_complex", ";".join([f"[0:V:0]{split}", *branches])]
    maps = [word for n, _ in rungs for word in ("-map", f"[v{n}]")]
    encoders = [word for n, rung in rungs for word in _encode(rung.preset, f":v:{n}")]
    sound = ["-map", "0:a:0", *_sound()] if clip.has_sound else []
    beside = ",a" if clip.has_sound else ""
    files = "|".join(rf"[f=mp4:select=\'v:{n}{beside}\']{_file(out, rung)}" for n, rung in rungs)
    return [[*_decode(clip), *graph, *maps, *sound, *encoders, *BARE, *HEADERS, "-f", "tee", files]]


def call_each(clip: Clip, out: Path) -> Commands:
    """A call for each rung, for the poster and for the preview, as most write it."""
    return [*(_call_rung(clip, rung, out) for rung in clip.rungs), _call_poster(clip, out), _call_preview(clip, out)]


def _call_rung(clip: Clip, rung: Rung, out: Path) -> list[str]:
    steps = [*_rate(clip), *_scale(clip, rung.width, rung.height)]
    return [*_decode(clip), *_filter(steps), *_encode(rung.preset), *_sound(), *BARE, *FAST_START, _file(out, rung)]


def _call_poster(clip: Clip, out: Path) -> list[str]:
    largest = clip.rungs[0]
    steps = _filter(_scale(clip, largest.width, largest.height))
    seek = ["-ss", f"{POSTER_SECONDS}"]
    return [*_decode(clip, *seek), *steps, "-frames:v", "1", "-q:v", "3", "-update", "1", str(out / "poster.jpg")]


def _call_preview(clip: Clip, out: Path) -> list[str]:
    preset = LADDER.preview
    steps = [f"fps={preset.frames_per_second}", *_scale(clip, *rung_size(clip.width, clip.height, preset.short_side))]
    rung = ClipPreset(name=preset.name, short_side=preset.short_side, kbps=preset.kbps, quality=preset.quality)
    last = ["-t", f"{preset.seconds}", *_encode(rung), *BARE, *FAST_START, str(out / f"{preset.name}.mp4")]
    return [*_decode(clip), *_filter(steps), "-an", *last]


def mastodon(clip: Clip, out: Path) -> Commands:
    """One MP4 at the clip's own size.

    Source: VIDEO_FORMAT in app/models/media_attachment.rb of Mastodon 4, around which lib/paperclip/transcoder.rb puts
    `-nostdin -i SOURCE` and `-y DESTINATION`.
    """
    options = {
        "preset": "veryfast",
        "movflags": "faststart",
        "pix_fmt": "yuv420p",
        "vf": "crop=floor(iw/2)*2:floor(ih/2)*2",
        "c:v": "h264",
        "c:a": "aac",
        "b:a": "192k",
        "map_metadata": "-1",
        "frames:v": "36000",
    }
    return [[*_decode(clip), "-threads", "1", *_spelt(options), _file(out, clip.rungs[0])]]


def immich(clip: Clip, out: Path) -> Commands:
    """One MP4 whose short side is 720.

    Source: BaseConfig and H264Config in server/src/utils/media.ts of Immich, and its defaults in server/src/config.ts:
    h264, aac, crf 23, ultrafast, 720.
    """
    short = min(IMMICH_SHORT_SIDE, 2 * (min(clip.width, clip.height) // 2))
    scale = f"scale={short}:-2" if clip.height > clip.width else f"scale=-2:{short}"
    options = {
        "c:v": "h264",
        "c:a": "aac",
        "movflags": "faststart",
        "fps_mode": "passthrough",
        "map": "0:V:0",
        "map_metadata": "-1",
        **({"map:a": "0:a:0"} if clip.has_sound else {}),
        "vf": scale if clip.subsampled else f"{scale},format=yuv420p",
        "preset": "ultrafast",
        "threads": "1",
        "crf": "23",
    }
    words = ["-map" if word == "-map:a" else word for word in _spelt(options)]
    return [[*_decode(clip), *words, str(out / f"{IMMICH_SHORT_SIDE}p.mp4")]]


WAYS: Mapping[str, Way] = {
    "floor_one": floor_one,
    "floor_three": floor_three,
    "call_each": call_each,
    "mastodon": mastodon,
    "immich": immich,
}


def _decode(clip: Clip, *before: str) -> list[str]:
    return [*FFMPEG, "-threads", "1", *before, "-i", str(clip.file)]


def _filter(steps: list[str]) -> list[str]:
    return ["-vf", ",".join(steps)]


def _rate(clip: Clip) -> list[str]:
    return [f"fps={LADDER.frames_per_second}"] if clip.frames_per_second > LADDER.frames_per_second else []


def _scale(clip: Clip, width: int, height: int) -> list[str]:
    scale = [] if (width, height) == (clip.width, clip.height) else [f"scale={width}:{height}:flags=lanczos"]
    return [*scale, "format=yuv420p"]


def _encode(rung: ClipPreset, stream: str = ":v") -> list[str]:
    """The rung's encoder, for one of several streams of pictures where `stream` names it."""
    between = str(LADDER.segment_seconds * LADDER.frames_per_second)
    options = {
        "c": "libx264",
        "threads": "1",
        "preset": rung.speed,
        "crf": str(rung.quality),
        "maxrate": f"{rung.kbps}k",
        "bufsize": f"{2 * rung.kbps}k",
        "profile": "high",
        "g": between,
        "keyint_min": between,
        "sc_threshold": "0",
    }
    return _spelt({f"{name}{stream}": value for name, value in options.items()})


def _sound() -> list[str]:
    preset = LADDER.sound
    return _spelt({"c:a": "aac", "b:a": f"{preset.kbps}k", "ar": str(preset.sample_rate), "ac": "2"})


def _file(out: Path, rung: Rung) -> str:
    return str(out / f"{rung.preset.name}.mp4")


def _spelt(options: Mapping[str, str]) -> list[str]:
    return [word for name, value in options.items() for word in (f"-{name}", value)]


@cache
def probe(file: Path) -> Clip:
    """The clip as ffprobe tells of it."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(file)]
    streams = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"]
    video = next(s for s in streams if s["codec_type"] == "video" and not s["disposition"]["attached_pic"])
    turned = any(side.get("rotation", 0) % 180 for side in video.get("side_data_list", []))
    width, height = (video["height"], video["width"]) if turned else (video["width"], video["height"])
    frames, seconds = map(int, video["avg_frame_rate"].split("/"))
    return Clip(
        file=file,
        width=width,
        height=height,
        frames_per_second=frames / (seconds or 1),
        has_sound=any(stream["codec_type"] == "audio" for stream in streams),
        subsampled=video["pix_fmt"] == "yuv420p",
    )


def run(way: Way, clip: Path, out: Path) -> dict[str, Path]:
    """Run the way's commands, one after the other. What was made, by name."""
    for command in way(probe(clip), out):
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return {file.stem: file for file in sorted(out.iterdir())}


if __name__ == "__main__":
    way = WAYS[sys.argv[1]]
    serve_clips(lambda clip, out: run(way, clip, out), lambda clip, _: probe(clip))
