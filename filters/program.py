"""What a recipe has been compiled to: steps over pixels."""

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from filters.recipe.model import Geometry

Pixels = NDArray[np.uint8]


class Step(Protocol):
    """Pixels in, new pixels out, of the same shape."""

    def apply(self, pixels: Pixels) -> Pixels:
        """The step on (h, w, 3) uint8 RGB; what it is given stays as it is."""


@runtime_checkable
class Automatic(Step, Protocol):
    """A step that looks at the picture as a whole before it acts."""

    def settled(self, pixels: Pixels) -> Self:
        """The step as it acts on this picture, for any other."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A recipe, ready to run over pictures of any size. Geometry is left to whoever reduces the picture."""

    geometry: Geometry = field(default_factory=Geometry)
    steps: tuple[Step, ...] = ()  # once, on the largest picture
    finishing: tuple[Step, ...] = ()  # on every size by itself

    def apply(self, pixels: Pixels) -> Pixels:
        """All that happens once, on (h, w, 3) uint8 RGB; the very same array where there is nothing to do."""
        return reduce(lambda drawn, step: step.apply(drawn), self.steps, pixels)

    def settled(self, pixels: Pixels) -> "Program":
        """The program that does to every picture what it does to this one: a clip whose frames differ does not flicker.

        `pixels` are of the edited frame before any step; a step that is automatic is a recipe's first.
        """
        steps = (step.settled(pixels) if isinstance(step, Automatic) else step for step in self.steps)
        return replace(self, steps=tuple(steps))

    def finish(self, pixels: Pixels) -> Pixels:
        """What depends on the size of what is shown; the very same array where there is nothing to do."""
        return reduce(lambda drawn, step: step.apply(drawn), self.finishing, pixels)
