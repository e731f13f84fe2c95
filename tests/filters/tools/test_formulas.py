"""Every tool, at all 256 tones and on random colours, against its formula in another form, one number at a time."""

from collections.abc import Callable
from itertools import pairwise
from math import exp, log

import numpy as np
import pytest
from numpy.typing import NDArray

from filters.recipe import Tint
from filters.tools import POINT_TOOLS

LUMA = (0.2126, 0.7152, 0.0722)
Colour = tuple[float, float, float]
Formula = Callable[[Colour], Colour]

GREYS = np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)
COLOURS = np.random.default_rng(3).random((500, 3))


def schlick_bias(t: float, b: float) -> float:
    """As printed in Graphics Gems IV."""
    return t / ((1 / b - 2) * (1 - t) + 1)


def schlick_gain(t: float, a: float) -> float:
    """Two biases, as printed there."""
    return schlick_bias(2 * t, a) / 2 if t < 0.5 else 1 - schlick_bias(2 - 2 * t, a) / 2


def shifted_logit(t: float, shift: float) -> float:
    """A tone moved along the logistic curve."""
    return t if t in {0.0, 1.0} else 1 / (1 + exp(-log(t / (1 - t)) - shift))


def bezier(ordinates: list[float], t: float) -> float:
    """De Casteljau's corner cutting."""
    while len(ordinates) > 1:
        ordinates = [(1 - t) * a + t * b for a, b in pairwise(ordinates)]
    return ordinates[0]


def alike(curve: Callable[[float], float]) -> Formula:
    """One curve for the three channels."""
    return lambda colour: (curve(colour[0]), curve(colour[1]), curve(colour[2]))


def leaning(shifts: Colour, weight: Callable[[float], float]) -> Formula:
    """Each channel's logit shifted; each tone then lowered by what a grey of that tone has won in luma."""

    def channel(t: float, own: float) -> float:
        won = sum(part * (shifted_logit(t, shift * weight(t)) - t) for part, shift in zip(LUMA, shifts, strict=True))
        return shifted_logit(t, own * weight(t)) - won

    return lambda colour: tuple(channel(t, own) for t, own in zip(colour, shifts, strict=True))  # type: ignore[return-value]


def from_luma(share: float) -> Formula:
    """Each channel that share as far from the luma, clipped."""

    def change(colour: Colour) -> Colour:
        luma = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
        red, green, blue = (min(max(luma + share * (tone - luma), 0.0), 1.0) for tone in colour)
        return red, green, blue

    return change


FORMULAS: list[tuple[str, object, Formula]] = [
    ("brightness", 100, alike(lambda t: schlick_bias(t, 2.5 / 3.5))),
    ("brightness", -100, alike(lambda t: schlick_bias(t, 1 / 3.5))),
    ("brightness", 50, alike(lambda t: schlick_bias(t, 1 / (1 + 2.5**-0.5)))),
    ("contrast", 100, alike(lambda t: schlick_gain(t, 1 / 3))),
    ("contrast", -100, alike(lambda t: schlick_gain(t, 2 / 3))),
    ("contrast", 30, alike(lambda t: schlick_gain(t, 1 / (1 + 2**0.3)))),
    ("warmth", 100, leaning((0.265, -0.03, -0.5), lambda _: 1.0)),
    ("warmth", -40, leaning((-0.106, 0.012, 0.2), lambda _: 1.0)),
    ("saturation", 100, from_luma(2.0)),
    ("saturation", -100, from_luma(0.0)),
    ("saturation", -25, from_luma(0.75)),
    # Red less its luma is (0.7874, -0.2126, -0.2126), green less its own (-0.7152, 0.2848, -0.7152).
    (
        "tint_shadows",
        Tint(colour="red", strength=100),
        leaning((1.0, -0.2126 / 0.7874, -0.2126 / 0.7874), lambda t: (1 - t) ** 2),
    ),
    (
        "tint_highlights",
        Tint(colour="green", strength=50),
        leaning((-0.5, 0.2848 / 1.4304, -0.5), lambda t: t**2),
    ),
    ("fade", 100, alike(lambda t: bezier([0.25, 0.5, 1.0], t))),
    ("fade", 20, alike(lambda t: bezier([0.05, 0.5, 1.0], t))),
    ("highlights", 100, alike(lambda t: shifted_logit(t, log(3) * t * t))),
    ("highlights", -70, alike(lambda t: shifted_logit(t, -0.7 * log(3) * t * t))),
    ("shadows", 100, alike(lambda t: shifted_logit(t, log(3) * (1 - t) * (1 - t)))),
    ("shadows", -70, alike(lambda t: shifted_logit(t, -0.7 * log(3) * (1 - t) * (1 - t)))),
]


@pytest.mark.parametrize("colours", [GREYS, COLOURS], ids=["every tone", "random colours"])
@pytest.mark.parametrize(("tool", "value", "formula"), FORMULAS, ids=[f"{name} {value}" for name, value, _ in FORMULAS])
def test_a_tool_is_its_formula(tool: str, value: object, formula: Formula, colours: NDArray[np.float64]) -> None:
    (operation,) = POINT_TOOLS[tool](value)

    expected = [formula((red, green, blue)) for red, green, blue in colours.tolist()]

    np.testing.assert_allclose(operation(colours), expected, atol=1e-12)


def test_every_tool_has_a_formula_here() -> None:
    assert {name for name, _, _ in FORMULAS} == set(POINT_TOOLS)


@pytest.mark.parametrize("tool", ["brightness", "warmth", "tint_shadows", "fade", "saturation"])
def test_a_picture_keeps_its_shape(tool: str) -> None:
    picture = np.random.default_rng(5).random((5, 7, 3))
    value = Tint(colour="blue", strength=60) if tool == "tint_shadows" else 60
    (operation,) = POINT_TOOLS[tool](value)

    np.testing.assert_allclose(operation(picture)[3, 4], operation(picture[3, 4]), atol=1e-15)
