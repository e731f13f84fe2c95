"""Original bytes to a picture: one file a format, each with the cheapest decoder that is right."""

from dataclasses import replace

from pipeline import icc
from pipeline.color import grey_to_srgb
from pipeline.decode.cmyk import decode_cmyk_jpeg
from pipeline.decode.corrupt import corrupt
from pipeline.decode.heic import decode_heic
from pipeline.decode.jpeg import decode_jpeg
from pipeline.decode.picture import Picture
from pipeline.decode.pillow import decode_with_pillow
from pipeline.decode.png import decode_png
from pipeline.decode.tiff import decode_tiff
from pipeline.decode.webp import decode_webp
from pipeline.headers.header import Format, Header

__all__ = ["Picture", "decode"]

_WHOLE = {
    Format.PNG: decode_png,
    Format.GIF: decode_with_pillow,
    Format.WEBP: decode_webp,
    Format.HEIC: decode_heic,
    Format.AVIF: decode_with_pillow,
    Format.TIFF: decode_tiff,
    Format.BMP: decode_with_pillow,
}
_GREY, _CMYK = 1, 4  # components


def decode(data: bytes | memoryview, header: Header, scale: float) -> Picture:
    """Decode a photo, or an animation's first frame, whose header was read and found within the limits.

    `scale`, above 0 up to 1, is the least that the picture may be reduced to; only JPEG's decoder reduces.

    Raises:
        Rejected: `corrupt_media`: pixels are missing or damaged. There is no half picture. `unsupported_variant`: they
            may be whole, in a variant that no decoder of ours knows.
    """
    if header.format is not Format.JPEG:
        picture = _WHOLE[header.format](data, header)
        _check_size(picture, header)
    elif header.components == _CMYK:
        picture = decode_cmyk_jpeg(data, header, scale)
    else:
        picture = decode_jpeg(data, header, scale)
    return _settle_profile(picture, header)


def _check_size(picture: Picture, header: Header) -> None:
    """Refuse a picture of another size than the header's, by which the limits were checked; a crop may be rounded."""
    height, width = picture.upright
    if abs(height - header.upright[0]) > 1 or abs(width - header.upright[1]) > 1:
        raise corrupt(header, f"they are {width}x{height}")


def _settle_profile(picture: Picture, header: Header) -> Picture:
    """Apply a grey profile, keep an RGB one for later, and ignore one that does not fit the pixels."""
    fitting = "GRAY" if header.components == _GREY else "RGB"
    if not header.profile or icc.colour_space(header.profile) != fitting:
        return replace(picture, profile=None)
    if fitting == "GRAY":
        return replace(picture, pixels=grey_to_srgb(picture.pixels, header.profile), profile=None)
    return picture
