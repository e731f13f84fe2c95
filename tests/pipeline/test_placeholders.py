"""ThumbHash and BlurHash: against their formulas written out pixel by pixel, and decoded back to the picture."""

import base64
from math import cos, floor, pi

import cv2
import numpy as np
import pytest

from pipeline.placeholders import BASE83, blurhash, thumbhash

SHAPES = [(24, 32), (32, 24), (32, 32), (3, 32), (32, 1), (1, 1), (5, 7)]


def scene(height, width, seed=1):
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, 3)


def rounded(number):
    return floor(number + 0.5)


def plain_thumbhash(pixels):
    """The published algorithm for an opaque picture, loop by loop."""
    height, width, _ = pixels.shape
    longest = max(width, height)
    across, down = max(1, rounded(7 * width / longest)), max(1, rounded(7 * height / longest))
    rgb = pixels / 255
    light = rgb.sum(axis=2) / 3
    yellow = (rgb[:, :, 0] + rgb[:, :, 1]) / 2 - rgb[:, :, 2]
    red = rgb[:, :, 0] - rgb[:, :, 1]

    def channel(samples, nx, ny):
        def wave(cx, cy):
            return sum(
                samples[y, x] * cos(pi / width * cx * (x + 0.5)) * cos(pi / height * cy * (y + 0.5))
                for y in range(height)
                for x in range(width)
            ) / (width * height)

        kept = [wave(cx, cy) for cy in range(ny) for cx in range(nx) if cx * ny < nx * (ny - cy)]
        scale = max(abs(wave) for wave in kept[1:])
        return kept[0], [0.5 + 0.5 / scale * wave if scale else wave for wave in kept[1:]], scale

    l_dc, l_ac, l_scale = channel(light, max(3, across), max(3, down))
    p_dc, p_ac, p_scale = channel(yellow, 3, 3)
    q_dc, q_ac, q_scale = channel(red, 3, 3)
    landscape = width > height
    first = rounded(63 * l_dc) | rounded(31.5 + 31.5 * p_dc) << 6 | rounded(31.5 + 31.5 * q_dc) << 12
    first |= rounded(31 * l_scale) << 18
    second = (down if landscape else across) | rounded(63 * p_scale) << 3 | rounded(63 * q_scale) << 9 | landscape << 15
    packed = [first & 255, first >> 8 & 255, first >> 16, second & 255, second >> 8]
    for i, wave in enumerate(l_ac + p_ac + q_ac):
        if i % 2 == 0:
            packed.append(0)
        packed[-1] |= rounded(15 * wave) << (4 if i % 2 else 0)
    return bytes(packed)


@pytest.mark.parametrize("shape", SHAPES)
def test_thumbhash_is_the_published_algorithm(shape):
    pixels = scene(*shape)

    assert base64.b64decode(thumbhash(pixels, *shape)) == plain_thumbhash(pixels)


def test_thumbhash_of_a_stretched_picture_is_that_of_its_shape():
    pixels = scene(24, 32)
    stretched = cv2.resize(pixels, (32, 32), interpolation=cv2.INTER_CUBIC)

    one, other = (base64.b64decode(thumbhash(picture, 24, 32)) for picture in (pixels, stretched))

    nibbles = [(byte & 15, byte >> 4) for pair in zip(one[5:], other[5:], strict=True) for byte in pair]
    assert one[3:5] == other[3:5]
    assert (
        max(
            abs(a - b)
            for one, other in zip(nibbles[::2], nibbles[1::2], strict=True)
            for a, b in zip(one, other, strict=True)
        )
        <= 1
    )


@pytest.mark.parametrize("level", [0, 128, 255])
def test_thumbhash_of_one_colour_has_no_waves(level):
    hashed = base64.b64decode(thumbhash(np.full((32, 32, 3), level, np.uint8), 32, 32))

    assert hashed[0] & 63 == rounded(63 * level / 255)
    assert (hashed[0] | hashed[1] << 8 | hashed[2] << 16) >> 18 == 0


def light(tone):
    tone = tone / 255
    return tone / 12.92 if tone <= 0.04045 else ((tone + 0.055) / 1.055) ** 2.4


def value83(digits):
    number = 0
    for digit in digits:
        number = number * 83 + BASE83.index(digit)
    return number


def plain_waves(pixels):
    """BlurHash's twelve waves of light, pixel by pixel, each (red, green, blue)."""
    height, width, _ = pixels.shape
    lights = np.vectorize(light)(pixels.astype(np.float64))
    waves = []
    for j in range(3):
        for i in range(4):
            basis = [[cos(pi * i * x / width) * cos(pi * j * y / height) for x in range(width)] for y in range(height)]
            waves.append((1 if i == j == 0 else 2) * np.einsum("yx,yxc->c", basis, lights) / (width * height))
    return waves


@pytest.mark.parametrize("shape", SHAPES)
def test_blurhash_holds_the_waves_of_its_formula(shape):
    pixels = scene(*shape)
    mean, *waves = plain_waves(pixels)

    hashed = blurhash(pixels)

    assert len(hashed) == 28
    assert value83(hashed[0]) == 3 + 2 * 9
    held = value83(hashed[2:6])
    for channel, shift in enumerate((16, 8, 0)):
        assert light(held >> shift & 255) == pytest.approx(mean[channel], abs=0.005)
    largest = (value83(hashed[1]) + 1) / 166
    for i, wave in enumerate(waves):
        held = value83(hashed[6 + 2 * i : 8 + 2 * i])
        for channel, step in enumerate((held // 361, held // 19 % 19, held % 19)):
            root = np.sign(wave[channel]) * abs(wave[channel] / largest) ** 0.5 * 9
            assert abs((step - 9) - np.clip(root, -9, 9)) <= 0.5 + 1e-6


def test_blurhash_of_black_is_the_known_one():
    assert blurhash(np.zeros((32, 32, 3), np.uint8)) == "L00000" + "fQ" * 11
