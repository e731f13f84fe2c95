"""What is known of a clip, and what was made of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Video:
    """The stream of pictures that is shown. Its colours are named as ffmpeg names them; None where it says nothing."""

    index: int  # among all streams
    codec: str
    pixel_format: str
    matrix: str | None
    primaries: str | None
    transfer: str | None
    full_range: bool
    interlaced: bool
    alpha: bool
    lines: int = 1080  # as stored, before any turning
    ends: float = math.inf  # when its last picture ends, in seconds of the clip

    @property
    def hdr(self) -> Literal["pq", "hlg"] | None:
        """Which of the two high-dynamic-range curves it has, if any."""
        if self.transfer == "smpte2084":
            return "pq"
        return "hlg" if self.transfer == "arib-std-b67" else None


@dataclass(frozen=True, kw_only=True)
class Sound:
    """The stream of sound that is heard."""

    index: int
    codec: str
    channels: int
    sample_rate: int
    ends: float = math.inf  # in seconds of the clip


@dataclass(frozen=True, kw_only=True)
class Source:
    """An original clip as it was probed. `width` and `height` are of the upright picture with square pixels."""

    file: Path
    demuxer: str  # ffmpeg's name of the container, told from the bytes
    width: int
    height: int
    rotation: int  # degrees that it is turned to stand upright, clockwise: 0, 90, 180, 270
    seconds: float
    frames_per_second: float  # on average
    video: Video
    sound: Sound | None
    loops: bool  # a GIF and its like, which play again and again
    pace: float = 0.0  # pictures a second where it moves, if that is much more than on average
    mirrored: bool = False  # by its display matrix, beside the rotation
    lead_seconds: float = 0.0  # by which ffmpeg's clock is ahead of the clip's: sound that only primes its decoder
    format: str = "mp4"  # what a person calls the container
    taken_at: str | None = None
    make: str | None = None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClipFile:
    """One rendition in the folder where it was made. Its name is made of its content: `<32 hex digits>.<extension>`.

    The digits are the first of its SHA-256, so that a playlist can name what it plays before anything is stored.
    Sizes are in pixels of the picture that it holds or leads to.
    """

    name: str
    file: str
    width: int
    height: int
    content_type: str


@dataclass(frozen=True, kw_only=True)
class RenderedClip:
    """All that a clip came to. `width` and `height` are the original's, upright."""

    width: int
    height: int
    facts: Mapping[str, Any]
    files: tuple[ClipFile, ...]
    timings: Mapping[str, float]
