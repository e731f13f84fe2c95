"""Which model a look gets: the simplest of those that do best on a photo that they have not seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from scripts.benches.ciede2000 import ciede2000, lab_of
from scripts.fitting.model import FLAT, MIXING, Fit, Pair, Shape, fit_curves, fit_surface

Numbers = NDArray[np.float64]

BENDS = (0, 1, 2)
SMOOTHNESS = (1e-2, 1e-3, 1e-4, 1e-5)
SHAPES = tuple(  # the simplest first
    Shape(mixing=mixing, bends=bends, smoothness=smoothness)
    for bends, mixing, smoothness in product(BENDS, MIXING, SMOOTHNESS)
)
TOLERANCE = 1.01  # a simpler model may be that much worse than the best one


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """A look's model, fitted to all photos, and how models of its shape did on each photo that was left out."""

    fit: Fit
    left_out: Mapping[str, float]  # mean CIEDE2000 by photo
    fitted: Mapping[str, float]  # the same of the model that has seen them all


def choose(pairs: Mapping[str, Pair]) -> Choice:
    """The best model of a look that is given by at least two photos with their renders, by the photos' names."""
    errors = {photo: leave_out(pairs, photo) for photo in pairs}
    means = {shape: float(np.mean([errors[photo][shape] for photo in pairs])) for shape in SHAPES}
    shape = next(shape for shape in SHAPES if means[shape] <= TOLERANCE * min(means.values()))
    fit = fit_all(list(pairs.values()), [shape])[shape]
    return Choice(
        fit=fit,
        left_out={photo: errors[photo][shape] for photo in pairs},
        fitted={photo: error(fit, pair) for photo, pair in pairs.items()},
    )


def leave_out(pairs: Mapping[str, Pair], photo: str) -> dict[Shape, float]:
    """The error on a photo of models of every shape that were fitted to the others."""
    fits = fit_all([pair for name, pair in pairs.items() if name != photo], SHAPES)
    return {shape: error(fit, pairs[photo]) for shape, fit in fits.items()}


def fit_all(pairs: list[Pair], shapes: list[Shape] | tuple[Shape, ...]) -> dict[Shape, Fit]:
    """A model of each shape; those with as many bends share a surface."""
    surfaces = {bends: fit_surface(pairs, bends) if bends else FLAT for bends in {shape.bends for shape in shapes}}
    return {
        shape: Fit(
            shape=shape,
            surface=surfaces[shape.bends],
            weights=fit_curves(pairs, shape, surfaces[shape.bends]),
        )
        for shape in shapes
    }


def error(fit: Fit, pair: Pair) -> float:
    """Mean CIEDE2000 of what a model makes of a photo's blocks."""
    photo, rendered = pair
    made, wanted = (np.rint(np.clip(tones, 0, 1) * 255).astype(np.uint8) for tones in (fit.tones(photo), rendered))
    return float(ciede2000(lab_of(made), lab_of(wanted)).mean())
