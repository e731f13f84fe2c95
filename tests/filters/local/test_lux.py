"""Lux against its formula in double precision, and what a person expects of it."""

from math import ceil

import cv2
import numpy as np
import pytest

from filters.local.lux import Lux


def scene(height, width, low=0, high=255, seed=3):
    """A picture whose tones fill low to high, darker and brighter ones being equally frequent."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for octave in range(1, 8):
        grid = random.normal(size=(2**octave + 1, 2**octave + 1, 3))
        grid = 0.7 * grid[:, :, :1] + 0.3 * grid
        picture += 0.7**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    ranks = np.argsort(np.argsort(picture, axis=None)).reshape(picture.shape) / (picture.size - 1)
    return np.rint(low + (high - low) * ranks).astype(np.uint8)


def luma_of(pixels):
    return pixels.astype(np.float64) @ (np.array([77, 150, 29]) / 256)


def mean_around(plane, sigma):
    side = 2 * ceil(3 * sigma) + 1
    return cv2.GaussianBlur(plane, (side, side), sigma, borderType=cv2.BORDER_REFLECT)


def base_of(luma):
    sigma = min(luma.shape) / 60
    mean = mean_around(luma, sigma)
    variance = np.maximum(mean_around(luma**2, sigma) - mean**2, 0)
    slope = variance / (variance + 20.0**2)
    return mean_around(slope, sigma) * luma + mean_around((1 - slope) * mean, sigma)


def curve_of(luma, tones):
    dark, median, bright = np.percentile(luma, [0.5, 50, 99.5]) / 255
    black, white = min(dark, 0.09), max(bright, 0.8)
    wanted = np.log(np.log(0.45) / np.log(np.clip((median - black) / (white - black), 0.02, 0.98)))
    gamma = np.clip(np.exp(0.6 * np.sign(wanted) * max(abs(wanted) - 0.15, 0)), 0.6, 1.2)
    return np.minimum(np.clip((tones - black) / (white - black), 0, 1) ** gamma, 2.5 * tones)


def formula(pixels, amount):
    luma, brightest = luma_of(pixels), pixels.max(axis=2).astype(np.float64)
    base = np.clip(base_of(luma), 1e-9, 255)
    shift = amount / 100 * (255 * curve_of(luma, base / 255) - base)
    ratio = shift / base
    with np.errstate(divide="ignore", invalid="ignore"):
        roomy = shift / (255 - base) * (255 - brightest) / brightest
        ratio = np.where((shift > 0) & (brightest > base), np.minimum(ratio, roomy), ratio)
        change = 0.35 * amount / 100 * (luma - base_of(luma))
        room = np.where(change > 0, 255 - brightest * (1 + ratio), luma * (1 + ratio))
        limited = np.sign(change) / (1 / np.abs(change) + 1 / 24 + 1 / np.maximum(room, 0))
    return pixels * (1 + ratio)[:, :, None] + limited[:, :, None]


PICTURES = {
    "dark": scene(150, 187, 0, 90),
    "flat": scene(61, 47, 90, 160),
    "bright": scene(201, 153, 120, 255),
    "wide": scene(131, 200),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("amount", [20, 100])
def test_it_is_near_the_formula(name, amount):
    pixels = PICTURES[name]

    error = np.abs(Lux(amount=amount).apply(pixels) - formula(pixels, amount).clip(0, 255))

    assert error.mean() < 0.3
    assert error.max() < 1.5


def test_a_dark_picture_gets_brighter_and_a_bright_one_darker():
    means = {
        name: (luma_of(pixels).mean(), luma_of(Lux(amount=100).apply(pixels)).mean())
        for name, pixels in PICTURES.items()
    }

    assert means["dark"][1] > 1.3 * means["dark"][0]
    assert means["bright"][1] < means["bright"][0] - 3


def test_a_flat_picture_gets_contrast():
    flat = PICTURES["flat"]

    assert luma_of(Lux(amount=100).apply(flat)).std() > 1.3 * luma_of(flat).std()


def test_a_well_exposed_picture_hardly_changes():
    pixels = scene(271, 303, 2, 252)

    toned = Lux(amount=100).apply(pixels)

    assert abs(luma_of(toned).mean() - luma_of(pixels).mean()) < 3
    assert np.abs(toned.astype(float) - pixels).mean() < 5


def test_hue_and_saturation_stay_where_a_colour_is_smooth():
    """Within an area of one colour, the three channels keep their proportions."""
    pixels = np.full((200, 300, 3), (48, 36, 24), np.uint8)
    pixels[:, 150:] = (60, 90, 75)

    toned = Lux(amount=100).apply(pixels).astype(float)

    for at, (red, green, blue) in ((30, (48, 36, 24)), (270, (60, 90, 75))):
        assert toned[100, at, 1] > green
        np.testing.assert_allclose(toned[100, at], toned[100, at, 1] / green * np.array([red, green, blue]), atol=1)


def test_no_more_than_what_is_stretched_to_white_gets_there():
    toned = Lux(amount=100).apply(scene(271, 303, 0, 235, seed=8))

    assert (toned == 255).mean() < 0.01


def test_a_darker_pixel_does_not_overtake_a_brighter_one():
    """Of a grey ramp without texture, every step stays a step upwards or flat."""
    for low, high in ((0, 255), (0, 60), (180, 255), (100, 140)):
        ramp = np.linspace(low, high, 300).round().astype(np.uint8)
        pixels = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (200, 300, 3)))

        toned = Lux(amount=100).apply(pixels)[100, :, 0].astype(int)

        assert np.diff(toned).min() >= -1
        assert np.diff(toned[::5]).min() >= 0


@pytest.mark.parametrize("level", [0, 3, 128, 254, 255])
def test_black_and_white_and_grey_survive(level):
    toned = Lux(amount=100).apply(np.full((20, 30, 3), level, np.uint8))

    assert np.ptp(toned) == 0
    assert (toned.max() == level) or level not in (0, 255)


def test_a_slight_change_of_the_picture_changes_the_result_slightly():
    pixels = scene(271, 303, 0, 120)
    brighter = pixels + np.uint8(1)

    difference = Lux(amount=100).apply(brighter).astype(float) - Lux(amount=100).apply(pixels)

    assert np.abs(difference).mean() < 3


def test_settled_by_a_picture_it_does_to_it_what_it_did():
    pixels = scene(75, 56, high=120)

    np.testing.assert_array_equal(Lux(amount=70).settled(pixels).apply(pixels), Lux(amount=70).apply(pixels))


def test_settled_it_brings_a_tone_to_the_same_whatever_else_is_in_the_picture():
    """A dark thing passes by: what stays in the frame keeps its tone, where each picture's own curve would lift it."""
    room = np.full((96, 96, 3), 150, np.uint8)
    passing = room.copy()
    passing[:, :64] = 10
    settled, far = Lux(amount=100).settled(room), slice(90, 96)

    np.testing.assert_allclose(settled.apply(passing)[:, far], settled.apply(room)[:, far], atol=1)
    assert Lux(amount=100).apply(passing)[:, far].mean() > settled.apply(room)[:, far].mean() + 10
