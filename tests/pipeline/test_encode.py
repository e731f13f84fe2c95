"""What leaves the encoder, read by somebody else's decoder."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from config import PhotoPreset
from pipeline.encode import encode
from pipeline.verify import verify

PRESET = PhotoPreset(name="w320", width=320)


def gradient(height, width):
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x // width, 255 * y // height, 255 * (x + y) // (width + height)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 16), (120, 90)])
def test_another_decoder_reads_the_same_picture_back(size):
    pixels = gradient(*size)
    encoded = encode(pixels, PRESET)

    image = Image.open(BytesIO(encoded.data))

    assert image.size == (encoded.width, encoded.height) == size[::-1]
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.int16)  # colour is halved, which small sizes show
    assert np.abs(np.asarray(image.convert("L"), np.int16) - grey).mean() < 3


def test_it_is_a_baseline_jpeg_with_half_resolution_colour_and_no_metadata():
    image = Image.open(BytesIO(encode(gradient(40, 50), PRESET).data))

    assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]


def test_the_same_pixels_give_the_same_bytes():
    assert encode(gradient(40, 50), PRESET) == encode(gradient(40, 50), PRESET)


def test_quality_is_the_presets():
    low = PhotoPreset(name="w320", width=320, quality=30)

    assert len(encode(gradient(120, 90), low).data) < len(encode(gradient(120, 90), PRESET).data)


def test_what_the_encoder_makes_passes_the_last_look():
    verify(encode(gradient(33, 47), PRESET))
