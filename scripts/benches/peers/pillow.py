"""The photo job in Pillow: as most people write it, and as its documentation's fast path allows."""

import sys
from io import BytesIO

from PIL import Image, ImageCms, ImageOps

from scripts.benches.peers.serve import serve

WIDTHS = (1080, 640, 320)
SQUARE = (150, 150)
SRGB = ImageCms.createProfile("sRGB")
LANCZOS = Image.Resampling.LANCZOS


def usual(data: bytes) -> dict[str, bytes]:
    """Open, turn upright, convert, then a thumbnail of a copy for each rendition."""
    image = to_srgb(ImageOps.exif_transpose(Image.open(BytesIO(data))))
    renditions = {}
    for width in WIDTHS:
        copy = image.copy()
        copy.thumbnail((width, image.height), LANCZOS)
        renditions[f"w{width}"] = save(copy)
    return {**renditions, "s150": save(ImageOps.fit(image, SQUARE, LANCZOS))}


def draft(data: bytes) -> dict[str, bytes]:
    """Decode at a fraction, convert once reduced, and make each rendition from the next larger."""
    opened = Image.open(BytesIO(data))
    opened.draft("RGB", (1300, 1300))  # the short edge of the next larger eighth: enough for 1080 either way up
    image = base = to_srgb(reduce(ImageOps.exif_transpose(opened), WIDTHS[0]))
    renditions = {"w1080": save(image)}
    for width in WIDTHS[1:]:
        image = reduce(image, width)
        renditions[f"w{width}"] = save(image)
    return {**renditions, "s150": save(ImageOps.fit(base, SQUARE, LANCZOS))}


def to_srgb(image: Image.Image) -> Image.Image:
    """The image in sRGB, if it has a profile."""
    profile = image.info.get("icc_profile")
    if profile:
        converted = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(BytesIO(profile)), SRGB)
        return converted or image
    return image


def reduce(image: Image.Image, width: int) -> Image.Image:
    """The image at a smaller width."""
    return image.resize((width, round(image.height * width / image.width)), LANCZOS)


def save(image: Image.Image) -> bytes:
    """The image as a JPEG of the same quality as everybody's here."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=82, icc_profile=None)
    return buffer.getvalue()


if __name__ == "__main__":
    serve({"usual": usual, "draft": draft}[sys.argv[1]])
