"""Grey and colour JPEGs, decoded at a fraction of their size where that suffices."""

from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import JpegImagePlugin  # noqa: F401 - registered now: a sandboxed process cannot open its file later

from pipeline.decode.corrupt import corrupt
from pipeline.decode.picture import Picture
from pipeline.decode.pillow import opened
from pipeline.headers.header import Header
from pipeline.headers.jpeg import has_end

END = b"\xff\xd9"
HEADROOM = 1.2  # below that, what the decoder's own reduction lost is seen in the result
EIGHTHS: tuple[Literal[1, 2, 4, 8], ...] = (1, 2, 4, 8)  # the others are slower than the next larger of these


def decode_jpeg(data: bytes | memoryview, header: Header, scale: float) -> Picture:
    """The picture at the smallest of 1/8, 1/4, 1/2 and 1 that is at least 1.2 times `scale`.

    Whole is a file whose every pixel is there: its end marker may be missing, and anything may follow it.

    Raises:
        Rejected: `corrupt_media`.
    """
    eighths = choose_eighths(header, scale)
    least = {"min_height": -(-header.height * eighths // 8), "min_width": -(-header.width * eighths // 8)}
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB", **least)
    except ValueError:  # also for what a decoder can recover from
        pixels = _decode_despite_complaints(data, header, **least)
    return Picture(pixels=pixels, orientation=header.orientation, profile=header.profile)


def choose_eighths(header: Header, scale: float) -> Literal[1, 2, 4, 8]:
    """How many eighths of its size to decode a JPEG at: the fewest that leave enough for the fraction `scale`."""
    enough = (eighths for eighths in EIGHTHS if eighths >= 8 * HEADROOM * scale)
    return next(enough, 8) if header.scalable else 8


def _decode_despite_complaints(
    data: bytes | memoryview, header: Header, *, min_height: int, min_width: int
) -> NDArray[np.uint8]:
    """The pixels of a file that only lacks its end, or in which something other than pixels is wrong.

    With an end appended, a file that lacks nothing else passes strictly. For the rest Pillow decides: it overlooks
    what libjpeg overlooks, but, unlike libjpeg, not that the data ran out.
    """
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            bytes(data) + END, "RGB", min_height=min_height, min_width=min_width
        )
    except ValueError:
        check_end(data, header)
        with opened(data, header) as image:
            image.draft("RGB", (min_width, min_height))
            return np.array(image.convert("RGB"))
    return pixels


def check_end(data: bytes | memoryview, header: Header) -> None:
    """Refuse a file that lacks its end and more than that: it was cut, and a marker by chance stands where it ends.

    One that its writer has ended early is taken, as every decoder takes it.

    Raises:
        Rejected: `corrupt_media`.
    """
    if not has_end(memoryview(data)):
        raise corrupt(header, "the data end early")
