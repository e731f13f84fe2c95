"""The table kernel, and the float64 table it stands for, against interpolation that is done another way."""

import numpy as np
import pytest

from filters.ending import ending
from filters.mask import Mask, Radial
from filters.point import Table
from filters.tetrahedral import table_pass

MASK = Mask(shape=Radial(x=0.4), nodes=((0.1, 0.0), (0.5, 0.4), (1.0, 1.0)))
LEVELS = np.arange(256)[:, None].repeat(3, axis=1) / 255


def lattice(size):
    axis = np.linspace(0, 1, size)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def smooth(colours):
    mixed = colours @ np.array([[0.8, 0.1, 0.0], [0.3, 0.8, 0.1], [-0.1, 0.1, 0.9]])
    return np.clip(mixed + 0.1 * np.sin(4 * colours[..., ::-1]) * colours * (1 - colours), 0, 1)


def noise(height, width):
    return np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8)


def by_six_cases(grid, colour):
    """Kasson's six tetrahedra, written out."""
    at = np.asarray(colour) * (len(grid) - 1)
    cell = np.minimum(at.astype(int), len(grid) - 2)
    r, g, b = at - cell

    def vertex(*step):
        return grid[tuple(cell + step)]

    black, white = vertex(0, 0, 0), vertex(1, 1, 1)
    if r >= g >= b:
        return (1 - r) * black + (r - g) * vertex(1, 0, 0) + (g - b) * vertex(1, 1, 0) + b * white
    if r >= b >= g:
        return (1 - r) * black + (r - b) * vertex(1, 0, 0) + (b - g) * vertex(1, 0, 1) + g * white
    if b >= r >= g:
        return (1 - b) * black + (b - r) * vertex(0, 0, 1) + (r - g) * vertex(1, 0, 1) + g * white
    if g >= r >= b:
        return (1 - g) * black + (g - r) * vertex(0, 1, 0) + (r - b) * vertex(1, 1, 0) + b * white
    if g >= b >= r:
        return (1 - g) * black + (g - b) * vertex(0, 1, 0) + (b - r) * vertex(0, 1, 1) + r * white
    return (1 - b) * black + (b - g) * vertex(0, 0, 1) + (g - r) * vertex(0, 1, 1) + r * white


@pytest.mark.parametrize("size", [2, 5, 33])
def test_the_float64_table_is_the_six_tetrahedra_written_out(size):
    colours = np.concatenate([np.random.default_rng(6).random((200, 3)), lattice(3).reshape(-1, 3)])
    grid = smooth(lattice(size))

    np.testing.assert_allclose(Table(grid=grid)(colours), [by_six_cases(grid, c) for c in colours], atol=1e-12)


def test_a_table_has_its_vertices_and_keeps_its_ends_outside_of_its_domain():
    low, high = np.array([0.1, 0.2, 0.0]), np.array([0.9, 0.8, 1.0])
    table = Table(grid=smooth(lattice(5)), low=low, high=high)

    np.testing.assert_allclose(table(low + lattice(5) * (high - low)), table.grid, atol=1e-12)
    np.testing.assert_allclose(table(np.zeros(3)), table.grid[0, 0, 0])
    np.testing.assert_allclose(table(np.ones(3)), table.grid[-1, -1, -1])


def test_a_table_blends_with_what_came_in():
    colours = np.random.default_rng(6).random((50, 3))
    grid = smooth(lattice(9))

    np.testing.assert_allclose(
        Table(grid=grid, strength=0.3)(colours), 0.7 * colours + 0.3 * Table(grid=grid)(colours), atol=1e-12
    )


@pytest.mark.parametrize("strength", [1.0, 0.37])
@pytest.mark.parametrize("size", [3, 17, 32, 33, 40])
def test_the_kernel_rounds_the_float64_table(size, strength):
    pixels, table = noise(61, 83), Table(grid=smooth(lattice(size)), strength=strength)

    errors = np.abs(table_pass(table.grid, LEVELS, strength=strength).apply(pixels) - 255 * table(pixels / 255))

    assert errors.mean() < 0.3
    assert errors.max() < 0.8


def test_a_curve_in_front_is_as_exact_as_the_table():
    pixels, table = noise(61, 83), Table(grid=smooth(lattice(33)))
    bend = np.array([0.5, 1.0, 2.2])

    errors = np.abs(table_pass(table.grid, LEVELS**bend).apply(pixels) - 255 * table((pixels / 255) ** bend))

    assert errors.mean() < 0.3
    assert errors.max() < 0.6


def test_a_vignette_dims_what_came_out():
    pixels, table = noise(61, 83), Table(grid=smooth(lattice(33)))
    expected = 255 * table(pixels / 255) * (1 - 0.6 * MASK.draw(61, 83)[:, :, None])

    errors = np.abs(table_pass(table.grid, LEVELS, ending=ending(vignette=(MASK, 0.6))).apply(pixels) - expected)

    assert errors.mean() < 0.3
    assert errors.max() < 0.6


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (65, 33), (1, 4097)])
def test_the_identity_changes_no_pixel_at_any_size_or_strength(height, width):
    pixels = noise(height, width)

    for strength in (0.01, 0.5, 1.0):
        drawn = table_pass(lattice(33), LEVELS, strength=strength).apply(pixels)

        np.testing.assert_array_equal(drawn, pixels)


def test_all_tones_of_grey_are_within_the_bound():
    greys = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    table = Table(grid=smooth(lattice(33)))

    assert np.abs(table_pass(table.grid, LEVELS).apply(greys) - 255 * table(greys / 255)).max() < 0.6


def test_a_smooth_ramp_gets_no_step_of_two_levels_that_the_table_has_not():
    ramp = np.rint(np.linspace(0, 255, 4096)).astype(np.uint8)[None, :, None].repeat(3, axis=2)
    table = Table(grid=smooth(lattice(33)))

    steps = np.diff(table_pass(table.grid, LEVELS).apply(ramp).astype(int), axis=1)

    assert np.abs(steps - np.diff(255 * table(ramp / 255), axis=1)).max() < 2


@pytest.mark.parametrize(("low", "high", "most"), [(0, 1, 1.0), (-1, 2, 1.9), (-9, 9, 1.9)])
@pytest.mark.parametrize("size", [2, 5, 17])
def test_however_neighbouring_vertices_differ_it_is_within_its_bound(size, low, high, most):
    pixels, grid = noise(61, 83), np.random.default_rng(7).integers(low, high, (size, size, size, 3), endpoint=True)

    errors = np.abs(table_pass(grid, LEVELS).apply(pixels) - 255 * Table(grid=np.clip(grid, -1.0, 2.0))(pixels / 255))

    assert errors.mean() < 0.3
    assert errors.max() < most


def test_vertices_that_leave_0_to_1_by_rounding_alone_cost_no_exactness():
    grid = smooth(lattice(17))

    point = table_pass(grid * (1 + 2e-5) - 1e-5, LEVELS)

    assert (point.vertex_bits, point.black) == (3, 0)
