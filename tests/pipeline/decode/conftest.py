"""Small pictures with a shape and a colour at every pixel that betray swapped axes or channels."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from config import Limits
from pipeline.decode import Picture, decode
from pipeline.headers import read_header

Save = Callable[..., bytes]
Decode = Callable[[bytes], Picture]


@pytest.fixture
def colours() -> NDArray[np.uint8]:
    """(5, 7, 3): red grows to the right, green downwards, blue along the diagonal."""
    y, x = np.mgrid[0:5, 0:7]
    return np.stack([x * 40, y * 60, 250 - 20 * (x + y)], axis=-1).astype(np.uint8)


@pytest.fixture
def save() -> Save:
    """Encode an array or an image by Pillow."""

    def encode(picture: NDArray[np.uint8] | Image.Image, kind: str, **options: object) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        file = io.BytesIO()
        image.save(file, format=kind, **options)
        return file.getvalue()

    return encode


@pytest.fixture
def decoded() -> Decode:
    """What our own header parser and decoder make of the bytes, at full scale."""
    return lambda data: decode(data, read_header(data, Limits()), scale=1.0)
