"""sRGB's curve against the reference implementation of colour profiles."""

import numpy as np
from PIL import Image, ImageCms

from filters.srgb import light_of, tone_of

TONES = np.arange(256, dtype=np.uint8)


def test_light_is_what_lcms_says_of_greys():
    grey = Image.frombytes("RGB", (256, 1), np.repeat(TONES, 3).tobytes())
    lab = ImageCms.profileToProfile(
        grey, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lightness = np.asarray(lab)[0, :, 0] / 2.55  # CIE 1976, 0 to 100

    light = light_of(TONES / 255)

    expected = np.where(light > (6 / 29) ** 3, 116 * np.cbrt(light) - 16, light * (29 / 3) ** 3)
    np.testing.assert_allclose(lightness, expected, atol=0.5)


def test_each_way_undoes_the_other():
    np.testing.assert_allclose(tone_of(light_of(TONES / 255)), TONES / 255, atol=1e-6)
