"""What holds of every tool at every value."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from filters.point import Curves, Matrix
from filters.recipe import Tint
from filters.tools import POINT_TOOLS
from filters.tools.tint import COLOURS

Tones = NDArray[np.float64]

STEPS = 1024
RAMP = np.repeat(np.linspace(0, 1, STEPS + 1)[:, None], 3, axis=1)
LUMA = np.array([0.2126, 0.7152, 0.0722])

BOTH_WAYS = st.floats(-100, 100)
ONE_WAY = st.floats(0, 100)
TINTS = st.builds(Tint, colour=st.sampled_from(sorted(COLOURS)), strength=ONE_WAY)
VALUES = dict.fromkeys(POINT_TOOLS, BOTH_WAYS) | {"fade": ONE_WAY, "tint_shadows": TINTS, "tint_highlights": TINTS}
CURVED = [name for name in POINT_TOOLS if name != "saturation"]
few = settings(max_examples=40)
# The least and the steepest slope that each docstring states.
SLOPES = {
    "brightness": (1 / 2.5, 2.5),
    "contrast": (1 / 2, 2.0),
    "warmth": (0.59, 1.63),
    "tint_shadows": (1 / 6, 3.0),
    "tint_highlights": (1 / 6, 3.0),
    "fade": (1 / 2, 1.0),
    "highlights": (1 / 3, 3.0),
    "shadows": (1 / 3, 3.0),
}


def drawn(tool: str, data: st.DataObject) -> object:
    return data.draw(VALUES[tool], label=tool)


def curve(tool: str, value: object) -> Callable[[Tones], Tones]:
    """A tool's curves before anything is clipped."""
    (operation,) = POINT_TOOLS[tool](value)
    assert isinstance(operation, Curves)
    return operation.of


@pytest.mark.parametrize("tool", POINT_TOOLS)
def test_nothing_changes_at_0(tool: str) -> None:
    nothings = [Tint(colour=colour, strength=0) for colour in COLOURS] if tool.startswith("tint") else [0.0]
    colours = np.random.default_rng(1).random((300, 3))

    for value in nothings:
        for operation in POINT_TOOLS[tool](value):
            np.testing.assert_allclose(operation(colours), colours, atol=1e-15)


@pytest.mark.parametrize("tool", CURVED)
@few
@given(data=st.data())
def test_tones_keep_their_order_and_the_slope_its_bounds(tool: str, data: st.DataObject) -> None:
    least, steepest = SLOPES[tool]

    slopes = np.diff(curve(tool, drawn(tool, data))(RAMP), axis=0) * STEPS

    assert slopes.min() >= least - 1e-9
    assert slopes.max() <= steepest + 1e-9


@pytest.mark.parametrize("tool", CURVED)
@few
@given(data=st.data())
def test_a_curve_has_no_kink(tool: str, data: st.DataObject) -> None:
    """A kink of slope 0.03 would show: the sharpest bend of a smooth one is 0.025 from one step to the next."""
    slopes = np.diff(curve(tool, drawn(tool, data))(RAMP), axis=0) * STEPS

    assert np.abs(np.diff(slopes, axis=0)).max() < 0.03


@pytest.mark.parametrize("tool", CURVED)
@few
@given(data=st.data())
def test_no_tone_leaves_0_to_1(tool: str, data: st.DataObject) -> None:
    curved = curve(tool, drawn(tool, data))(RAMP)

    assert curved.min() >= -1e-15
    assert curved.max() <= 1 + 1e-15


@pytest.mark.parametrize("tool", [name for name in CURVED if name != "fade"])
@few
@given(data=st.data())
def test_black_and_white_stay(tool: str, data: st.DataObject) -> None:
    np.testing.assert_allclose(curve(tool, drawn(tool, data))(RAMP)[[0, -1]], RAMP[[0, -1]], atol=1e-15)


@pytest.mark.parametrize("tool", ["brightness", "fade", "highlights", "shadows"])
@few
@given(data=st.data())
def test_more_is_brighter(tool: str, data: st.DataObject) -> None:
    less, more = sorted(data.draw(st.tuples(VALUES[tool], VALUES[tool])))

    assert (curve(tool, more)(RAMP) >= curve(tool, less)(RAMP) - 1e-15).all()


@few
@given(values=st.tuples(BOTH_WAYS, BOTH_WAYS))
def test_more_contrast_moves_tones_away_from_the_middle(values: tuple[float, float]) -> None:
    less, more = sorted(values)

    assert (abs(curve("contrast", more)(RAMP) - 0.5) >= abs(curve("contrast", less)(RAMP) - 0.5) - 1e-15).all()


@few
@given(values=st.tuples(BOTH_WAYS, BOTH_WAYS))
def test_warmer_is_redder_and_less_blue(values: tuple[float, float]) -> None:
    cooler, warmer = (curve("warmth", value)(RAMP) for value in sorted(values))

    assert (warmer[:, 0] >= cooler[:, 0] - 1e-15).all()
    assert (warmer[:, 2] <= cooler[:, 2] + 1e-15).all()


@pytest.mark.parametrize("tool", ["tint_shadows", "tint_highlights"])
@few
@given(colour=st.sampled_from(sorted(COLOURS)), strengths=st.tuples(ONE_WAY, ONE_WAY))
def test_more_tint_is_more_colourful(tool: str, colour: str, strengths: tuple[float, float]) -> None:
    less, more = (curve(tool, Tint(colour=colour, strength=strength))(RAMP) for strength in sorted(strengths))

    assert (np.ptp(more, axis=1) >= np.ptp(less, axis=1) - 1e-15).all()


@pytest.mark.parametrize("tool", ["tint_shadows", "tint_highlights"])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_grey_leans_towards_the_tint(tool: str, colour: str) -> None:
    leaned = curve(tool, Tint(colour=colour, strength=100))(RAMP)[1:-1] - RAMP[1:-1]

    order = np.argsort(COLOURS[colour], kind="stable")
    assert (np.diff(leaned[:, order], axis=1) >= -1e-15).all()
    assert (np.ptp(leaned, axis=1) > 0).all()


@pytest.mark.parametrize("colour", COLOURS)
def test_tints_act_on_their_own_end_of_the_tones(colour: str) -> None:
    tint = Tint(colour=colour, strength=100)
    shadows, highlights = (
        np.abs(curve(tool, tint)(RAMP) - RAMP).sum(axis=1) for tool in ("tint_shadows", "tint_highlights")
    )

    assert shadows[: STEPS // 2].sum() > 3 * shadows[STEPS // 2 :].sum()
    assert highlights[STEPS // 2 :].sum() > 3 * highlights[: STEPS // 2].sum()


@pytest.mark.parametrize("tool", ["highlights", "shadows"])
@few
@given(value=BOTH_WAYS.filter(lambda value: abs(value) > 1))
def test_highlights_and_shadows_act_on_their_own_end_of_the_tones(tool: str, value: float) -> None:
    changed = np.abs(curve(tool, value)(RAMP) - RAMP)[:, 0]
    lower, upper = changed[: STEPS // 2].sum(), changed[STEPS // 2 :].sum()

    assert (upper > 2 * lower) if tool == "highlights" else (lower > 2 * upper)


@pytest.mark.parametrize("tool", ["warmth", "tint_shadows", "tint_highlights"])
@few
@given(data=st.data())
def test_a_cast_keeps_the_luma_of_every_grey(tool: str, data: st.DataObject) -> None:
    np.testing.assert_allclose(curve(tool, drawn(tool, data))(RAMP) @ LUMA, RAMP[:, 0], atol=1e-14)


@pytest.mark.parametrize("tool", ["brightness", "contrast", "saturation", "fade", "highlights", "shadows"])
@few
@given(data=st.data())
def test_a_grey_stays_grey(tool: str, data: st.DataObject) -> None:
    (operation,) = POINT_TOOLS[tool](drawn(tool, data))

    assert np.ptp(operation(RAMP), axis=1).max() < 1e-15


@pytest.mark.parametrize("tool", ["brightness", "contrast"])
@few
@given(value=BOTH_WAYS)
def test_minus_undoes_plus(tool: str, value: float) -> None:
    np.testing.assert_allclose(curve(tool, -value)(curve(tool, value)(RAMP)), RAMP, atol=1e-14)


@few
@given(value=BOTH_WAYS, colours=arrays(np.float64, (7, 3), elements=st.floats(0.34, 0.66)))
def test_saturation_keeps_luma_where_nothing_is_clipped(value: float, colours: Tones) -> None:
    (operation,) = POINT_TOOLS["saturation"](value)

    np.testing.assert_allclose(operation(colours) @ LUMA, colours @ LUMA, atol=1e-14)


@few
@given(values=st.tuples(BOTH_WAYS, BOTH_WAYS), colours=arrays(np.float64, (7, 3), elements=st.floats(0, 1)))
def test_more_saturation_is_more_colourful(values: tuple[float, float], colours: Tones) -> None:
    less, more = (POINT_TOOLS["saturation"](value)[0] for value in sorted(values))
    assert isinstance(more, Matrix)

    luma = (colours @ LUMA)[:, None]
    assert (abs(more(colours) - luma) >= abs(less(colours) - luma) - 1e-14).all()


@few
@given(colours=arrays(np.float64, (7, 3), elements=st.floats(0, 1)))
def test_without_saturation_a_picture_is_monochrome(colours: Tones) -> None:
    (operation,) = POINT_TOOLS["saturation"](-100)

    np.testing.assert_allclose(operation(colours), np.repeat((colours @ LUMA)[:, None], 3, axis=1), atol=1e-15)
