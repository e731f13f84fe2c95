"""What a recipe has been compiled to: steps over pixels."""

from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from filters.recipe.model import Geometry

Pixels = NDArray[np.uint8]


class Step(Protocol):
    """Pixels in, new pixels out, of the same shape."""

    def apply(self, pixels: Pixels) -> Pixels:
        """The step on (h, w, 3) uint8 RGB; what it is given stays as it is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A recipe, ready to run over pictures of any size. Geometry is left to whoever reduces the picture."""

    geometry: Geometry = field(default_factory=Geometry)
    steps: tuple[Step, ...] = ()  # once, on the largest picture
    finishing: tuple[Step, ...] = ()  # on every size by itself

    def apply(self, pixels: Pixels) -> Pixels:
        """All that happens once, on (h, w, 3) uint8 RGB; the very same array where there is nothing to do."""
        return reduce(lambda drawn, step: step.apply(drawn), self.steps, pixels)

    def finish(self, pixels: Pixels) -> Pixels:
        """What depends on the size of what is shown; the very same array where there is nothing to do."""
        return reduce(lambda drawn, step: step.apply(drawn), self.finishing, pixels)
