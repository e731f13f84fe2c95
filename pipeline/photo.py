"""From a photo's bytes or a picture's pixels, and what is to be done to it, to its renditions and facts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.limits import Limits
from config.presets import PhotoPreset
from filters.geometry import edited_size, reframe
from filters.program import Program
from filters.resample import Box, resample
from pipeline.color import profile_name, to_srgb
from pipeline.decode import decode
from pipeline.decode.jpeg import HEADROOM
from pipeline.encode import encode
from pipeline.fingerprint import dominant_colour, perceptual_hash
from pipeline.headers import Header, read_header
from pipeline.placeholders import blurhash, thumbhash
from pipeline.services import Encoded, Rendered
from pipeline.stopwatch import Stopwatch
from pipeline.verify import verify

Pixels = NDArray[np.uint8]
THUMB = 32  # pixels each way, whatever the shape: plenty for the seven waves of a placeholder or the eight of a hash
MOST_WHOLE = 100_000_000  # pixels of a JPEG; no limit, because limits may differ where the same key is written
SQUARE_HEADROOM = 2  # reduced twice by less, a picture loses sharpness


def render_photo(
    data: bytes | memoryview, ladder: Sequence[PhotoPreset], limits: Limits, program: Program | None = None
) -> Rendered:
    """Make every rendition of the ladder, edited, upright and in sRGB. The same in gives the same bytes out.

    `program` is a compiled recipe, by default one that does nothing. The ladder's sizes count from the edited frame,
    which is not enlarged either: a crop of 300 pixels has renditions of at most 300. `Rendered` tells the original's
    size.

    Raises:
        Rejected: what `pipeline.headers.read_header` and `pipeline.decode.decode` refuse.
        UncleanRenditionError: what we made is not fit to be published.
    """
    watch, program = Stopwatch(), program or Program()
    with watch.stage("header"):
        header = read_header(data, limits)
    frame = edited_size(*header.upright, program.geometry)
    size = base_size(*frame, ladder)
    with watch.stage("decode", of=header.format.value):
        picture = decode(data, header, decode_scale(header, frame, size))
    with watch.stage("resample"):
        reduced = reframe(picture.pixels, *size, program.geometry, orientation=picture.orientation)
    with watch.stage("color"):
        unedited = to_srgb(reduced, picture.profile)
    images, facts = finish_renditions(unedited, frame, ladder, program, watch)
    height, width = header.upright
    facts = {**header_facts(header), **facts}
    return Rendered(width=width, height=height, facts=facts, images=images, timings=watch.timings)


def render_picture(pixels: Pixels, ladder: Sequence[PhotoPreset], program: Program | None = None) -> Rendered:
    """Make every rendition of the ladder, edited, of a picture that is decoded already, such as a clip's poster frame.

    `pixels` is (h, w, 3) uint8 sRGB, upright and C-contiguous. What comes out is what `render_photo` makes of a photo
    with these pixels; the facts are those of how it looks.

    Raises:
        UncleanRenditionError: what we made is not fit to be published.
    """
    watch, program = Stopwatch(), program or Program()
    height, width, _ = pixels.shape
    frame = edited_size(height, width, program.geometry)
    with watch.stage("resample"):
        unedited = reframe(pixels, *base_size(*frame, ladder), program.geometry)
    images, facts = finish_renditions(unedited, frame, ladder, program, watch)
    return Rendered(width=width, height=height, facts=facts, images=images, timings=watch.timings)


def finish_renditions(
    unedited: Pixels, frame: tuple[int, int], ladder: Sequence[PhotoPreset], program: Program, watch: Stopwatch
) -> tuple[tuple[Encoded, ...], Mapping[str, Any]]:
    """The ladder's renditions, verified, and how the picture looks, from the reframed picture in sRGB.

    `frame` is the edited frame's height and width, `unedited` what is drawn of it at `base_size`.
    """
    with watch.stage("edit"):
        base = program.apply(unedited)
    with watch.stage("resample"):
        pictures = draw(base, *frame, ladder)
    with watch.stage("edit"):
        finished = [program.finish(pixels) for pixels in pictures]
    with watch.stage("encode"):
        images = tuple(encode(pixels, preset) for pixels, preset in zip(finished, ladder, strict=True))
    with watch.stage("placeholders"):
        facts = look_facts(smallest_whole(base, pictures, ladder))
    with watch.stage("verify"):
        for image in images:
            verify(image)
    return images, facts


def covering_size(height: int, width: int, preset: PhotoPreset) -> tuple[int, int]:
    """Height and width of the smallest whole picture from which the preset can be made; never an enlarged one."""
    side = width if preset.shape == "whole" else min(height, width)
    scale = min(1.0, preset.width / side)
    return max(1, round(height * scale)), max(1, round(width * scale))


def base_size(height: int, width: int, ladder: Sequence[PhotoPreset]) -> tuple[int, int]:
    """Height and width of the picture from which all of the ladder is made."""
    return max(covering_size(height, width, preset) for preset in ladder)


def decode_scale(header: Header, frame: tuple[int, int], size: tuple[int, int]) -> float:
    """The least scale at which to decode, so that the edited frame can be drawn at `size`.

    A larger JPEG than is decoded whole is decoded at half its size at most, to keep to a photo's memory: a crop of less
    than a ladder's width of it is enlarged from half the pixels.
    """
    scale = max(size[0] / frame[0], size[1] / frame[1])
    return min(scale, 0.5 / HEADROOM) if header.height * header.width > MOST_WHOLE else scale


def draw(base: Pixels, height: int, width: int, ladder: Sequence[PhotoPreset]) -> list[Pixels]:
    """The ladder's pictures, each from the next larger; `height` and `width` are the edited frame's."""
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
