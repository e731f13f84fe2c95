"""Smooth ramps stay smooth through every look, and every tool at its extremes: no step over 2 levels that is ours."""

from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from filters.compile import colour_operations, compile_recipe
from filters.look import find_look
from filters.recipe import BUILT_IN_LOOKS, parse_recipe
from filters.tools import POINT_TOOLS
from filters.tools.tint import COLOURS

Pixels = NDArray[np.uint8]

WIDTH = 4096
AMOUNTS = 33  # of a mask, between which a formula is all but a line: it bends by less than 0.1 levels
UNSEEN = 2  # levels between neighbours that nobody asks a formula for
ROUNDING = 1.1  # levels by which a step may be longer than the formula's: half a level at either end, and some hair
MASKED_ROUNDING = (
    2.0  # the same under a mask, whose steps are up to a level apart where 128 of them do for a deep vignette
)

TINTS = [name for name in POINT_TOOLS if name.startswith("tint")]
PLAIN = [name for name in POINT_TOOLS if name not in TINTS]
ONE_BY_ONE: list[dict[str, Any]] = [
    *({name: value} for name, value in product(PLAIN, (-100, 100)) if (name, value) != ("fade", -100)),
    *({name: {"colour": colour, "strength": 100}} for name, colour in product(TINTS, COLOURS)),
]
TOGETHER: list[dict[str, Any]] = [
    {"brightness": 100, "contrast": 100, "shadows": 100, "highlights": 100},
    {"brightness": -100, "contrast": -100, "shadows": -100, "highlights": -100, "fade": 100},
    {"contrast": 100, "shadows": -100, "highlights": 100},
    {"contrast": -100, "shadows": 100, "highlights": -100},
    {"warmth": 100, "saturation": 100, "tint_shadows": {"colour": "blue", "strength": 100}},
    {"warmth": -100, "saturation": 100, "tint_highlights": {"colour": "orange", "strength": 100}, "fade": 50},
]
LOCAL: list[dict[str, Any]] = [
    {"lux": 100},
    {"structure": 100},
    {"vignette": 100},
    {"tilt_shift": {"shape": "radial", "strength": 100}},
    {"tilt_shift": {"shape": "linear", "angle": 30, "strength": 100}},
    {"sharpen": 100},
]


def ramps(height: int) -> Pixels:
    """(2 * height, 4096, 3): from black to white, and from one colour to its opposite."""
    up = np.linspace(0, 255, WIDTH)
    grey, colour = np.stack([up, up, up], axis=-1), np.stack([up, 0.6 * up + 60, 255 - up], axis=-1)
    return np.rint(np.repeat([grey, colour], height, axis=0)).astype(np.uint8)


def rendered(recipe: dict[str, Any], pixels: Pixels) -> NDArray[np.float64]:
    program = compile_recipe(parse_recipe(recipe))
    return program.finish(program.apply(pixels)).astype(np.float64)


def formula_of_look(name: str, pixels: Pixels) -> NDArray[np.float64]:
    """Levels, at each pixel between the formulas of the two amounts that are nearest."""
    look = find_look(name)
    (operation,) = look.operations(1.0)
    if look.mask is None:
        return 255 * operation(pixels / 255)
    at_amounts = np.stack([255 * operation(pixels / 255, amount) for amount in np.linspace(0, 1, AMOUNTS)])
    position = look.mask.draw(*pixels.shape[:2]) * (AMOUNTS - 1)
    left = np.minimum(position.astype(int), AMOUNTS - 2)
    below, above = (np.take_along_axis(at_amounts, at[None, :, :, None], axis=0)[0] for at in (left, left + 1))
    return below + (position - left)[:, :, None] * (above - below)


def steps(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(np.diff(picture, axis=1))


@pytest.mark.parametrize("adjustments", [*ONE_BY_ONE, *TOGETHER], ids=str)
def test_point_tools_add_no_band(adjustments: dict[str, Any]) -> None:
    pixels = ramps(height=2)
    operations = colour_operations(parse_recipe({"adjustments": adjustments}))

    formula = 255 * reduce(lambda tones, operation: operation(tones), operations, pixels / 255)
    picture = rendered({"adjustments": adjustments}, pixels)

    assert (steps(picture) <= np.maximum(steps(formula) + ROUNDING, UNSEEN)).all()


@pytest.mark.parametrize("strength", [100, 55])
@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
def test_looks_add_no_band(name: str, strength: int) -> None:
    pixels, share = ramps(height=2), strength / 100

    formula = (1 - share) * pixels + share * formula_of_look(name, pixels)
    picture = rendered({"look": {"name": name, "strength": strength}}, pixels)

    longer = MASKED_ROUNDING if find_look(name).mask else ROUNDING
    assert (steps(picture) <= np.maximum(steps(formula) + longer, UNSEEN)).all()


@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
@pytest.mark.parametrize("level", [40, 128, 215])
def test_looks_draw_no_band_on_a_flat_area(name: str, level: int) -> None:
    picture = rendered({"look": {"name": name}}, np.full((45, 4096, 3), level, np.uint8))

    assert steps(picture).max() <= (UNSEEN if find_look(name).mask else 0)


@pytest.mark.parametrize("adjustments", LOCAL, ids=str)
def test_what_looks_at_the_surroundings_adds_no_band(adjustments: dict[str, Any]) -> None:
    picture = rendered({"adjustments": adjustments}, ramps(height=40))

    assert steps(picture)[10:30].max() <= UNSEEN


def test_every_point_tool_is_tried_at_its_extremes() -> None:
    assert {name for adjustments in ONE_BY_ONE for name in adjustments} == set(POINT_TOOLS)
