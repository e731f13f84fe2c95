"""Words for a look: each where a plain operation earns it, and not where nothing does."""

import numpy as np
import pytest

from filters.character import character
from filters.mask import Mask, Radial
from filters.point import Additive, Curves, Matrix

LUMA = np.array([0.2126, 0.7152, 0.0722])


def mixed(saturation):
    return Matrix(weights=saturation * np.eye(3) + (1 - saturation) * LUMA[None, :].repeat(3, axis=0))


def curves(of):
    return Curves(of=of)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (mixed(1.0), ()),
        (mixed(0.0), ("black and white",)),
        (mixed(0.6), ("muted",)),
        (mixed(1.4), ("vivid",)),
        (curves(lambda tones: tones**0.7), ("bright",)),
        (curves(lambda tones: tones**1.6), ("dark",)),
        (curves(lambda tones: (tones - 0.5) * 0.7 + 0.5), ("muted", "soft contrast", "faded blacks")),
        (curves(lambda tones: tones + np.array([0.04, 0, -0.04])), ("warm",)),
        (curves(lambda tones: tones + np.array([-0.04, 0, 0.04])), ("cool",)),
        (curves(lambda tones: tones * [1, 0.92, 1]), ("magenta cast",)),
        (curves(lambda tones: tones * [0.93, 1, 0.93]), ("green cast",)),
    ],
)
def test_each_word_is_earned_by_the_operation_it_names(operation, words):
    assert set(words) <= set(character([operation]))
    assert len(character([operation])) <= len(words) + 1


@pytest.mark.parametrize(("change", "word"), [(-0.5, "dark corners"), (0.5, "bright corners")])
def test_corners_that_differ_from_the_middle_are_told(change, word):
    shape = Additive(
        parts=lambda tones, amount: np.eye(3)[..., None] * tones * (1 + change * amount), mask=Mask(shape=Radial())
    )

    assert character([shape]) == (word,)


def test_nothing_has_no_character():
    assert character([]) == ()


def test_operations_are_seen_as_one():
    assert character([mixed(0.6), mixed(1 / 0.6)]) == ()
