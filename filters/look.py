"""The built-in looks: fitted numbers, one file each in `filters/looks/`, as generalised additive models of renders.

A file has, for each result channel, a curve of each source channel, as its values at equally spaced tones. A curve of
the own channel may come as two or three: what it is, and what the place in the frame adds to it, times t and t². t is a
surface over the frame, from 0 to 1, with a vignette's or a light leak's shape. `scripts/fit-looks` makes the files.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from filters.look_files import look_file
from filters.mask import Field, Mask
from filters.point import Additive, PointOperation
from filters.spline import spline_basis

Numbers = NDArray[np.float64]

CHANNELS = ("red", "green", "blue")
NODES = 9  # values of a curve, at tones 0, 1/8, … 1, a line is given by two; more would fit no unseen photo better


class AnyLook(Protocol):
    """A look, built in or one's own."""

    @property
    def name(self) -> str:
        """What recipes call it."""

    @property
    def title(self) -> str:
        """What people call it."""

    def operations(self, strength: float) -> tuple[PointOperation, ...]:
        """What it does to colours at a strength of 0 to 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """A built-in look."""

    name: str
    title: str
    curves: Numbers  # (bends + 1, NODES, 9): power of t, node, source channel * 3 + result channel
    mask: Mask | None

    def operations(self, strength: float) -> tuple[PointOperation, ...]:
        """The look's model, blended with what comes in by `strength`, 0 to 1."""
        return (Additive(parts=self.parts, strength=strength, mask=self.mask),) if strength else ()

    def parts(self, tones: Numbers, amount: float) -> Numbers:
        """What tones (n,) of each source channel add to each result channel where t is `amount`: (3, 3, n)."""
        values = np.tensordot(amount ** np.arange(len(self.curves)), self.curves, axes=1)
        return (spline_basis(tones, NODES) @ values).T.reshape(3, 3, -1)


@lru_cache
def find_look(name: str) -> Look:
    """The built-in look of this name.

    Raises:
        KeyError: there is none.
    """
    return read_look(name, json.loads(look_file(name).read_text()))


def read_look(name: str, data: Mapping[str, Any]) -> Look:
    """A look of what its file says."""
    surface = data["surface"]
    curves = np.zeros((max(len(data["curves"][channel][channel]) for channel in CHANNELS), NODES, 3, 3))
    for result, channel in enumerate(CHANNELS):
        for source, other in enumerate(CHANNELS):
            for power, values in enumerate(data["curves"][channel].get(other, ())):
                nodes = np.linspace(0.0, 1.0, NODES)
                curves[power, :, source, result] = spline_basis(nodes, len(values)) @ np.asarray(values)
    mask = Mask(shape=Field(coefficients=tuple(surface))) if surface else None
    return Look(name=name, title=data["title"], curves=curves.reshape(len(curves), NODES, 9), mask=mask)
