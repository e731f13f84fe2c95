"""One question to all the parsers: what is this photo, and may it come in."""

from collections.abc import Callable, Mapping

from config.limits import Limits
from pipeline.headers import bmp, gif, heif, jpeg, png, tiff, webp
from pipeline.headers.bounds import check_bytes, check_samples
from pipeline.headers.header import Format, Header
from pipeline.headers.sniff import sniff

PARSERS: Mapping[Format, Callable[[memoryview, Limits], Header]] = {
    Format.JPEG: jpeg.parse,
    Format.PNG: png.parse,
    Format.GIF: gif.parse,
    Format.WEBP: webp.parse,
    Format.HEIC: heif.parse,
    Format.AVIF: heif.parse,
    Format.TIFF: tiff.parse,
    Format.BMP: bmp.parse,
}


def read_header(data: bytes | memoryview, limits: Limits) -> Header:
    """What a photo says of itself, without decoding a pixel.

    A phone's JPEG takes 0.05 ms whatever its size, a progressive one 0.5 ms per MB, a HEIC of 48 tiles 1 ms; 50 MB made
    to cost time take about a second.

    Raises:
        Rejected: `empty_file`, `too_many_bytes`, `unknown_format`, `video_not_photo`, `unsupported_variant`,
            `corrupt_header`, `no_pixels`, `side_too_long`, `too_many_pixels`, `too_many_sample_bytes`,
            `too_many_frames`, `too_many_animation_pixels`, `too_many_scans`, `profile_too_large` or
            `metadata_too_large`.
    """
    view = memoryview(data).toreadonly()
    check_bytes(len(view), limits)
    header = PARSERS[sniff(view)](view, limits)
    check_samples(header, limits)
    return header
