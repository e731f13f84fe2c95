"""Named renditions. A ladder is an ordered tuple of presets, the largest first."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class PhotoPreset:
    """One rendition of a photo.

    `width` is in pixels of the upright picture; a smaller original is never enlarged. `shape` is "whole" (the height
    follows the original's aspect ratio) or "square" (the largest centred square, `width` by `width`).
    `quality` is libjpeg's 1-100.
    """

    name: str
    width: int
    shape: Literal["whole", "square"] = "whole"
    quality: int = 82


STANDARD = (
    PhotoPreset(name="w1080", width=1080),
    PhotoPreset(name="w640", width=640),
    PhotoPreset(name="w320", width=320),
    PhotoPreset(name="s150", width=150, shape="square"),
)

LADDERS: dict[str, tuple[PhotoPreset, ...]] = {"standard": STANDARD}


@dataclass(frozen=True, kw_only=True)
class ClipPreset:
    """One rung of a clip: one encoding of the whole clip.

    `short_side` is in pixels of the upright picture; a smaller clip is never enlarged. `quality` is the encoder's own
    constant rate factor, `kbps` the most that a second may take on average over two, `speed` the encoder's preset.
    """

    name: str
    short_side: int
    kbps: int
    codec: Literal["h264", "hevc", "av1"] = "h264"
    quality: float = 23
    speed: str = "veryfast"


@dataclass(frozen=True, kw_only=True)
class SoundPreset:
    """AAC in stereo, brought to one loudness. Source of the loudness: what the large streaming services play at."""

    kbps: int = 128
    sample_rate: int = 48_000
    loudness_lufs: float = -14.0
    true_peak_db: float = -1.5


@dataclass(frozen=True, kw_only=True)
class PreviewPreset:
    """The muted beginning that plays while a person scrolls."""

    name: str = "preview"
    seconds: float = 3.0
    short_side: int = 320
    frames_per_second: int = 15
    quality: int = 28
    kbps: int = 400


@dataclass(frozen=True, kw_only=True)
class StripPreset:
    """Small pictures of the whole clip on one sheet, for scrubbing: `most` of them, further apart in a longer clip."""

    name: str = "strip"
    width: int = 160
    columns: int = 10
    most: int = 100
    seconds_apart: float = 1.0
    quality: int = 70


@dataclass(frozen=True, kw_only=True)
class ClipLadder:
    """All that is made of a clip: rungs, the largest first, and what stands beside them."""

    rungs: tuple[ClipPreset, ...]
    poster: tuple[PhotoPreset, ...] = STANDARD  # the renditions of its poster frame
    sound: SoundPreset = field(default_factory=SoundPreset)
    preview: PreviewPreset = field(default_factory=PreviewPreset)
    strip: StripPreset | None = field(default_factory=StripPreset)
    frames_per_second: int = 30  # at most
    segment_seconds: int = 2  # between keyframes, in every rung at the same times


H264 = (
    ClipPreset(name="1080p", short_side=1080, kbps=5000),
    ClipPreset(name="720p", short_side=720, kbps=2800, quality=22.2),  # of a phone's clip VMAF 93.4, and 92.9 at 22.5
    ClipPreset(name="480p", short_side=480, kbps=1400, quality=22.3),  # 83.7, and 83.2 at 22.5
)
HEVC = (
    ClipPreset(name="1080p-hevc", short_side=1080, kbps=3300, codec="hevc", quality=26, speed="fast"),
    ClipPreset(name="720p-hevc", short_side=720, kbps=1800, codec="hevc", quality=26, speed="fast"),
)
AV1 = (
    ClipPreset(name="1080p-av1", short_side=1080, kbps=2800, codec="av1", quality=35, speed="8"),
    ClipPreset(name="720p-av1", short_side=720, kbps=1500, codec="av1", quality=35, speed="8"),
)

CLIP_LADDERS: dict[str, ClipLadder] = {
    "standard": ClipLadder(rungs=H264),
    "hevc": ClipLadder(rungs=H264 + HEVC),
    "av1": ClipLadder(rungs=H264 + AV1),
}
