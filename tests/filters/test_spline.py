"""Splines against the textbook's system of equations, against polynomials, and what makes a spline natural."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.spline import spline_basis

COUNTS = [2, 3, 4, 9, 17]
TONES = np.linspace(0, 1, 101)

values = st.lists(st.floats(-2, 2), min_size=2, max_size=17).map(np.array)
few = settings(max_examples=60)


def curve(tones, heights):
    return spline_basis(np.asarray(tones, np.float64), len(heights)) @ heights


def textbook(tones, heights):
    """The natural spline from its second derivatives m: m[i-1] + 4 m[i] + m[i+1] = 6 (second difference) / width²."""
    width = 1 / (len(heights) - 1)
    system, right = np.eye(len(heights)), np.zeros(len(heights))
    for i in range(1, len(heights) - 1):
        system[i, i - 1 : i + 2] = 1, 4, 1
        right[i] = 6 * (heights[i - 1] - 2 * heights[i] + heights[i + 1]) / width**2
    m = np.linalg.solve(system, right)
    drawn = []
    for tone in tones:
        i = min(int(tone / width), len(heights) - 2)
        a, b = (i + 1) * width - tone, tone - i * width
        cubic = (m[i] * a**3 + m[i + 1] * b**3) / (6 * width)
        drawn.append(
            cubic + (heights[i] / width - m[i] * width / 6) * a + (heights[i + 1] / width - m[i + 1] * width / 6) * b
        )
    return np.array(drawn)


def noise(count):
    return np.random.default_rng(count).normal(size=count)


@few
@given(heights=values)
def test_a_curve_is_the_natural_spline_of_the_textbook(heights):
    np.testing.assert_allclose(curve(TONES, heights), textbook(TONES, heights), atol=1e-12)


@few
@given(heights=values)
def test_a_curve_goes_through_its_values(heights):
    np.testing.assert_allclose(curve(np.linspace(0, 1, len(heights)), heights), heights, atol=1e-12)


@few
@given(start=st.floats(-2, 2), slope=st.floats(-4, 4), count=st.integers(2, 17))
def test_a_line_stays_a_line_whatever_the_number_of_its_values(start, slope, count):
    heights = start + slope * np.linspace(0, 1, count)

    np.testing.assert_allclose(curve(TONES, heights), start + slope * TONES, atol=1e-12)


def test_two_values_make_a_line():
    np.testing.assert_allclose(curve(TONES, np.array([0.2, 0.9])), 0.2 + 0.7 * TONES, atol=1e-15)


def test_three_values_make_the_two_cubics_known_in_closed_form():
    """Through 0, 1, 0 at 0, 1/2, 1: with x from either end in halves, (3 x - x³) / 2."""
    x = 1 - np.abs(2 * TONES - 1)

    np.testing.assert_allclose(curve(TONES, np.array([0.0, 1.0, 0.0])), (3 * x - x**3) / 2, atol=1e-12)


@pytest.mark.parametrize("count", COUNTS)
def test_what_the_values_count_adds_up_to_one_at_every_tone(count):
    np.testing.assert_allclose(spline_basis(TONES, count).sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("count", COUNTS)
def test_a_curve_of_mirrored_values_is_the_mirrored_curve(count):
    np.testing.assert_allclose(curve(TONES, noise(count)[::-1]), curve(1 - TONES, noise(count)), atol=1e-12)


@pytest.mark.parametrize("count", [3, 4, 9, 17])
def test_neither_height_nor_slope_nor_bend_jumps_at_a_value_and_the_ends_are_straight(count):
    heights, step = noise(count), 1e-4

    def bend(tones):
        return (curve(tones - step, heights) - 2 * curve(tones, heights) + curve(tones + step, heights)) / step**2

    inner = np.linspace(0, 1, count)[1:-1]
    third = 12 * np.abs(heights).max() * count**3  # at least the greatest third derivative
    for apart in (1.5 * step, 3 * step):
        assert np.abs(bend(inner + apart) - bend(inner - apart)).max() < 2 * apart * third
    assert np.abs(bend(np.array([step, 1 - step]))).max() < 2 * step * third


@pytest.mark.parametrize("count", COUNTS)
def test_tones_beyond_black_and_white_count_as_these(count):
    heights = noise(count)

    np.testing.assert_array_equal(curve([-3.0, -1e-9, 1 + 1e-9, 8.0], heights), curve([0, 0, 1, 1], heights))


def test_no_tones_make_an_empty_basis():
    assert spline_basis(np.zeros(0), 9).shape == (0, 9)
