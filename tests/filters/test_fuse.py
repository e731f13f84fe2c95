"""Fusing: fewer passes, the same colours as each operation alone in double precision."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.fuse import fuse, point_passes
from filters.mask import Mask, Radial
from filters.point import Additive, Curves, Matrix, Table, follow
from filters.recipe.model import Tint
from filters.tools import POINT_TOOLS

MASK = Mask(shape=Radial(), nodes=((0.2, 0.0), (1.0, 1.0)))
WEIGHTS = np.array([[0.9, 0.15, -0.05], [-0.1, 1.1, 0.1], [0.05, -0.2, 0.8]])
PIXELS = np.random.default_rng(7).integers(0, 256, (61, 83, 3)).astype(np.uint8)
CURVE = Curves(of=lambda tones: tones**1.3)
MATRIX = Matrix(weights=WEIGHTS, offset=np.array([0.02, -0.01, 0.03]))


def parts(tones, amount):
    return WEIGHTS.T[:, :, None] * tones * (1 - 0.3 * amount) + 0.03 * np.sin(6 * tones)


def grid(size):
    axis = np.linspace(0, 1, size)
    colours = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    return np.clip(colours @ WEIGHTS.T + 0.1 * np.sin(4 * colours[..., ::-1]) * colours * (1 - colours), 0, 1)


MODEL = Additive(parts=parts)
BLENDED = Additive(parts=parts, strength=0.6)
MASKED = Additive(parts=parts, mask=MASK)
TABLE = Table(grid=grid(33))


def drawn_by(passes, pixels=PIXELS):
    for point in passes:
        pixels = point.apply(pixels)
    return pixels


def errors_of(operations):
    return np.abs(drawn_by(point_passes(operations)) - 255 * follow(operations, PIXELS / 255))


@pytest.mark.parametrize(
    ("operations", "stretches"),
    [
        ([], 0),
        ([CURVE, CURVE], 1),
        ([CURVE, MATRIX, CURVE, CURVE], 1),
        ([MODEL, CURVE], 1),
        ([MASKED, CURVE], 1),
        ([CURVE, TABLE], 1),
        ([CURVE, TABLE, CURVE], 2),
        ([MODEL, CURVE, MATRIX, CURVE], 2),
        ([TABLE, CURVE, MATRIX], 2),
        ([BLENDED, CURVE], 2),
        ([BLENDED, CURVE, MATRIX, CURVE], 2),
        ([CURVE, BLENDED], 2),
    ],
)
def test_a_stretch_is_curves_one_operation_that_mixes_channels_and_curves(operations, stretches):
    fused = fuse(operations)

    assert len(fused) == stretches
    assert [o for s in fused for o in (*s.before, *([s.mix] if s.mix else []), *s.after)] == operations


@pytest.mark.parametrize(
    ("operations", "passes"),
    [
        ([], 0),
        ([CURVE], 1),
        ([MODEL, CURVE, MATRIX, CURVE], 1),
        ([MASKED, CURVE, MATRIX], 1),
        ([BLENDED, CURVE, MATRIX, CURVE], 1),
        ([CURVE, TABLE, CURVE, MATRIX, CURVE], 1),
        ([MATRIX, MATRIX, MATRIX], 2),
        ([CURVE, BLENDED], 2),
        ([MATRIX, MASKED], 2),
        ([MATRIX, TABLE, MATRIX], 2),
    ],
)
def test_a_pass_is_a_stretch_and_one_more_that_depends_on_tones_alone(operations, passes):
    assert len(point_passes(operations)) == passes


@pytest.mark.parametrize("operations", [[CURVE, MATRIX, CURVE], [CURVE, MODEL, CURVE], [MODEL], [BLENDED], [CURVE]])
def test_a_single_additive_pass_is_as_exact_as_rounding_allows(operations):
    errors = errors_of(operations)

    assert errors.mean() < 0.3
    assert errors.max() < 0.7


def test_an_operation_that_follows_a_mask_follows_it_at_every_place():
    amounts = MASK.draw(61, 83)
    colours = [[MASKED(p / 255, a) for p, a in zip(*row, strict=True)] for row in zip(PIXELS, amounts, strict=True)]

    errors = np.abs(drawn_by(point_passes([MASKED, CURVE])) - 255 * CURVE(np.array(colours)))

    assert errors.mean() < 0.3
    assert errors.max() < 1.0


def test_the_vignette_comes_last_and_once():
    expected = 255 * follow([MODEL, MATRIX], PIXELS / 255) * (1 - 0.5 * MASK.draw(61, 83)[:, :, None])

    errors = np.abs(drawn_by(point_passes([MODEL, MATRIX], (MASK, 0.5))) - expected)

    assert errors.mean() < 0.3
    assert errors.max() < 0.6


def test_a_vignette_alone_is_a_pass_of_its_own():
    errors = np.abs(drawn_by(point_passes([], (MASK, 0.5))) - PIXELS * (1 - 0.5 * MASK.draw(61, 83)[:, :, None]))

    assert errors.mean() < 0.3
    assert errors.max() < 0.6


@pytest.mark.parametrize("size", [5, 17, 33, 36, 49, 65])
def test_a_table_of_any_size_and_domain_keeps_the_curves_around_it(size):
    low, high = np.array([0.0, 0.1, -0.2]), np.array([1.0, 0.9, 1.3])
    operations = [CURVE, Table(grid=grid(size), low=low, high=high), CURVE]

    errors = errors_of(operations)

    assert errors.mean() < 0.3
    assert errors.max() < (1 if size <= 36 else 4)  # a larger table is sampled, and loses the corners of its clipping


def even(size):
    axis = np.linspace(0, 1, size)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


BEYOND = {
    "gain": lambda size: 1.3 * even(size),
    "gain and offset": lambda size: 1.3 * even(size) - 0.2,
    "random": lambda size: np.random.default_rng(size).uniform(-1, 2, (size, size, size, 3)),
}


@pytest.mark.parametrize("strength", [1.0, 0.37])
@pytest.mark.parametrize("after", [[], [CURVE], [MATRIX, CURVE]])
@pytest.mark.parametrize("size", [2, 17, 33])
@pytest.mark.parametrize("samples", BEYOND.values(), ids=BEYOND)
def test_a_table_whose_vertices_leave_0_to_1_is_clipped_between_them_not_at_them(samples, size, after, strength):
    pixels = np.concatenate([PIXELS.reshape(-1, 3), np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)])[None]
    operations = [Table(grid=samples(size), strength=strength), *after]

    errors = np.abs(drawn_by(point_passes(operations), pixels) - 255 * follow(operations, pixels / 255))

    assert errors.mean() < 0.3
    assert errors.max() < 2


@pytest.mark.parametrize("size", [37, 65, 129])
def test_a_large_table_is_sampled_before_it_is_clipped(size):
    errors = errors_of([Table(grid=1.3 * even(size) - 0.2)])

    assert errors.mean() < 0.3
    assert errors.max() < 0.7


AMOUNT = st.floats(-100, 100, allow_nan=False)
SHARE = st.floats(0, 100, allow_nan=False)
TINTS = st.builds(Tint, colour=st.sampled_from(["red", "blue", "green", "yellow"]), strength=SHARE)
KINDS = {"tint_shadows": TINTS, "tint_highlights": TINTS, "fade": SHARE}
TRAYS = st.fixed_dictionaries({}, optional={name: KINDS.get(name, AMOUNT) for name in POINT_TOOLS})


def tools_of(tray):
    return [operation for name, tool in POINT_TOOLS.items() if name in tray for operation in tool(tray[name])]


@settings(max_examples=40)
@given(TRAYS)
def test_any_tray_of_point_tools_is_one_pass_and_within_rounding(tray):
    operations = tools_of(tray)
    errors, expected = errors_of(operations), 255 * follow(operations, PIXELS / 255)

    assert len(point_passes(operations)) == bool(operations)
    assert errors.mean() < np.abs(np.rint(expected) - expected).mean() + 0.05
    assert errors.max() < 0.9


@settings(max_examples=40)
@given(st.sampled_from([MODEL, BLENDED, TABLE, Table(grid=grid(17), strength=0.5)]), TRAYS)
def test_a_look_and_any_tray_are_one_pass_and_within_rounding_that_steep_tools_may_stretch(look, tray):
    operations = [look, *tools_of(tray)]
    errors = errors_of(operations)

    assert len(point_passes(operations)) == 1
    assert errors.mean() < 0.3
    assert errors.max() < (3 if isinstance(look, Table) else 2)  # thirtyfold, where a table keeps less of a level
