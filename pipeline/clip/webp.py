"""Animated WebP, which ffmpeg 5.1 cannot play: Pillow does, and ffmpeg gets it as APNG, without a loss."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from config import Limits
from jobs.errors import Rejected
from pipeline.clip.apng import apng_chunks
from pipeline.clip.model import Source
from pipeline.clip.probe import probe
from pipeline.headers import Header, read_header

UNFOLDED = "unfolded.png"
SHORT_MS, USUAL_MS = 10, 100  # a picture of up to so long is shown for so long, as browsers do it


def probe_webp(file: Path, limits: Limits) -> Source:
    """What is known of an animated WebP; the source's file is one that ffmpeg can play, beside the original.

    Raises:
        Rejected: what `pipeline.headers.read_header` refuses of a photo, `too_many_seconds`, `too_many_bytes` of one
            that is too large when it is unfolded, or `corrupt_media`.
        Unavailable: ffmpeg was killed.
        OSError: there was no room to write.
    """
    with file.open("rb") as opened:
        header = read_header(opened.read(limits.photo_bytes + 1), limits)
    if header.frames == 1:
        raise Rejected("photo_not_clip", "This picture does not move; it was submitted as a clip.")
    source = probe(unfold(file, header, limits), replace(limits, clip_bytes=limits.clip_file_bytes))
    return replace(source, format="webp", loops=True, video=replace(source.video, codec="webp"))


def unfold(file: Path, header: Header, limits: Limits) -> Path:
    """Write its pictures into a file beside it, each once."""
    unfolded, written = file.parent / UNFOLDED, 0
    with unfolded.open("wb") as opened:
        for piece in apng_chunks(play(file, header, limits), header.frames):
            written += len(piece)
            if written > limits.clip_file_bytes:
                most = limits.clip_file_bytes
                raise Rejected("too_many_bytes", f"The pictures of this WebP have more than {most} bytes.")
            opened.write(piece)
    return unfolded


def play(file: Path, header: Header, limits: Limits) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Its pictures, RGB or RGBA, and for how many milliseconds each is shown."""
    ends_ms = 0
    for picture, stated_ms in frames(file, "RGBA" if header.alpha else "RGB"):
        shown_ms = stated_ms if stated_ms > SHORT_MS else USUAL_MS
        ends_ms += shown_ms
        if ends_ms > 1000 * limits.clip_seconds:
            raise Rejected("too_many_seconds", f"This clip has more than {limits.clip_seconds} s.")
        yield picture, shown_ms


def frames(file: Path, mode: str) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Each picture, and how long the file says that it is shown, in milliseconds."""
    try:
        with Image.open(file, formats=("WEBP",)) as animation:
            for place in range(animation.n_frames):  # type: ignore[attr-defined]  # of an animation
                animation.seek(place)
                animation.load()
                yield np.asarray(animation.convert(mode)), round(animation.info.get("duration", 0))
    except (OSError, EOFError, SyntaxError, ValueError) as error:
        raise Rejected("corrupt_media", f"This WebP cannot be decoded: {error}") from error
