"""Darkroom's photo job, as its renderer does it, and the floor under it: the codec's work alone."""

import sys
from functools import cache

import simplejpeg

from config import LADDERS, Limits
from filters.resample import resample
from pipeline.color import to_srgb
from pipeline.decode import decode
from pipeline.encode import encode
from pipeline.headers import read_header
from pipeline.photo import Pixels, base_size, draw, render_photo
from pipeline.warm import warm
from scripts.benches.peers.serve import serve

LADDER = LADDERS["standard"]
LIMITS = Limits()


def ours(data: bytes) -> dict[str, bytes]:
    """Everything: renditions, placeholders, hashes, and the check of what was made."""
    return {image.name: bytes(image.data) for image in render_photo(data, LADDER, LIMITS).images}


def floor(data: bytes) -> dict[str, bytes]:
    """Decode at half scale and encode the four renditions, which were drawn before; nothing between."""
    pictures, height, width = _drawn(data)
    simplejpeg.decode_jpeg(data, "RGB", min_height=-(-height // 2), min_width=-(-width // 2))
    return {p.name: bytes(encode(pixels, p).data) for p, pixels in zip(LADDER, pictures, strict=True)}


@cache
def _drawn(data: bytes) -> tuple[list[Pixels], int, int]:
    header = read_header(data, LIMITS)
    height, width = header.upright
    size = base_size(height, width, LADDER)
    picture = decode(data, header, size[0] / height)
    base = to_srgb(resample(picture.pixels, *size, orientation=picture.orientation), picture.profile)
    return draw(base, height, width, LADDER), header.height, header.width


if __name__ == "__main__":
    warm()
    serve({"ours": ours, "floor": floor}[sys.argv[1]])
