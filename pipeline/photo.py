"""From a photo's bytes to its renditions and facts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.limits import Limits
from config.presets import PhotoPreset
from filters.resample import Box, resample
from pipeline.color import profile_name, to_srgb
from pipeline.decode import decode
from pipeline.encode import encode
from pipeline.fingerprint import dominant_colour, perceptual_hash
from pipeline.headers import Header, read_header
from pipeline.placeholders import blurhash, thumbhash
from pipeline.services import Rendered
from pipeline.stopwatch import Stopwatch
from pipeline.verify import verify

Pixels = NDArray[np.uint8]
THUMB = 32  # pixels each way, whatever the shape: plenty for the seven waves of a placeholder or the eight of a hash
SQUARE_HEADROOM = 2  # reduced twice by less, a picture loses sharpness


def render_photo(data: bytes | memoryview, ladder: Sequence[PhotoPreset], limits: Limits) -> Rendered:
    """Make every rendition of the ladder, upright and in sRGB. The same bytes in give the same bytes out.

    Raises:
        Rejected: what `pipeline.headers.read_header` and `pipeline.decode.decode` refuse.
        UncleanRenditionError: what we made is not fit to be published.
    """
    watch = Stopwatch()
    with watch.stage("header"):
        header = read_header(data, limits)
    height, width = header.upright
    base_height, base_width = base_size(height, width, ladder)
    with watch.stage("decode"):
        picture = decode(data, header, max(base_height / height, base_width / width))
    with watch.stage("resample"):
        reduced = resample(picture.pixels, base_height, base_width, orientation=picture.orientation)
    with watch.stage("color"):
        base = to_srgb(reduced, picture.profile)
    with watch.stage("resample"):
        pictures = draw(base, height, width, ladder)
    with watch.stage("encode"):
        images = tuple(encode(pixels, preset) for pixels, preset in zip(pictures, ladder, strict=True))
    with watch.stage("placeholders"):
        facts = {**header_facts(header), **look_facts(smallest_whole(base, pictures, ladder))}
    with watch.stage("verify"):
        for image in images:
            verify(image)
    return Rendered(width=width, height=height, facts=facts, images=images, timings=watch.timings)


def covering_size(height: int, width: int, preset: PhotoPreset) -> tuple[int, int]:
    """Height and width of the smallest whole picture from which the preset can be made; never an enlarged one."""
    side = width if preset.shape == "whole" else min(height, width)
    scale = min(1.0, preset.width / side)
    return max(1, round(height * scale)), max(1, round(width * scale))


def base_size(height: int, width: int, ladder: Sequence[PhotoPreset]) -> tuple[int, int]:
    """Height and width of the picture from which all of the ladder is made."""
    return max(covering_size(height, width, preset) for preset in ladder)


def draw(base: Pixels, height: int, width: int, ladder: Sequence[PhotoPreset]) -> list[Pixels]:
    """The ladder's pictures, each from the next larger; `height` and `width` are the original's."""
    pictures, whole = [], [base]
    for preset in ladder:
        if preset.shape == "square":
            pictures.append(crop_square(sufficient(whole, preset.width), preset.width))
        else:
            whole.append(resample(whole[-1], *covering_size(height, width, preset)))
            pictures.append(whole[-1])
    return pictures


def sufficient(whole: Sequence[Pixels], width: int) -> Pixels:
    """The smallest of the pictures from which a square of this width is as sharp as from the largest, the first."""
    return next((pixels for pixels in reversed(whole) if min(pixels.shape[:2]) >= SQUARE_HEADROOM * width), whole[0])


def crop_square(pixels: Pixels, width: int) -> Pixels:
    """The largest centred square, reduced to `width` if it is larger. It may begin in the middle of a pixel."""
    height, full_width, _ = pixels.shape
    side = min(height, full_width)
    box = Box(top=(height - side) / 2, left=(full_width - side) / 2, height=side, width=side)
    return resample(pixels, min(side, width), min(side, width), box=box)


def smallest_whole(base: Pixels, pictures: Sequence[Pixels], ladder: Sequence[PhotoPreset]) -> Pixels:
    """The last of the pictures that shows everything."""
    whole = [pixels for pixels, preset in zip(pictures, ladder, strict=True) if preset.shape == "whole"]
    return [base, *whole][-1]


def header_facts(header: Header) -> Mapping[str, Any]:
    """What the media's record keeps of how the original was made. Where it was taken is not among it."""
    return {
        "format": header.format.value,
        "frames": header.frames,
        "orientation": header.orientation,
        "alpha": header.alpha,
        "bits": header.bits,
        "profile": profile_name(header.profile),
        "taken_at": header.capture.taken_at,
        "make": header.capture.make,
        "model": header.capture.model,
    }


def look_facts(pixels: Pixels) -> Mapping[str, Any]:
    """What the media's record keeps of how the photo looks, from any picture that shows all of it."""
    height, width, _ = pixels.shape
    thumb = resample(pixels, min(THUMB, height), min(THUMB, width))
    return {
        "thumbhash": thumbhash(thumb, height, width),
        "blurhash": blurhash(thumb),
        "phash": perceptual_hash(thumb),
        "dominant": dominant_colour(thumb),
    }
