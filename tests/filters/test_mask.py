"""Masks: shapes that follow the frame, and the steps by which kernels find a pixel's amount."""

import numpy as np
import pytest

from filters.mask import POSITIONS, Linear, Mask, Radial

SHAPES = [
    Radial(),
    Radial(x=0.2, y=0.9, reach=1.3),
    Radial(x=-0.3, y=1.4, reach=0.2),
    Linear(),
    Linear(start=0.8, across=-0.7, down=-0.4),
    Linear(start=-1.0, across=2.0, down=0.0),
    Linear(start=0.5, across=0.0, down=0.0),
]
FRAMES = [(1, 1), (5, 7), (7, 5), (1, 300), (135, 108)]


def test_a_radial_mask_is_one_in_the_corners_and_a_half_in_the_middle_of_each_side_whatever_the_aspect_ratio():
    for height, width in ((401, 401), (401, 1001), (1001, 401)):
        down, across = Radial().ramps(height, width)
        q = down[:, None] + across[None, :]

        np.testing.assert_allclose([q[0, 0], q[0, -1], q[-1, 0]], 1.0, atol=0.01)
        np.testing.assert_allclose([q[0, width // 2], q[height // 2, 0]], 0.5, atol=0.01)
        assert q[height // 2, width // 2] == pytest.approx(0, abs=1e-12)


def test_the_same_place_in_the_frame_has_the_same_amount_at_every_size():
    mask = Mask(shape=Radial(x=0.3), nodes=((0.1, 0.0), (0.9, 1.0)))

    small, large = mask.draw(10, 14), mask.draw(30, 42)

    np.testing.assert_allclose(small, large[1::3, 1::3], atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("height", "width"), FRAMES)
def test_the_steps_lead_to_the_amount_that_is_drawn(shape, height, width):
    mask = Mask(shape=shape, nodes=((-0.5, 0.0), (0.4, 0.3), (1.5, 1.0)))
    down, across = mask.steps(height, width)
    steps = down[:, None] + across[None, :]
    low, high = shape.span()

    assert steps.max() <= POSITIONS + 1
    np.testing.assert_allclose(mask.profile()[steps], mask.draw(height, width), atol=1.1 * (high - low) / POSITIONS)


def test_beyond_its_nodes_a_mask_stays_as_it_is_at_the_ends():
    mask = Mask(shape=Radial(), nodes=((0.4, 0.2), (0.6, 0.7)))

    np.testing.assert_array_equal(mask.amount(np.array([-9.0, 0.4, 0.5, 0.6, 9.0])), [0.2, 0.2, 0.45, 0.7, 0.7])
