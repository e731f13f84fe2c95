"""Drawing through a homography, against its formula in double precision, analytic pictures, and OpenCV."""

import tracemalloc
from dataclasses import replace
from math import cos, radians, sin

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.geometry import combined, edited_size, homography, reframe
from filters.recipe.model import Crop, Geometry
from filters.resample import resample, turn_upright
from filters.warp import LANES, MOST_STRETCH, PHASES, filter_phases, local_scales, warp


def photo(height, width, seed=0):
    """Hills, edges and noise."""
    y, x = np.mgrid[:height, :width]
    hills = np.stack([127 + 70 * np.sin(x / (7 + c) + y / (11 - c)) for c in range(3)], axis=-1)
    hills[(x // 19 + y // 23) % 5 == 0] += 40
    return np.clip(hills + np.random.default_rng(seed).normal(0, 8, hills.shape), 0, 255).astype(np.uint8)


def places(matrix, height, width):
    v, u = np.mgrid[:height, :width]
    x, y, depth = matrix @ np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
    return (x / depth).reshape(height, width), (y / depth).reshape(height, width)


def lanczos(distance):
    return np.where(abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)


def formula(pixels, matrix, height, width):
    """The separable Lanczos at every place, in double precision; the places are rounded as the kernel's are."""
    stretches = np.clip(local_scales(matrix, height, width), 1, MOST_STRETCH)
    x, y = (np.floor(place * PHASES + 0.5) / PHASES for place in places(matrix, height, width))
    drawn, total = np.zeros((height, width, 3)), np.zeros((height, width, 1))
    for down in range(-3, 5):
        for across in range(-3, 5):
            row, column = np.floor(y).astype(int) + down, np.floor(x).astype(int) + across
            weight = lanczos((row - y) / stretches[1]) * lanczos((column - x) / stretches[0])
            near = pixels[np.clip(row, 0, pixels.shape[0] - 1), np.clip(column, 0, pixels.shape[1] - 1)]
            drawn += weight[:, :, None] * near
            total += weight[:, :, None]
    return np.clip(drawn / total, 0, 255)


def rotated_lanczos(pixels, matrix, height, width):
    """What the filter should come near to: one Lanczos along the axes of what is drawn, as wide as the reduction."""
    linear = np.linalg.inv(matrix[:2, :2])
    scale = max(1.0, np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    linear *= np.sqrt(abs(np.linalg.det(matrix[:2, :2]))) / scale
    x, y = places(matrix, height, width)
    reach = int(np.ceil(4.3 * scale))
    drawn, total = np.zeros((height, width, 3)), np.zeros((height, width, 1))
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            row, column = np.rint(y).astype(int) + down, np.rint(x).astype(int) + across
            off_x, off_y = column - x, row - y
            weight = lanczos(linear[0, 0] * off_x + linear[0, 1] * off_y)
            weight = weight * lanczos(linear[1, 0] * off_x + linear[1, 1] * off_y)
            near = pixels[np.clip(row, 0, pixels.shape[0] - 1), np.clip(column, 0, pixels.shape[1] - 1)]
            drawn += weight[:, :, None] * near
            total += weight[:, :, None]
    return np.clip(drawn / total, 0, 255)


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2))


BENT = [
    Geometry(straighten=5),
    Geometry(straighten=-25, rotate=90),
    Geometry(straighten=3, perspective_horizontal=60, flip="horizontal"),
    Geometry(perspective_vertical=-100, perspective_horizontal=100),
    Geometry(straighten=12, crop=Crop(left=0.2, top=0.3, width=0.5, height=0.35)),
]


@pytest.mark.parametrize("geometry", BENT)
@pytest.mark.parametrize("orientation", [1, 7])
@pytest.mark.parametrize("reduction", [1.0, 1.3])
def test_every_sample_is_within_a_level_of_the_formula(geometry, orientation, reduction):
    pixels = photo(130, 170)
    upright = (170, 130) if orientation > 4 else (130, 170)
    height, width = (max(1, int(side / reduction)) for side in edited_size(*upright, geometry))
    matrix = homography(pixels.shape[:2], (height, width), geometry, orientation)
    assert max(local_scales(matrix, height, width)) < MOST_STRETCH

    drawn = warp(pixels, height, width, matrix)

    assert np.abs(drawn - formula(pixels, matrix, height, width)).max() <= 1


@pytest.mark.parametrize(
    ("degrees", "reduction", "least"),
    [(5, 1.25, 50), (20, 1.25, 46), (5, 1.8, 48), (20, 1.8, 45), (10, 2.4, 46), (3, 4.5, 44)],
)
def test_it_is_near_to_one_filter_along_the_drawn_axes(degrees, reduction, least):
    pixels = photo(360, 300)
    geometry = Geometry(straighten=degrees)
    height, width = (int(side / reduction) for side in edited_size(360, 300, geometry))
    matrix = homography(pixels.shape[:2], (height, width), geometry, 1)

    drawn = warp(pixels, height, width, matrix)

    inner = np.s_[5:-5, 5:-5]
    assert psnr(drawn[inner], rotated_lanczos(pixels, matrix, height, width)[inner]) >= least


@pytest.mark.parametrize("degrees", [-25, -7, 1.5, 18])
@pytest.mark.parametrize("reduction", [1.0, 1.4, 3.0])
def test_a_straightened_wave_is_the_wave_at_the_turned_places(degrees, reduction):
    height, width = 480, 640

    def wave(x, y):  # 12 drawn pixels long, at least
        return 127.5 + 100 * np.sin((0.8 * x + 0.6 * y) * 2 * np.pi / (12 * reduction))

    y, x = np.mgrid[:height, :width].astype(np.float64)
    pixels = np.repeat(np.rint(wave(x, y))[:, :, None], 3, axis=2).astype(np.uint8)
    full = edited_size(height, width, Geometry(straighten=degrees))
    drawn_size = [int(side / reduction) for side in full]

    drawn = reframe(pixels, *drawn_size, Geometry(straighten=degrees))

    c, s = cos(radians(degrees)), sin(radians(degrees))
    share = min(width / (width * c + height * abs(s)), height / (width * abs(s) + height * c))
    v, u = np.mgrid[: drawn_size[0], : drawn_size[1]]
    across = ((u + 0.5) / drawn_size[1] - 0.5) * width * share
    down = ((v + 0.5) / drawn_size[0] - 0.5) * height * share
    expected = wave(width / 2 + c * across + s * down - 0.5, height / 2 - s * across + c * down - 0.5)
    inner = np.s_[6:-6, 6:-6]
    wrong = np.abs(drawn[:, :, 0] - expected)[inner]
    assert wrong.mean() < 0.7
    assert wrong.max() <= 3


def test_at_full_size_it_agrees_with_opencv():
    pixels = cv2.GaussianBlur(photo(200, 260), (0, 0), 1.2)
    geometry = Geometry(straighten=8, perspective_vertical=30)
    height, width = edited_size(200, 260, geometry)
    matrix = homography(pixels.shape[:2], (height, width), geometry, 1)

    drawn = warp(pixels, height, width, matrix)

    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    theirs = cv2.warpPerspective(pixels, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    assert psnr(drawn, theirs) > 45


@pytest.mark.parametrize("reduction", [1.8, 2.4, 4.0])
def test_what_is_too_fine_to_be_drawn_turns_grey_and_not_into_patterns(reduction):
    y, x = np.mgrid[:500, :500]
    frequency = 0.72 / reduction  # of a pixel; the drawn picture ends at 0.5 / reduction
    geometry = Geometry(straighten=10)
    height, width = (int(side / reduction) for side in edited_size(500, 500, geometry))

    for angle in (0, 30, 45, 75, 120):
        phase = 2 * np.pi * frequency * (x * cos(radians(angle)) + y * sin(radians(angle)))
        pixels = np.repeat((127.5 + 127 * np.cos(phase))[:, :, None], 3, axis=2).astype(np.uint8)
        if max(abs(cos(radians(angle + 10))), abs(sin(radians(angle + 10)))) * 0.72 > 0.62:
            drawn = reframe(pixels, height, width, geometry)
            assert drawn[8:-8, 8:-8].std() < 20, angle


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize("geometry", BENT)
def test_a_flat_area_stays_at_its_level(level, geometry):
    pixels = np.full((90, 123, 3), level, np.uint8)

    for size in [(9, 7), (30, 25)]:
        assert np.unique(reframe(pixels, *size, geometry)).tolist() == [level]


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
def test_a_flat_area_stays_at_its_level_where_one_weight_is_all(level):
    pixels = np.full((90, 123, 3), level, np.uint8)

    assert (filter_phases(1.0)[0].max(), filter_phases(1.0).shape) == (32767, (PHASES, LANES))
    assert np.unique(warp(pixels, 90, 123, np.eye(3))).tolist() == [level]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 3)])
def test_slivers_of_a_large_flat_picture_stay_within_three_levels(size):
    pixels = np.full((3000, 4000, 3), 128, np.uint8)

    drawn = reframe(pixels, *size, Geometry(straighten=3, perspective_horizontal=60))

    assert np.abs(drawn.astype(np.int16) - 128).max() <= 3


def test_channels_do_not_mix():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :, 1] = 200

    drawn = reframe(pixels, 17, 23, Geometry(straighten=4))

    assert np.unique(drawn.reshape(-1, 3), axis=0).tolist() == [[0, 200, 0]]


def test_edges_that_ring_are_clipped_and_do_not_wrap():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 255
    checks = np.kron(np.indices((32, 32)).sum(axis=0) % 2, np.ones((2, 2)))[:, :, None].repeat(3, axis=2) * 255

    drawn = reframe(pixels, 60, 60, Geometry(straighten=0.5))
    checked = checks.astype(np.uint8)
    matrix = homography(checked.shape[:2], (50, 50), Geometry(straighten=2), 1)

    assert drawn[:, :20].max() <= 30
    assert drawn[:, 40:].min() >= 225
    assert np.abs(warp(checked, 50, 50, matrix) - formula(checked, matrix, 50, 50)).max() <= 1


@pytest.mark.parametrize("geometry", [Geometry(straighten=7), Geometry(perspective_vertical=80)])
def test_small_and_large_drawings_of_one_edit_look_alike(geometry):
    pixels = cv2.GaussianBlur(photo(1500, 1200), (0, 0), 6)
    height, width = edited_size(1500, 1200, geometry)
    large = reframe(pixels, round(1080 * height / width), 1080, geometry)
    small = reframe(pixels, round(150 * height / width), 150, geometry)

    shrunk = resample(large, *small.shape[:2])

    assert np.abs(shrunk.astype(np.int16) - small).mean() < 1


def test_a_picture_that_was_decoded_at_a_fraction_is_drawn_alike():
    pixels = cv2.GaussianBlur(photo(1200, 900), (0, 0), 5)
    geometry = Geometry(straighten=-6, crop=Crop(left=0.1, top=0.2, width=0.6, height=0.6))

    from_full = reframe(pixels, 200, 150, geometry, orientation=1)
    from_half = reframe(resample(pixels, 600, 450), 200, 150, geometry, orientation=1)

    assert np.abs(from_full.astype(np.int16) - from_half).max() <= 3


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 7), (2, 300)])
@pytest.mark.parametrize("geometry", BENT)
def test_the_smallest_and_thinnest_pictures_come_through(size, geometry):
    pixels = photo(*size)

    drawn = reframe(pixels, *edited_size(*size, geometry), geometry)

    assert drawn.shape[:2] == edited_size(*size, geometry)
    assert drawn.min() >= max(0, int(pixels.min()) - 90)


def test_pixels_that_may_not_be_written_can_be_read_and_stay():
    pixels = photo(60, 80)
    before = pixels.copy()
    pixels.flags.writeable = False

    assert reframe(pixels, 20, 25, Geometry(straighten=5)).shape == (20, 25, 3)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("rotate", "flip"), [(0, "none"), (90, "horizontal"), (270, "both")])
def test_bending_a_stored_picture_is_bending_the_turned_one(orientation, rotate, flip):
    pixels = cv2.GaussianBlur(photo(110, 150), (0, 0), 1)
    code = combined(orientation, Geometry(rotate=rotate, flip=flip))
    bend = Geometry(straighten=9, perspective_horizontal=40, perspective_vertical=-70, crop=Crop(left=0.1, width=0.7))
    turned = np.ascontiguousarray(turn_upright(pixels, code))

    at_once = reframe(pixels, 50, 60, replace(bend, rotate=rotate, flip=flip), orientation=orientation)

    assert np.abs(at_once.astype(np.int16) - reframe(turned, 50, 60, bend)).max() <= 3  # places are rounded


def test_memory_does_not_grow_with_what_is_left_out():
    pixels = np.zeros((4000, 3000, 3), np.uint8)
    crop = Crop(left=0.3, top=0.3, width=0.3, height=0.3)
    tracemalloc.start()

    reframe(pixels, 300, 225, Geometry(straighten=10, crop=crop))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pixels.nbytes / 12  # half of which is what is drawn, and its surroundings at 1.4 times the size


@settings(max_examples=60)
@given(data=st.data())
def test_a_flat_picture_stays_flat_through_any_edit(data):
    height, width = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 200))
    geometry = Geometry(
        rotate=data.draw(st.sampled_from([0, 90, 180, 270])),
        straighten=data.draw(st.floats(-25, 25)),
        perspective_horizontal=data.draw(st.floats(-100, 100)),
        perspective_vertical=data.draw(st.floats(-100, 100)),
    )
    full = edited_size(height, width, geometry)
    size = data.draw(st.integers(1, full[0])), data.draw(st.integers(1, full[1]))
    pixels = np.full((height, width, 3), (10, 128, 240), np.uint8)

    drawn = reframe(pixels, *size, geometry)

    times = max(full[0] / size[0], full[1] / size[1])
    allowed = 0 if times <= 16 else 1 + times / 32  # what `resample` promises
    assert np.abs(drawn.astype(np.int16) - (10, 128, 240)).max() <= allowed
