"""The rungs, the poster and the preview with moviepy, as its documentation shows: every frame through Python."""

import warnings
from pathlib import Path

from moviepy import VideoFileClip

from scripts.benches.peers.serve_clips import serve_clips

RUNGS = {"1080p": (1080, 5000), "720p": (720, 2800), "480p": (480, 1400)}  # short side and kbps, as config/presets.py
QUALITY = 23
AT_MOST = 30  # frames a second
POSTER_SECONDS = 1.0
PREVIEW_SECONDS, PREVIEW_SHORT_SIDE, PREVIEW_RATE = 3.0, 320, 15


def make(clip: Path, out: Path) -> dict[str, Path]:
    """Open once, then resize and write for each rung."""
    with VideoFileClip(str(clip)) as opened:
        rate = min(AT_MOST, opened.fps)
        for name, (short_side, kbps) in RUNGS.items():
            caps = ["-crf", f"{QUALITY}", "-maxrate", f"{kbps}k", "-bufsize", f"{2 * kbps}k", "-pix_fmt", "yuv420p"]
            write(resized(opened, short_side), out / f"{name}.mp4", rate, caps)
        opened.save_frame(str(out / "poster.jpg"), t=min(POSTER_SECONDS, opened.duration / 3))
        beginning = opened.subclipped(0, min(PREVIEW_SECONDS, opened.duration)).without_audio()
        write(resized(beginning, PREVIEW_SHORT_SIDE), out / "preview.mp4", PREVIEW_RATE, ["-pix_fmt", "yuv420p"])
    return {file.stem: file for file in sorted(out.iterdir())}


def resized(clip: VideoFileClip, short_side: int) -> VideoFileClip:
    """The clip at a short side, even, and never enlarged."""
    scale = min(1.0, short_side / min(clip.size))
    width, height = (2 * round(side * scale / 2) for side in clip.size)
    return clip.resized((width, height)) if (width, height) != tuple(clip.size) else clip


def write(clip: VideoFileClip, file: Path, rate: float, options: list[str]) -> None:
    """Encode with one thread."""
    clip.write_videofile(
        str(file),
        fps=rate,
        codec="libx264",
        audio_codec="aac",
        preset="veryfast",
        threads=1,
        ffmpeg_params=options,
        temp_audiofile_path=str(file.parent),
        logger=None,
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of frames that it takes for missing at a clip's end
    serve_clips(make)
