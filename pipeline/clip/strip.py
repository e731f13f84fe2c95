"""A clip's strip: small pictures of all of it on one sheet, and the track that says which of them shows what time.

Source of the track: WebVTT (W3C), with the spatial fragments `#xywh=` of Media Fragments URI 1.0.
"""

import numpy as np
from numpy.typing import NDArray

from config.presets import PhotoPreset, StripPreset
from pipeline.encode import encode
from pipeline.services import Encoded
from pipeline.verify import verify

Pixels = NDArray[np.uint8]


def lay_out(sprites: Pixels, columns: int) -> Pixels:
    """One picture of many, (n, h, w, 3) uint8 and at least one of them, row by row; what stays empty is black."""
    count, height, width, _ = sprites.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, 3), np.uint8)
    sheet[:count] = sprites
    return np.ascontiguousarray(
        sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    )


def make_strip(sprites: Pixels, preset: StripPreset) -> Encoded:
    """The sheet of a clip's small pictures, (n, h, w, 3) uint8 sRGB, as a JPEG.

    Raises:
        UncleanRenditionError: what we made is not fit to be published.
    """
    sheet = lay_out(sprites, preset.columns)
    encoded = encode(sheet, PhotoPreset(name=preset.name, width=sheet.shape[1], quality=preset.quality))
    verify(encoded)
    return encoded


def strip_track(file: str, sprites: Pixels, preset: StripPreset, *, seconds_apart: float, seconds: float) -> str:
    """The track of a sheet named `file`: each small picture from its own time on, the last until `seconds`."""
    count, height, width, _ = sprites.shape
    columns = min(preset.columns, count)
    cues = ["WEBVTT\n"]
    for place in range(count):
        begin, end = place * seconds_apart, seconds if place == count - 1 else (place + 1) * seconds_apart
        row, column = divmod(place, columns)
        at = f"{column * width},{row * height},{width},{height}"
        cues.append(f"{clock(begin)} --> {clock(end)}\n{file}#xywh={at}\n")
    return "\n".join(cues)


def clock(seconds: float) -> str:
    """A time as WebVTT writes it: hours, minutes, seconds and milliseconds."""
    milliseconds = round(seconds * 1000)
    return (
        f"{milliseconds // 3_600_000:02d}:{milliseconds // 60_000 % 60:02d}"
        f":{milliseconds // 1000 % 60:02d}.{milliseconds % 1000:03d}"
    )
