"""The plan of a recipe's geometry, against NumPy's own turns and slices, a published formula, and properties."""

from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.geometry import FAR_EDGE, crop_box, edited_size, homography, kept_share, reframe
from filters.recipe.model import Crop, Geometry
from filters.resample import resample

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
FLIPPED = {"none": lambda p: p, "horizontal": np.fliplr, "vertical": np.flipud, "both": lambda p: p[::-1, ::-1]}

angles = st.floats(-25, 25)
tilts = st.floats(-100, 100)
sides = st.integers(1, 4000)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def waves(height, width):
    y, x = np.mgrid[:height, :width]
    return np.stack([127 + 90 * np.sin(x / (9 + c) + y / (14 - c)) for c in range(3)], axis=-1).astype(np.uint8)


def turned(stored, orientation, rotate, flip):
    return FLIPPED[flip](np.rot90(UPRIGHT[orientation](stored), -rotate // 90))


@st.composite
def crops(draw):
    width, height = draw(st.floats(1e-9, 1)), draw(st.floats(1e-9, 1))
    return Crop(
        left=draw(st.floats(0, 1)) * (1 - width), top=draw(st.floats(0, 1)) * (1 - height), width=width, height=height
    )


@st.composite
def geometries(draw):
    return Geometry(
        rotate=draw(st.sampled_from([0, 90, 180, 270])),
        flip=draw(st.sampled_from([*FLIPPED])),
        straighten=draw(angles),
        perspective_horizontal=draw(tilts),
        perspective_vertical=draw(tilts),
        crop=draw(crops()),
    )


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", FLIPPED)
@pytest.mark.parametrize("size", [(5, 7), (1, 9)])
def test_orientation_rotation_and_flip_are_one_permutation_of_the_pixels(orientation, rotate, flip, size):
    stored = noise(*size)
    expected = turned(stored, orientation, rotate, flip)
    geometry = Geometry(rotate=rotate, flip=flip)

    assert edited_size(*UPRIGHT[orientation](stored).shape[:2], geometry) == expected.shape[:2]
    np.testing.assert_array_equal(reframe(stored, *expected.shape[:2], geometry, orientation=orientation), expected)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", FLIPPED)
def test_a_crop_of_whole_pixels_is_a_slice_of_what_was_turned(orientation, rotate, flip):
    stored = noise(50, 80)
    whole = turned(stored, orientation, rotate, flip)
    height, width = whole.shape[:2]
    crop = Crop(left=7 / width, top=11 / height, width=20 / width, height=30 / height)

    cut = reframe(stored, 30, 20, Geometry(rotate=rotate, flip=flip, crop=crop), orientation=orientation)

    np.testing.assert_array_equal(cut, whole[11:41, 7:27])


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_reduced_crop_is_what_cutting_and_reducing_gives(orientation):
    stored = waves(120, 160)
    upright = np.ascontiguousarray(UPRIGHT[orientation](stored))
    height, width = upright.shape[:2]
    crop = Crop(left=20 / width, top=10 / height, width=90 / width, height=70 / height)

    cut = reframe(stored, 35, 45, Geometry(crop=crop), orientation=orientation).astype(np.int16)

    expected = resample(np.ascontiguousarray(upright[10:80, 20:110]), 35, 45)
    assert np.abs(cut - expected).max() <= 1


def test_a_crop_between_pixels_is_reduced_from_its_exact_edges():
    y, x = np.mgrid[:80, :120]
    ramp = np.repeat((x + y)[:, :, None], 3, axis=2).astype(np.uint8)
    crop = Crop(left=10.5 / 120, top=20.25 / 80, width=60.5 / 120, height=40 / 80)

    cut = reframe(ramp, 20, 30, Geometry(crop=crop)).astype(np.float64)

    v, u = np.mgrid[:20, :30]
    expected = 20.25 + (v + 0.5) * 2 - 0.5 + 10.5 + (u + 0.5) * 60.5 / 30 - 0.5
    assert np.abs(cut[2:-2, 2:-2, 0] - expected[2:-2, 2:-2]).max() <= 1


@pytest.mark.parametrize("start", [0.0, 0.35, 1 - 1e-9, 1.0])
@pytest.mark.parametrize("orientation", [1, 3, 8])
@pytest.mark.parametrize("straighten", [0, 10])
def test_a_crop_of_next_to_nothing_shows_the_pixel_that_is_there(start, orientation, straighten):
    flat = np.full((5, 7, 3), 77, np.uint8)
    geometry = Geometry(straighten=straighten, crop=Crop(left=start, top=start, width=1e-9, height=1e-9))

    for size in [(1, 1), (2, 3)]:
        assert np.unique(reframe(flat, *size, geometry, orientation=orientation)).tolist() == [77]


def test_without_geometry_it_is_plain_reduction():
    stored = noise(60, 80)

    plain = resample(stored, 40, 30, orientation=6)
    np.testing.assert_array_equal(reframe(stored, 40, 30, Geometry(), orientation=6), plain)
    assert np.shares_memory(reframe(stored, 60, 80, Geometry()), stored)
    assert edited_size(60, 80, Geometry()) == (60, 80)


@pytest.mark.parametrize(
    ("height", "width", "crop", "expected"),
    [
        (100, 200, Crop(left=0.25, top=0.5, width=0.5, height=0.25), (25, 100)),
        (5, 7, Crop(left=0.999, top=0.999, width=0.001, height=0.001), (1, 1)),
        (3000, 4000, Crop(left=1 - 1 / 4000, top=0, width=1 / 4000, height=1 / 3000), (1, 1)),
        (1, 1, Crop(left=0.1, top=0.1, width=0.1, height=0.1), (1, 1)),
        (10, 10, Crop(left=1 / 3, top=0, width=1 / 3, height=2 / 3), (7, 4)),
    ],
)
def test_a_crop_has_the_size_of_the_whole_pixels_nearest_to_its_edges(height, width, crop, expected):
    assert edited_size(height, width, Geometry(crop=crop)) == expected


@given(height=sides, width=sides, degrees=angles)
def test_a_straightened_frame_is_the_largest_of_its_proportions_in_a_rotated_rectangle(height, width, degrees):
    c, s = cos(radians(degrees)), abs(sin(radians(degrees)))
    # The frame's own bounding box, turned, has to fit: (w·c + h·s) <= W and (w·s + h·c) <= H, with w / h = W / H.
    expected = min(width / (width * c + height * s), height / (width * s + height * c))

    assert kept_share(height, width, Geometry(straighten=degrees)) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=300)
@given(height=sides, width=sides, geometry=geometries(), orientation=st.integers(1, 8))
def test_no_corner_of_the_frame_lies_outside_of_the_picture(height, width, geometry, orientation):
    matrix = homography((height, width), (60, 80), geometry, orientation)

    corners = matrix @ [[-0.5, 79.5, -0.5, 79.5], [-0.5, -0.5, 59.5, 59.5], [1, 1, 1, 1]]

    assert (corners[2] > 0).all()
    x, y = corners[:2] / corners[2]
    assert x.min() >= -0.5 - 1e-6
    assert y.min() >= -0.5 - 1e-6
    assert x.max() <= width - 0.5 + 1e-6
    assert y.max() <= height - 0.5 + 1e-6


@given(height=sides, width=sides, degrees=angles, horizontal=tilts, vertical=tilts)
def test_the_frame_touches_an_edge_of_the_picture(height, width, degrees, horizontal, vertical):
    geometry = Geometry(straighten=degrees, perspective_horizontal=horizontal, perspective_vertical=vertical)
    matrix = homography((height, width), (60, 80), geometry, 1)

    corners = matrix @ [[-0.5, 79.5, -0.5, 79.5], [-0.5, -0.5, 59.5, 59.5], [1, 1, 1, 1]]
    x, y = (corners[0] / corners[2] + 0.5) / width, (corners[1] / corners[2] + 0.5) / height

    assert min(x.min(), y.min(), 1 - x.max(), 1 - y.max()) == pytest.approx(0, abs=1e-9)


@settings(max_examples=300)
@given(height=sides, width=sides, geometry=geometries(), orientation=st.integers(1, 8))
def test_no_box_leaves_the_picture(height, width, geometry, orientation):
    box = crop_box((height, width), (1, 2), geometry, orientation)

    assert box.top >= 0
    assert box.left >= 0
    assert 0 < box.height <= height - box.top + 1e-9
    assert 0 < box.width <= width - box.left + 1e-9


@given(height=sides, width=sides, geometry=geometries())
def test_an_edited_frame_has_at_least_a_pixel_and_at_most_the_pictures(height, width, geometry):
    edited = edited_size(height, width, geometry)
    upright = (width, height) if geometry.rotate % 180 else (height, width)

    assert 1 <= edited[0] <= upright[0]
    assert 1 <= edited[1] <= upright[1]


@given(height=st.integers(50, 4000), width=st.integers(50, 4000), degrees=angles)
def test_straightening_keeps_the_proportions(height, width, degrees):
    edited = edited_size(height, width, Geometry(straighten=degrees))

    assert abs(edited[0] * width - edited[1] * height) <= 0.5 * (width + height) + 1e-6


@pytest.mark.parametrize("side", ["horizontal", "vertical"])
@pytest.mark.parametrize("amount", [-100.0, -40.0, 70.0, 100.0])
def test_perspective_makes_the_far_edge_of_the_picture_so_much_shorter(side, amount):
    geometry = Geometry(**{f"perspective_{side}": amount})
    matrix = homography((300, 300), (300, 300), geometry, 1)

    drawn = np.linalg.inv(matrix) @ [[-0.5, 299.5, -0.5, 299.5], [-0.5, -0.5, 299.5, 299.5], [1, 1, 1, 1]]
    x, y = drawn[:2] / drawn[2]

    edges = (y[2] - y[0], y[3] - y[1]) if side == "horizontal" else (x[1] - x[0], x[3] - x[2])
    strength = (1 - FAR_EDGE) / (1 + FAR_EDGE) * amount / 100
    assert edges[1] / edges[0] == pytest.approx((1 - strength) / (1 + strength))
    if amount == 100:
        assert edges[1] / edges[0] == pytest.approx(0.7)


def test_a_picture_is_straightened_clockwise():
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[100:102] = 255  # a horizon

    drawn = reframe(pixels, 140, 140, Geometry(straighten=10))[:, :, 0].astype(np.float64)

    left, right = (drawn[:, columns].sum(axis=1).argmax() for columns in (slice(10, 20), slice(120, 130)))
    assert right - left == pytest.approx(110 * np.tan(radians(10)), abs=2)  # lower on the right
