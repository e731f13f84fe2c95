"""A photo reduced as well as it can be: full decode, upright, sRGB, a Lanczos filter in double precision."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps


def upright_srgb(data: bytes) -> NDArray[np.float64]:
    """All of a photo's pixels, (height, width, 3), through Pillow and lcms."""
    image = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    profile = image.info.get("icc_profile")
    if profile:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        image = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB")) or image
    return np.asarray(image.convert("RGB"), np.float64)


def reduce(pixels: NDArray[np.float64], width: int) -> NDArray[np.uint8]:
    """The pixels at a smaller width, to the nearest level."""
    height = round(pixels.shape[0] * width / pixels.shape[1])
    down, across = lanczos(pixels.shape[0], height), lanczos(pixels.shape[1], width)
    planes = [down @ pixels[:, :, channel] @ across.T for channel in range(3)]
    return np.rint(np.clip(np.stack(planes, axis=-1), 0, 255)).astype(np.uint8)


def lanczos(size: int, reduced: int) -> NDArray[np.float64]:
    """(reduced, size) weights of the three-lobed filter, stretched by the reduction; each row sums to one."""
    ratio = size / reduced
    centres = (np.arange(reduced)[:, None] + 0.5) * ratio
    distances = (np.arange(size)[None, :] + 0.5 - centres) / ratio
    weights = np.where(np.abs(distances) < 3, np.sinc(distances) * np.sinc(distances / 3), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
