"""Frames to RGB and back, against the formulas of the recommendation."""

import numpy as np
import pytest

from filters.planes import frame_bytes, planes_of, read_planes, write_planes

SIZES = [(2, 2), (2, 6), (6, 2), (4, 10), (36, 70)]
every_size = pytest.mark.parametrize("size", SIZES)


def converted(pixels):
    height, width, _ = pixels.shape
    frame = np.zeros(frame_bytes(height, width), np.uint8)
    write_planes(pixels, planes_of(frame, height, width))
    return frame


def shown(frame, height, width):
    pixels = np.zeros((height, width, 3), np.uint8)
    read_planes(planes_of(frame, height, width), pixels)
    return pixels


def doubled(plane):
    """Between samples whose places are the middles of pairs, along the first axis."""
    padded = np.pad(plane, ((1, 1), (0, 0)), "edge")
    pairs = [0.75 * plane + 0.25 * padded[:-2], 0.75 * plane + 0.25 * padded[2:]]
    return np.stack(pairs, axis=1).reshape(-1, plane.shape[1])


def shown_formula(frame, height, width):
    """ITU-R BT.709 solved for E'R, E'G and E'B, as levels, clipped and not rounded."""
    luma, blue, red = (plane.astype(np.float64) for plane in planes_of(frame, height, width))
    blue, red = ((doubled(doubled(half).T).T[:height, :width] - 128) / 224 for half in (blue, red))
    luma = (luma - 16) / 219
    channels = [luma + 1.5748 * red, luma - (0.2126 * 1.5748 * red + 0.0722 * 1.8556 * blue) / 0.7152]
    return np.clip(255 * np.stack([*channels, luma + 1.8556 * blue], axis=-1), 0, 255)


def formula(pixels):
    """ITU-R BT.709: E'Y, E'CB and E'CR, of four pixels' mean, as 8-bit levels in limited range, not rounded."""
    red, green, blue = np.moveaxis(pixels.astype(np.float64) / 255, 2, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    halves = [(one - luma) / part for one, part in ((blue, 1.8556), (red, 1.5748))]
    height, width = luma.shape
    halves = [half.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for half in halves]
    return np.concatenate([(16 + 219 * luma).ravel(), *((128 + 224 * half).ravel() for half in halves)])


@every_size
def test_planes_are_those_of_the_recommendation(size):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)

    assert np.abs(converted(pixels) - formula(pixels)).max() < 0.55


@pytest.mark.parametrize("size", [*SIZES, (1, 1), (5, 7), (7, 4), (33, 65)])
def test_pixels_are_those_of_the_recommendation_even_for_levels_that_no_video_should_have(size):
    frame = np.random.default_rng(2).integers(0, 256, frame_bytes(*size), np.uint8)

    assert np.abs(shown(frame, *size) - shown_formula(frame, *size)).max() < 0.6


def test_there_and_back_smooth_pixels_stay_as_they_were():
    down, across = np.mgrid[:64, :48]
    pixels = np.stack([2 * down + across, 180 - down - across, 90 + across], axis=-1).astype(np.uint8)

    back = shown(converted(pixels), 64, 48)

    assert np.abs(back.astype(int) - pixels)[2:-2, 2:-2].max() <= 2
    assert abs(back.mean() - pixels.mean()) < 0.1


@pytest.mark.parametrize("colour", list(np.ndindex(2, 2, 2)))
def test_the_purest_colours_fill_the_range_and_do_not_leave_it(colour):
    pixels = np.full((2, 2, 3), 255, np.uint8) * np.array(colour, np.uint8)

    np.testing.assert_array_equal(converted(pixels), np.rint(formula(pixels)))


def test_grey_has_no_colour_at_any_level():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2).repeat(2, axis=0).repeat(2, axis=1)
    frame = converted(greys)

    assert set(frame[greys.size // 3 :]) == {128}
    assert np.all(np.diff(frame[: greys.size // 3].reshape(512, 2)[::2, 0].astype(int)) >= 0)


def test_the_planes_are_parts_of_the_frame_they_were_taken_of():
    frame = np.arange(36, dtype=np.uint8)

    luma, blue, red = planes_of(frame, 4, 6)

    np.testing.assert_array_equal(luma, np.arange(24).reshape(4, 6))
    np.testing.assert_array_equal(blue, np.arange(24, 30).reshape(2, 3))
    np.testing.assert_array_equal(red, np.arange(30, 36).reshape(2, 3))
    assert np.shares_memory(red, frame)
