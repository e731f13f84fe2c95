"""The forty looks: their data, their mathematics, what workers make of them, and how near that is to the renders."""

import json
from functools import lru_cache
from statistics import fmean

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.compile import compile_recipe
from filters.look import find_look, read_look
from filters.look_files import FOLDER
from filters.mask import POWERS
from filters.recipe import BUILT_IN_LOOKS, LookChoice, Recipe
from scripts.benches.ciede2000 import ciede2000, lab_of
from scripts.benches.oracle import differences, read_oracle

LUMA = np.array([0.2126, 0.7152, 0.0722])
GREYS = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
BLACK, MIDDLE, WHITE = 0, 128, 255
MASKED = [name for name in BUILT_IN_LOOKS if find_look(name).mask]

# How many levels a lighter grey may be darker than one before it: fits have few of the deepest blacks and whitest
# whites to go by, and where a vignette is deepest no bright greys.
FALL_OF_LUMA = 4
FALL_OF_A_CHANNEL = 6
FALL_IN_THE_DARKEST_CORNER = 12

any_look = pytest.mark.parametrize("name", BUILT_IN_LOOKS)


def model(name, strength=1.0):
    (operation,) = find_look(name).operations(strength)
    return operation


def program(name, strength=100.0):
    return compile_recipe(Recipe(look=LookChoice(name=name, strength=strength)))


def amounts(name, height, width):
    mask = find_look(name).mask
    return mask.draw(height, width) if mask else np.zeros((height, width))


def noise(height, width, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@lru_cache
def scene(height, width):
    """Waves of colour of every length down to a hundredth of the frame, the shorter the fainter, as in a photo."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width].astype(np.float32) / min(height, width)
    tones = np.full((height, width, 3), 0.5, np.float32)
    for frequency in np.geomspace(0.5, 50, 30):
        angle, phases = random.uniform(0, np.pi), random.uniform(0, 2 * np.pi, 3)
        along = 2 * np.pi * frequency * (np.cos(angle) * x + np.sin(angle) * y)
        tones += 0.17 / frequency**0.7 * np.sin(along[..., None] + phases.astype(np.float32))
    return (255 * np.clip(tones, 0, 1)).astype(np.uint8)


@lru_cache
def photo(file):
    """A photo whose shorter side is 1080 pixels."""
    return by_area(cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB), 1080)


def by_area(pixels, shorter):
    height, width = (round(side * shorter / min(pixels.shape[:2])) for side in pixels.shape[:2])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def levels_apart(one, other):
    return np.abs(one.astype(np.int16) - other.astype(np.int16))


def numbers(data):
    if isinstance(data, dict | list):
        return sum(numbers(value) for value in (data.values() if isinstance(data, dict) else data))
    return int(isinstance(data, int | float))


def greatest_fall(tones):
    """How many levels it goes down at most, along the first axis."""
    return 255 * (np.maximum.accumulate(tones) - tones).max()


def test_there_is_a_file_for_each_look_that_recipes_know_and_for_no_other():
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(f"{name}.json" for name in BUILT_IN_LOOKS)
    assert len(BUILT_IN_LOOKS) == 40


@pytest.mark.parametrize("name", ["nosuch", "", "../x", "../looks/clarendon", "./clarendon", "clarendon.json", "a\0"])
def test_what_is_not_the_name_of_a_look_is_a_key_error(name):
    with pytest.raises(KeyError):
        find_look(name)


@any_look
def test_a_look_goes_by_its_name_and_is_read_once(name):
    look = find_look(name)

    assert look.name == name
    assert "".join(filter(str.isalnum, look.title)).lower().replace("ii", "2") == name
    assert find_look(name) is look


@any_look
def test_a_look_is_a_few_numbers_that_a_person_can_review(name):
    text = (FOLDER / f"{name}.json").read_text()

    assert numbers(json.loads(text)) < 400
    assert max(map(len, text.splitlines())) <= 160


@any_look
def test_nothing_changes_at_strength_0(name):
    pixels = noise(5, 7)

    assert find_look(name).operations(0.0) == ()
    assert program(name, 0).apply(pixels) is pixels


@any_look
@settings(max_examples=10)
@given(strength=st.floats(0.001, 1), amount=st.floats(0, 1))
def test_a_part_of_a_look_is_that_part_of_the_way_to_it(name, strength, amount):
    colours = noise(5, 7) / 255

    partly, wholly = model(name, strength)(colours, amount), model(name)(colours, amount)

    np.testing.assert_allclose(partly, (1 - strength) * colours + strength * wholly, atol=1e-12)


@any_look
def test_more_strength_never_brings_a_pixel_nearer_to_what_came_in(name):
    pixels = noise(33, 47)

    drawn = [program(name, strength).apply(pixels) for strength in (0, 0.3, 7, 25, 50, 50.1, 80, 99.9, 100)]

    assert (np.diff([levels_apart(picture, pixels) for picture in drawn], axis=0) >= 0).all()
    assert levels_apart(drawn[-1], pixels).mean() > 5


@any_look
def test_black_is_dark_white_is_light_and_the_middle_between_them(name):
    black, middle, white = model(name)(GREYS[[BLACK, MIDDLE, WHITE]]) @ LUMA

    assert black < 0.3
    assert white > 0.8
    assert black + 0.15 < middle < white - 0.15


@any_look
@settings(max_examples=10)
@given(amount=st.floats(0, 1), seed=st.integers(0, 99))
def test_every_colour_stays_one(name, amount, seed):
    changed = model(name)(noise(20, 20, seed) / 255, amount)

    assert changed.min() >= 0
    assert changed.max() <= 1


@any_look
def test_greys_keep_their_order_but_for_a_few_levels_at_the_ends_of_the_tones(name):
    for amount in np.unique(np.minimum(amounts(name, 33, 33), 0.75).round(2)):
        changed = model(name)(GREYS, amount)

        assert greatest_fall(changed @ LUMA) <= FALL_OF_LUMA
        assert greatest_fall(changed) <= FALL_OF_A_CHANNEL


@pytest.mark.parametrize("name", MASKED)
def test_where_a_vignette_is_deepest_greys_keep_their_order_but_for_a_shade(name):
    assert greatest_fall(model(name)(GREYS, 1.0) @ LUMA) <= FALL_IN_THE_DARKEST_CORNER


@pytest.mark.parametrize("name", MASKED)
def test_a_surface_goes_from_0_to_1_over_the_frame(name):
    drawn = amounts(name, 150, 150)
    surface = np.array(json.loads((FOLDER / f"{name}.json").read_text())["surface"])

    assert (drawn.min(), drawn.max()) == pytest.approx((0, 1), abs=0.02)
    assert np.abs(surface).sum() < 10  # terms that nearly cancel would not carry four digits


@pytest.mark.parametrize("name", MASKED)
def test_a_surface_follows_the_frame_whatever_its_aspect_ratio(name):
    drawn = [amounts(name, *frame) for frame in ((1350, 1080), (1080, 1350), (1080, 1080))]

    portrait, landscape, square = (cv2.resize(amount, (27, 27), interpolation=cv2.INTER_AREA) for amount in drawn)

    np.testing.assert_allclose(portrait, square, atol=1e-3)
    np.testing.assert_allclose(landscape, square, atol=1e-3)
    assert all(amount.min() >= 0 and amount.max() <= 1 for amount in drawn)


@pytest.mark.parametrize("name", MASKED)
def test_a_flat_portrait_and_a_flat_landscape_are_alike_at_the_same_shares_of_the_frame(name):
    flat = [np.full((*frame, 3), 140, np.uint8) for frame in ((1350, 1080), (1080, 1350))]

    drawn = [program(name).apply(pixels).astype(np.float64) for pixels in flat]

    portrait, landscape = (cv2.resize(picture, (27, 27), interpolation=cv2.INTER_AREA) for picture in drawn)
    np.testing.assert_allclose(portrait, landscape, atol=0.25)
    assert np.ptp(portrait.reshape(-1, 3), axis=0).max() > 2


@any_look
def test_workers_draw_the_formula_at_every_place_of_a_frame(name):
    """All greys and as many colours, each as a flat picture of 5 x 7 pixels."""
    colours = np.concatenate([np.rint(255 * GREYS).astype(np.uint8), noise(1, 256, seed=2)[0]])
    compiled = program(name)

    drawn = np.stack([compiled.apply(np.full((5, 7, 3), colour, np.uint8)) for colour in colours])

    places = amounts(name, 5, 7).reshape(-1)
    expected = np.stack([255 * model(name)(colours / 255, amount) for amount in places], axis=1)
    errors = np.abs(drawn.reshape(expected.shape) - expected)
    assert errors.mean() < 0.3
    assert errors.max() < (1.2 if name in MASKED else 0.6)


@any_look
@pytest.mark.parametrize("size", [(1350, 1080), (811, 1080)])
def test_a_picture_looks_the_same_at_1080_and_at_150_pixels(name, size):
    large = scene(*size)

    reduced = by_area(program(name).apply(large), 150)

    assert levels_apart(reduced, program(name).apply(by_area(large, 150))).mean() <= 0.5


@any_look
@pytest.mark.parametrize(
    "file", ["immich__book-beside-flowers.jpg", "immich__craft-beer.jpg", "orient__Landscape_0.jpg"]
)
def test_a_photo_looks_much_the_same_at_1080_and_at_150_pixels(name, file, corpus):
    """Not quite: on fine texture, averaging and then curving is not curving and then averaging."""
    large = photo(corpus / "photos" / file)

    reduced, small = by_area(program(name).apply(large), 150), program(name).apply(by_area(large, 150))

    assert ciede2000(lab_of(reduced), lab_of(small)).mean() <= 2


def test_every_look_is_near_what_was_rendered(oracle):
    samples = read_oracle(oracle, BUILT_IN_LOOKS)
    sources = {sample.photo: sample.source() for sample in samples}
    found = {name: [] for name in BUILT_IN_LOOKS}
    for sample in samples:
        source, target = sources[sample.photo], sample.target()
        distance = differences(program(sample.look).apply(source), target).mean()
        assert distance < 0.5 * differences(source, target).mean(), sample
        found[sample.look].append(distance)

    means = {name: fmean(distances) for name, distances in found.items()}
    assert fmean(means.values()) <= 1.75
    assert max(means.values()) <= 2.7


def test_a_file_says_a_curve_by_its_values_and_a_line_by_two():
    straight, bent, lines = [[0.0, 1.0]], [[0.0, 0.7, 1.0]], [[0.1, 0.3]]
    curves = {"red": {"red": straight}, "green": {"green": bent, "blue": lines}, "blue": {"blue": straight}}
    look = read_look("mine", {"title": "Mine", "surface": None, "curves": curves})
    (operation,) = look.operations(1.0)
    red, green, blue = colour = np.array([0.2, 0.5, 0.4])

    np.testing.assert_allclose(operation(colour), [red, 0.7 + 0.1 + 0.2 * blue, blue], atol=1e-12)
    assert (look.mask, look.title) == (None, "Mine")
    assert operation.mask is None
    assert green == 0.5  # where a curve of three values goes through its second


def test_a_file_says_what_the_place_adds_to_a_curve():
    dark, curves = [[0.0, 1.0], [0.0, -0.6], [0.0, 0.2]], {"green": {"green": [[0, 1]]}, "blue": {"blue": [[0, 1]]}}
    across = [0.5 if powers == (1, 0) or not any(powers) else 0.0 for powers in POWERS]
    look = read_look("mine", {"title": "Mine", "surface": across, "curves": {"red": {"red": dark}, **curves}})
    (operation,) = look.operations(1.0)

    amounts = look.mask.draw(5, 7)
    np.testing.assert_allclose(amounts, np.tile((np.arange(7) + 0.5) / 7, (5, 1)), atol=1e-12)
    for t in amounts[0]:
        np.testing.assert_allclose(
            operation(np.array([0.9, 0.9, 0.9]), t), [0.9 * (1 - 0.6 * t + 0.2 * t * t), 0.9, 0.9], atol=1e-12
        )
