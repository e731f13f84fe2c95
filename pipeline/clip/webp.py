"""Animated WebP, which ffmpeg 5.1 cannot play: Pillow does, and ffmpeg gets it as Matroska, without a loss."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from config import Limits
from jobs.errors import Rejected
from pipeline.clip.ffmpeg import encoder
from pipeline.clip.model import Source
from pipeline.clip.probe import probe
from pipeline.headers import Header, read_header

UNFOLDED = "unfolded.mkv"
RATE = 30  # pictures a second: as many as are made of any clip that loops
SHORT_MS, USUAL_MS = 10, 100  # a picture of up to so long is shown for so long, as browsers do it


def probe_webp(file: Path, limits: Limits) -> Source:
    """What is known of an animated WebP; the source's file is one that ffmpeg can play, beside the original.

    Raises:
        Rejected: what `pipeline.headers.read_header` refuses of a photo, `too_many_seconds` or `corrupt_media`.
        Unavailable: ffmpeg was killed, or had no room to write.
    """
    header = read_header(file.read_bytes(), limits)
    if header.frames == 1:
        raise Rejected("photo_not_clip", "This picture does not move; it was submitted as a clip.")
    source = probe(unfold(file, header, limits), limits)
    return replace(source, format="webp", loops=True, video=replace(source.video, codec="webp"))


def unfold(file: Path, header: Header, limits: Limits) -> Path:
    """Play it into a file beside it, `RATE` pictures a second."""
    size = f"{header.width}x{header.height}"
    raw = ("-f", "rawvideo", "-pix_fmt", "rgba", "-s", size, "-r", str(RATE), "-i", "pipe:0")
    kept = ("-c:v", "ffv1", "-pix_fmt", "bgra" if header.alpha else "bgr0", "-f", "matroska", UNFOLDED)
    with encoder(["-v", "error", *raw, *kept], limits, folder=file.parent) as process:
        for picture in play(file, limits):
            process.stdin.write(picture)
        process.finish()
    return file.parent / UNFOLDED


def play(file: Path, limits: Limits) -> Iterator[bytes]:
    """Its pictures as RGBA at an even pace, each as often as it is long."""
    shown, ends_ms = 0, 0
    for picture, duration_ms in frames(file):
        ends_ms += duration_ms if duration_ms > SHORT_MS else USUAL_MS
        if ends_ms > 1000 * limits.clip_seconds:
            raise Rejected("too_many_seconds", f"This clip has more than {limits.clip_seconds} s.")
        for _ in range(round(RATE * ends_ms / 1000) - shown):
            yield picture
            shown += 1


def frames(file: Path) -> Iterator[tuple[bytes, int]]:
    """Each picture as RGBA, and how long it is shown, in milliseconds."""
    try:
        with Image.open(file, formats=("WEBP",)) as animation:
            for place in range(animation.n_frames):  # type: ignore[attr-defined]  # of an animation
                animation.seek(place)
                animation.load()
                yield animation.convert("RGBA").tobytes(), round(animation.info.get("duration", 0))
    except (OSError, EOFError, SyntaxError, ValueError) as error:
        raise Rejected("corrupt_media", f"This WebP cannot be decoded: {error}") from error
