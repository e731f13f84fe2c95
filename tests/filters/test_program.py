"""A program runs its steps in order, and gives back the very same pixels where there are none."""

from dataclasses import dataclass

import numpy as np

from filters.program import Program


@dataclass(frozen=True, kw_only=True)
class Double:
    """v -> 2v."""

    def apply(self, pixels):
        return pixels * np.uint8(2)


@dataclass(frozen=True, kw_only=True)
class Add:
    """v -> v + more."""

    more: int

    def apply(self, pixels):
        return pixels + np.uint8(self.more)


@dataclass(frozen=True, kw_only=True)
class Level:
    """v -> v + the least of the picture, or of the one that settled it."""

    least: int | None = None

    def apply(self, pixels):
        return pixels + np.uint8(pixels.min() if self.least is None else self.least)

    def settled(self, pixels):
        return Level(least=int(pixels.min()))


PIXELS = np.arange(105, dtype=np.uint8).reshape(5, 7, 3)


def test_steps_run_in_order():
    program = Program(steps=(Add(more=3), Double()), finishing=(Double(), Add(more=1)))

    np.testing.assert_array_equal(program.apply(PIXELS), (PIXELS + 3) * 2)
    np.testing.assert_array_equal(program.finish(PIXELS), PIXELS * 2 + 1)


def test_a_program_without_steps_gives_the_very_same_array():
    assert Program().apply(PIXELS) is PIXELS
    assert Program().finish(PIXELS) is PIXELS


def test_a_settled_program_does_to_every_picture_what_it_does_to_one():
    program = Program(steps=(Level(), Add(more=1)), finishing=(Double(),))
    settled = program.settled(PIXELS + 10)

    np.testing.assert_array_equal(settled.apply(PIXELS + 10), program.apply(PIXELS + 10))
    np.testing.assert_array_equal(settled.apply(PIXELS + 20), PIXELS + 31)
    np.testing.assert_array_equal(settled.finish(PIXELS), PIXELS * 2)
