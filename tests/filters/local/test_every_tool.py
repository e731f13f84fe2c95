"""What holds for all tools that look at neighbours: identities, symmetry, any size, and the same look at any size."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.local.lux import Lux
from filters.local.sharpen import Sharpen
from filters.local.structure import Structure
from filters.local.tilt_shift import TiltShift

TOOLS = {
    "lux": lambda amount: Lux(amount=amount),
    "structure": lambda amount: Structure(amount=amount),
    "sharpen": lambda amount: Sharpen(amount=amount),
    "disc": lambda amount: TiltShift(strength=amount),
    "band": lambda amount: TiltShift(shape="linear", radius=0.1, strength=amount),
}
RELATIVE = sorted(TOOLS.keys() - {"sharpen"})
every_tool = pytest.mark.parametrize("tool", sorted(TOOLS))
every_relative_tool = pytest.mark.parametrize("tool", RELATIVE)

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
levels = st.tuples(*[st.integers(0, 255)] * 3)


def noise(height, width, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def scene(height, width, seed=3):
    """Texture of every scale up to a 1/256 of the frame, with edges, like a photo's spectrum."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for octave in range(1, 9):
        grid = random.normal(size=(2**octave + 1, 2**octave + 1, 3))
        picture += 70 * 0.7**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    picture[:, width // 2 :] += 60
    picture[height * 3 // 5 :] -= 40
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def by_area(pixels, shorter):
    height, width, _ = pixels.shape
    size = round(width * shorter / min(height, width)), round(height * shorter / min(height, width))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def difference(one, other):
    return np.abs(one.astype(np.int16) - other.astype(np.int16))


@every_tool
def test_zero_gives_the_very_same_array(tool):
    pixels = noise(5, 7)

    assert TOOLS[tool](0).apply(pixels) is pixels


@every_tool
@settings(max_examples=25)
@given(size=sizes, amount=st.floats(0.1, 100), seed=st.integers(0, 9))
def test_any_size_gives_a_new_picture_and_leaves_the_old_one_alone(tool, size, amount, seed):
    pixels = noise(*size, seed)
    before = pixels.copy()
    pixels.flags.writeable = False

    changed = TOOLS[tool](amount).apply(pixels)

    assert (changed.shape, changed.dtype, changed.flags.c_contiguous) == (pixels.shape, np.uint8, True)
    assert not np.shares_memory(changed, pixels)
    np.testing.assert_array_equal(pixels, before)


@every_tool
@settings(max_examples=25)
@given(size=sizes, level=levels, amount=st.floats(0.1, 100))
def test_a_constant_picture_stays_constant(tool, size, level, amount):
    changed = TOOLS[tool](amount).apply(np.full((*size, 3), level, np.uint8))

    assert np.ptp(changed.reshape(-1, 3), axis=0).max() == 0


@pytest.mark.parametrize("tool", sorted(TOOLS.keys() - {"lux"}))
@settings(max_examples=25)
@given(size=sizes, level=levels, amount=st.floats(0.1, 100))
def test_a_constant_picture_stays_as_it_is_where_nothing_is_toned(tool, size, level, amount):
    pixels = np.full((*size, 3), level, np.uint8)

    np.testing.assert_array_equal(TOOLS[tool](amount).apply(pixels), pixels)


@every_tool
@pytest.mark.parametrize("size", [(5, 7), (1, 9), (61, 43), (301, 283), (432, 540)])
def test_a_mirrored_picture_is_changed_as_its_mirror_image(tool, size):
    pixels = scene(*size)
    changed = TOOLS[tool](70).apply(pixels)

    for axis in (0, 1):
        mirrored = TOOLS[tool](70).apply(np.ascontiguousarray(np.flip(pixels, axis)))
        assert difference(np.flip(mirrored, axis), changed).max() <= 1


@every_tool
def test_more_changes_more(tool):
    pixels = scene(271, 303)

    changes = [difference(TOOLS[tool](amount).apply(pixels), pixels).mean() for amount in (0, 5, 25, 50, 75, 100)]

    assert changes == sorted(changes)
    assert changes[-1] > 1


@every_tool
@pytest.mark.parametrize("amount", [1, 33, 60, 99])
def test_a_little_more_changes_a_little(tool, amount):
    pixels = scene(271, 303)

    assert difference(TOOLS[tool](amount).apply(pixels), TOOLS[tool](amount + 0.5).apply(pixels)).mean() < 0.5


@every_tool
def test_grey_stays_grey(tool):
    grey = np.repeat(scene(271, 303)[:, :, :1], 3, axis=2)

    changed = TOOLS[tool](100).apply(grey)

    assert np.ptp(changed, axis=2).max() == 0


@every_tool
@pytest.mark.parametrize("across", [False, True])
def test_a_smooth_ramp_shows_no_bands(tool, across):
    ramp = np.broadcast_to(np.linspace(0, 255, 765).round().astype(np.uint8)[:, None, None], (765, 300, 3))
    pixels = np.ascontiguousarray(ramp.swapaxes(0, 1) if across else ramp)

    changed = TOOLS[tool](100).apply(pixels).astype(np.int16)

    steps = np.diff(changed, axis=1 if across else 0)
    assert steps.max() <= 2
    assert steps.min() >= -1  # rounding, where a tool rounds a change


@every_relative_tool
@pytest.mark.parametrize("amount", [50, 100])
@pytest.mark.parametrize("size", [(1350, 1080), (811, 1080)])
def test_a_picture_looks_the_same_at_1080_and_at_150_pixels(tool, amount, size):
    large = scene(*size)

    reduced = by_area(TOOLS[tool](amount).apply(large), 150)

    assert difference(reduced, TOOLS[tool](amount).apply(by_area(large, 150))).mean() <= 1.5


@every_relative_tool
@pytest.mark.parametrize(
    "name", ["immich__book-beside-flowers.jpg", "immich__craft-beer.jpg", "orient__Landscape_0.jpg"]
)
def test_a_photo_looks_the_same_at_1080_and_at_150_pixels(tool, name, corpus):
    photo = cv2.imread(str(corpus / "photos" / name))
    large = by_area(cv2.cvtColor(photo, cv2.COLOR_BGR2RGB), 1080)

    reduced = by_area(TOOLS[tool](100).apply(large), 150)

    assert difference(reduced, TOOLS[tool](100).apply(by_area(large, 150))).mean() <= 1.5
