"""Perceptual hash and dominant colour, against a plain formula and what they are for."""

import cv2
import numpy as np

from pipeline.fingerprint import dominant_colour, perceptual_hash


def scene(height=240, width=320, seed=3):
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def distance(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_the_hash_is_the_sign_of_the_lowest_frequencies_against_their_median():
    grey = np.repeat(scene(32, 32)[:, :, :1], 3, axis=2)  # already of the size and colour that is transformed
    waves = np.cos(np.pi / 32 * np.outer(np.arange(8), np.arange(32) + 0.5))
    waves[0] /= np.sqrt(2)
    lowest = waves @ grey[:, :, 0].astype(np.float64) @ waves.T
    bits = "".join("1" if wave > np.median(lowest) else "0" for wave in lowest.ravel())

    assert perceptual_hash(grey) == f"{int(bits, 2):016x}"


def test_a_smaller_darker_jpeg_of_a_picture_has_nearly_its_hash():
    original = scene()
    _, encoded = cv2.imencode(".jpg", cv2.resize(original, (160, 120)) // 10 * 8, [cv2.IMWRITE_JPEG_QUALITY, 40])
    copy = cv2.imdecode(encoded, cv2.IMREAD_COLOR)

    assert distance(perceptual_hash(original), perceptual_hash(copy)) <= 6


def test_other_pictures_have_other_hashes():
    hashes = [perceptual_hash(scene(seed=seed)) for seed in range(12)]

    assert min(distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]) >= 12


def test_tiny_and_flat_pictures_have_a_hash_too():
    for size in [(1, 1), (5, 7), (1, 90)]:
        assert len(perceptual_hash(np.full((*size, 3), 90, np.uint8))) == 16


def test_the_dominant_colour_is_that_of_the_largest_area_not_the_average():
    pixels = np.empty((10, 10, 3), np.uint8)
    pixels[:6] = (200, 40, 10)
    pixels[6:] = (0, 0, 255)

    assert dominant_colour(pixels) == "#c8280a"


def test_near_colours_count_together():
    pixels = np.zeros((10, 10, 3), np.uint8)
    pixels[:3] = (96, 160, 224)
    pixels[3:6] = (98, 162, 226)
    pixels[6:] = (10, 10, 10)

    assert dominant_colour(pixels) == "#61a1e1"
