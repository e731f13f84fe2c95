"""What a fit writes is what the looks' reader reads: the same tones, but for rounding to four digits."""

import json

import numpy as np
import pytest

from filters.look import read_look
from filters.recipe import BUILT_IN_LOOKS
from scripts.fitting.choose import Choice, fit_all
from scripts.fitting.model import MIXING, Shape
from scripts.fitting.photo import average_tones, describe_photo
from scripts.fitting.writing import look_text

SHAPES = [Shape(mixing=mixing, bends=bends, smoothness=1e-3) for mixing in MIXING for bends in (0, 1, 2)]


@pytest.fixture(scope="module")
def photo(truth):
    return truth.photo(6, side=150)


@pytest.fixture(scope="module")
def choices(truth, photo):
    pair = (describe_photo(photo), average_tones(truth.vignetted(photo)))
    fits = fit_all([pair], SHAPES)
    return {shape: Choice(fit=fit, left_out={"one": 1.23456}, fitted={"one": 1.0}) for shape, fit in fits.items()}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_look_that_is_written_and_read_makes_the_tones_of_its_fit(shape, choices, photo):
    look = read_look("mine", json.loads(look_text("mine", choices[shape])))
    (operation,) = look.operations(1.0)
    amounts = look.mask.draw(150, 150).reshape(-1) if look.mask else np.zeros(150 * 150)

    few = slice(0, None, 91)
    read = [operation(p, t) for p, t in zip(photo.reshape(-1, 3)[few] / 255, amounts[few], strict=True)]

    fitted = np.clip(choices[shape].fit.tones(describe_photo(photo)), 0, 1)[few]
    np.testing.assert_allclose(read, fitted, atol=0.001)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_file_has_a_row_of_numbers_on_each_line(shape, choices):
    text = look_text("mine", choices[shape])

    rows = [line for line in text.splitlines() if "]" in line and "[" in line]
    curves = json.loads(text)["curves"].values()
    assert len(rows) == sum(len(of) for channel in curves for of in channel.values()) + (shape.bends > 0)
    assert text.endswith("}\n")


def test_a_file_says_how_near_the_model_came_to_a_photo_that_it_had_not_seen(choices):
    assert json.loads(look_text("mine", choices[SHAPES[0]]))["left_out"] == {"one": 1.23}


@pytest.mark.parametrize(
    ("name", "title"), [("lofi", "Lo-Fi"), ("xpro2", "X-Pro II"), ("aden", "Aden"), ("1977", "1977")]
)
def test_a_look_gets_the_title_that_people_know(name, title, choices):
    assert name in BUILT_IN_LOOKS
    assert json.loads(look_text(name, choices[SHAPES[0]]))["title"] == title
