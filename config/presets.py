"""Named renditions. A ladder is an ordered tuple of presets, the largest first."""

from dataclasses import dataclass
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
