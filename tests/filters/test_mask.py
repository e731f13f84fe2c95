"""Masks: shapes that follow the frame, and the steps by which kernels find a pixel's amount."""

import numpy as np
import pytest

from filters.line import place_line
from filters.mask import POSITIONS, POWERS, Field, Mask, Radial, columns

WAVES = Field(coefficients=tuple(0.3 * np.cos(np.arange(len(POWERS)))))
RAMP = Field(coefficients=tuple({(0, 0): 0.25, (1, 0): -0.35, (0, 1): -0.2}.get(powers, 0.0) for powers in POWERS))
EVERYWHERE = Field(coefficients=tuple({(0, 0): 0.5}.get(powers, 0.0) for powers in POWERS))
SHAPES = [
    Radial(),
    Radial(x=0.2, y=0.9, reach=1.3),
    Radial(x=-0.3, y=1.4, reach=0.2),
    RAMP,
    EVERYWHERE,
    WAVES,
]
FRAMES = [(1, 1), (5, 7), (7, 5), (1, 300), (135, 108)]
AS_IT_IS = ((-100.0, 0.0), (100.0, 1.0))  # amounts from which a position can be told


def positions(shape, height, width):
    return 200 * Mask(shape=shape, nodes=AS_IT_IS).draw(height, width) - 100


def test_a_radial_shape_is_one_in_the_corners_and_a_half_in_the_middle_of_each_side_whatever_the_aspect_ratio():
    for height, width in ((401, 401), (401, 1001), (1001, 401)):
        q = positions(Radial(), height, width)

        np.testing.assert_allclose([q[0, 0], q[0, -1], q[-1, 0], q[-1, -1]], 1.0, atol=0.01)
        np.testing.assert_allclose([q[0, width // 2], q[height // 2, 0]], 0.5, atol=0.01)
        assert q[height // 2, width // 2] == pytest.approx(0, abs=1e-12)


def test_a_radial_shape_is_the_squared_distance_from_its_centre():
    x, y = (np.arange(7) + 0.5) / 7, (np.arange(5)[:, None] + 0.5) / 5

    np.testing.assert_allclose(
        positions(Radial(x=0.2, y=0.9, reach=1.3), 5, 7), ((x - 0.2) ** 2 + (y - 0.9) ** 2) / 1.3, atol=1e-12
    )


def test_a_field_is_its_polynomial():
    u, v = (np.arange(7) - 3) / 3.5, (np.arange(5)[:, None] - 2) / 2.5
    expected = sum(c * u**i * v**j for c, (i, j) in zip(WAVES.coefficients, POWERS, strict=True))

    np.testing.assert_allclose(positions(WAVES, 5, 7), expected, atol=1e-12)


def test_powers_are_all_of_degree_four_and_less():
    assert sorted(POWERS) == sorted((i, j) for i in range(5) for j in range(5) if i + j <= 4)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_place_in_the_frame_has_the_same_amount_at_every_size(shape):
    mask = Mask(shape=shape, nodes=((0.1, 0.0), (0.9, 1.0)))

    np.testing.assert_allclose(mask.draw(10, 14), mask.draw(30, 42)[1::3, 1::3], atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("height", "width"), FRAMES)
def test_a_line_of_steps_leads_to_the_amounts_that_are_drawn(shape, height, width):
    mask = Mask(shape=shape, nodes=((-0.5, 0.1), (0.4, 0.3), (1.5, 1.0)))
    steps = np.empty((height, width), np.int32)

    for row, line in zip(mask.rows(height), steps, strict=True):
        place_line(row, columns(width), line)

    steepest = 0.7 / 1.1 * 2.0 / POSITIONS  # of the profile, by one step
    np.testing.assert_allclose(mask.profile()[steps], mask.draw(height, width), atol=steepest)


def test_beyond_its_nodes_a_mask_stays_as_it_is_at_the_ends():
    mask = Mask(shape=Radial(), nodes=((0.4, 0.2), (0.6, 0.7)))

    np.testing.assert_array_equal(mask.amount(np.array([-9.0, 0.4, 0.5, 0.6, 9.0])), [0.2, 0.2, 0.45, 0.7, 0.7])
