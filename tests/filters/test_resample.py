"""Reducing and turning, against Pillow, the formula in double precision, and NumPy's own transforms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from filters.resample import WEIGHT_ONE, Box, filter_table, resample

UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}
SIZES = [((5, 7), (3, 4)), ((61, 47), (40, 47)), ((47, 61), (13, 17)), ((300, 421), (151, 203)), ((64, 2000), (4, 108))]


def picture(height, width, seed=0):
    """Smooth hills with some noise on them: what a photo has, edges included."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [127 + 90 * np.sin(x / (3 + c) + y / (9 - c)) for c in range(3)]
    noisy = np.stack(waves, axis=-1) + random.normal(0, 12, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def lanczos(size, reduced):
    ratio = size / reduced
    weights = np.zeros((reduced, size))
    for i in range(reduced):
        for j in range(size):
            distance = (j + 0.5) / ratio - (i + 0.5)
            if abs(distance) < 3:
                weights[i, j] = np.sinc(distance) * np.sinc(distance / 3)
    return weights / weights.sum(axis=1, keepdims=True)


def formula(pixels, height, width):
    down, across = lanczos(pixels.shape[0], height), lanczos(pixels.shape[1], width)
    exact = np.einsum("yj,jic,xi->yxc", down, pixels.astype(np.float64), across, optimize=True)
    return np.clip(exact, 0, 255)


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2))


@pytest.mark.parametrize(("size", "reduced"), SIZES)
def test_every_sample_is_within_a_level_of_the_formula(size, reduced):
    pixels = picture(*size)

    assert np.abs(resample(pixels, *reduced) - formula(pixels, *reduced)).max() <= 1


@pytest.mark.parametrize(("times", "levels"), [(16, 1), (50, 1 + 50 / 32), (300, 1 + 300 / 32)])
@pytest.mark.parametrize("flat", [True, False])
def test_extreme_reductions_are_within_their_bound_of_the_formula_both_ways(times, levels, flat):
    for size in ((16 * times, 17), (17, 16 * times)):
        pixels = np.full((*size, 3), 255, np.uint8) if flat else picture(*size)

        assert np.abs(resample(pixels, 16, 16) - formula(pixels, 16, 16)).max() <= levels


@pytest.mark.parametrize(("size", "reduced"), SIZES)
def test_it_is_as_good_as_pillows_lanczos(size, reduced):
    pixels = picture(*size)
    pillow = np.asarray(Image.fromarray(pixels).resize(reduced[::-1], Image.Resampling.LANCZOS))

    assert psnr(resample(pixels, *reduced), pillow) >= 50


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(("size", "reduced"), [((47, 61), (13, 17)), ((5, 7), (5, 7)), ((300, 421), (151, 203))])
def test_turning_while_reducing_is_turning_what_was_reduced(orientation, size, reduced):
    pixels = picture(*size)
    expected = UPRIGHT[orientation](resample(pixels, *reduced))

    turned = resample(pixels, *expected.shape[:2], orientation=orientation)

    np.testing.assert_array_equal(turned, expected)
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (1, 9), (33, 2)])
def test_a_picture_of_the_wanted_size_is_copied_exactly(size):
    pixels = picture(*size)

    np.testing.assert_array_equal(resample(pixels, *size), pixels)


@pytest.mark.parametrize("size", [(100, 20_000), (15_000, 80), (1, 3_000), (2, 2)])
def test_panoramas_and_towers_keep_their_mean(size):
    pixels = picture(*size)
    reduced = tuple(max(1, side // 15) for side in size)

    small = resample(pixels, *reduced)

    assert small.shape == (*reduced, 3)
    assert np.abs(small.mean(axis=(0, 1)) - pixels.mean(axis=(0, 1))).max() < 4


@pytest.mark.parametrize("level", [0, 1, 64, 127, 128, 191, 254, 255])
@pytest.mark.parametrize("reduced", [(9, 11), (40, 61)])
def test_a_flat_area_stays_at_its_level(level, reduced):
    pixels = np.full((90, 123, 3), level, np.uint8)

    assert np.unique(resample(pixels, *reduced)).tolist() == [level]


def test_channels_do_not_mix():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :, 1] = 200

    assert np.unique(resample(pixels, 17, 23).reshape(-1, 3), axis=0).tolist() == [[0, 200, 0]]


def test_edges_that_ring_are_clipped_and_do_not_wrap():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 255

    small = resample(pixels, 30, 30)

    assert small[:, :10].max() <= 30
    assert small[:, 20:].min() >= 225


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_box_is_what_cutting_first_gives(orientation):
    pixels = picture(61, 83)
    box = Box(top=5, left=11, height=40, width=50)
    cut = np.ascontiguousarray(pixels[5:45, 11:61])

    for size in [(13, 14), (40, 50) if orientation < 5 else (50, 40)]:
        from_box = resample(pixels, *size, orientation=orientation, box=box)

        np.testing.assert_array_equal(from_box, resample(cut, *size, orientation=orientation))


@pytest.mark.parametrize(("top", "left"), [(0.5, 0.0), (0.0, 10.5), (3.25, 7.5)])
def test_a_box_may_begin_between_two_pixels(top, left):
    pixels = picture(61, 83)
    ours = resample(pixels, 20, 25, box=Box(top=top, left=left, height=40, width=50)).astype(np.int16)

    edges = (left, top, left + 50, top + 40)
    theirs = Image.fromarray(pixels).resize((25, 20), Image.Resampling.LANCZOS, box=edges)

    inner = np.s_[2:-2, 2:-2]  # Pillow's filter looks beyond the box, ours only as far as its last pixel
    assert np.abs(ours - np.asarray(theirs, np.int16))[inner].mean() < 0.5


def test_pixels_that_may_not_be_written_can_be_read():
    pixels = picture(20, 30)
    pixels.flags.writeable = False

    assert resample(pixels, 10, 15).shape == (10, 15, 3)


@settings(max_examples=60)
@given(st.data())
def test_any_smaller_size_is_within_a_level_of_the_formula(data):
    height, width = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    reduced = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    pixels = picture(height, width, seed=data.draw(st.integers(0, 99)))

    assert np.abs(resample(pixels, *reduced) - formula(pixels, *reduced)).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(7.5, 9.25), (0.5, 0.4), (1.2, 30.7)])
def test_a_box_may_end_between_two_pixels_and_be_enlarged(height, width):
    y, x = np.mgrid[:40, :50]
    ramp = np.stack([4 * x + y, 2 * x + 3 * y, 255 - 2 * x - y], axis=-1).astype(np.uint8)
    box = Box(top=20.25, left=10.6, height=height, width=width)
    size = max(1, round(1.5 * height)), max(1, round(1.5 * width))

    drawn = resample(ramp, *size, box=box).astype(np.float64)

    v, u = np.mgrid[: size[0], : size[1]]
    down = 20.25 + (v + 0.5) * height / size[0] - 0.5
    across = 10.6 + (u + 0.5) * width / size[1] - 0.5
    expected = np.stack([4 * across + down, 2 * across + 3 * down, 255 - 2 * across - down], axis=-1)
    assert np.abs(drawn - expected).max() <= 1.5  # at its edges a box knows nothing beyond its pixels
    inner = np.s_[3:-3, 3:-3]
    assert np.abs(drawn - expected)[inner].max(initial=0) <= 1


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("times", [1.01, 1.5, 2, 7])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 30), (24, 36)])
def test_a_flat_picture_that_is_enlarged_stays_at_its_level(level, times, size):
    pixels = np.full((*size, 3), level, np.uint8)

    enlarged = resample(pixels, *(round(times * side) for side in size))

    assert np.unique(enlarged).tolist() == [level]


@settings(max_examples=200)
@given(data=st.data(), level=st.sampled_from([0, 1, 127, 128, 254, 255]))
def test_a_flat_box_stays_at_its_level_enlarged_or_reduced(data, level):
    edges = []
    for side in (40, 50):
        first = data.draw(st.floats(0, side - 2))
        edges.append((first, data.draw(st.floats(0.01, side - first) | st.sampled_from([1.0, 2.0]))))
    box = Box(top=edges[0][0], left=edges[1][0], height=edges[0][1], width=edges[1][1])
    size = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))

    drawn = resample(np.full((40, 50, 3), level, np.uint8), *size, box=box)

    # Beyond 16 times the rounding of ever more taps adds up.
    times = max(box.height / size[0], box.width / size[1])
    assert np.abs(drawn.astype(np.int16) - level).max() <= (0 if times <= 16 else 1 + times / 32)


@settings(max_examples=200)
@given(size=st.floats(0.01, 300), reduced=st.integers(1, 300), offset=st.floats(0, 0.99))
def test_the_weights_of_every_sample_sum_to_one_but_for_a_unit(size, reduced, offset):
    sums = filter_table(size, reduced, offset, reverse=False)[1].sum(axis=1, dtype=np.int64)

    assert set(sums.tolist()) <= {WEIGHT_ONE - 1, WEIGHT_ONE}
