"""The model of a look, and its fit.

A result channel is a sum of curves of the source channels. Curves of its own channel may depend on the place by a
surface t(u, v), one for the look: curve0 + t * curve1 + t² * curve2. For a given surface the curves are a ridge
regression whose penalty is their curvature; for given curves the surface takes Gauss-Newton steps. In turn, they
converge in a few rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filters.look import NODES
from filters.mask import POWERS
from scripts.benches.oracle import SCORED_SIDE
from scripts.fitting.photo import Photo

Numbers = NDArray[np.float64]
Pair = tuple[Photo, Numbers]

ROUNDS = 8
RIDGE = 1e-6
SURFACE_RIDGE = 1e-6
MIXING = ("own", "lines", "curves")  # what other channels add: nothing, a line each, a curve each


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a model has: `mixing`, one of MIXING; `bends`, the highest power of the surface; `smoothness` of curves."""

    mixing: str
    bends: int
    smoothness: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A fitted model."""

    shape: Shape
    surface: Numbers  # (len(POWERS),), coefficients; its values go from 0 to 1
    weights: tuple[Numbers, ...]  # of each result channel's features, of what it adds to the tone that came in

    def tones(self, photo: Photo) -> Numbers:
        """The average tones, (n, 3), that the model makes of a photo's blocks."""
        t = SURFACE @ self.surface
        return np.stack([photo.tones[:, c] + _features(photo, c, self.shape, t) @ self.weights[c] for c in range(3)], 1)


def _surface_basis() -> Numbers:
    """The surface's terms at the blocks' centres, (n, len(POWERS)); u goes across and v down, -1 to 1."""
    place = (np.arange(SCORED_SIDE) + 0.5) / SCORED_SIDE * 2 - 1
    v, u = (axis.reshape(-1) for axis in np.meshgrid(place, place, indexing="ij"))
    return np.stack([u**i * v**j for i, j in POWERS], axis=1)


SURFACE = _surface_basis()
FLAT = np.eye(len(POWERS))[POWERS.index((0, 0))]
ROUND: Numbers = np.eye(len(POWERS))[[POWERS.index((2, 0)), POWERS.index((0, 2))]].sum(axis=0)  # u² + v²


def fit_surface(pairs: Sequence[Pair], bends: int) -> Numbers:
    """The coefficients, (len(POWERS),), of the surface that serves the pairs best; beginning with a round one."""
    shape = Shape(mixing="lines", bends=bends, smoothness=1e-3)
    surface = ROUND
    for _ in range(ROUNDS):
        surface = _scaled(surface)
        fit = Fit(shape=shape, surface=surface, weights=fit_curves(pairs, shape, surface))
        surface = surface + _surface_step(pairs, fit)
    return _scaled(surface)


def _scaled(surface: Numbers) -> Numbers:
    """The same surface from 0 to 1."""
    t = SURFACE @ surface
    scaled: Numbers = surface / (t.max() - t.min())
    scaled[POWERS.index((0, 0))] -= t.min() / (t.max() - t.min())
    return scaled


def fit_curves(pairs: Sequence[Pair], shape: Shape, surface: Numbers) -> tuple[Numbers, ...]:
    """The weights of each result channel's features."""
    t = SURFACE @ surface
    return tuple(_level_ends(_regress(pairs, shape, t, channel), shape) for channel in range(3))


def _level_ends(weights: Numbers, shape: Shape) -> Numbers:
    """The weights with own curves that let neither white fall below light grey nor black rise above dark grey.

    Few pixels of a photo are that light or dark without a colour, so that the ends follow the smoothness alone. It
    holds where t is 0, by the first own curve, and where it is 1, by the second.
    """
    levelled = weights.copy()
    own = levelled[len(weights) - NODES * (shape.bends + 1) :].reshape(-1, NODES)
    others = _others_on_greys(weights[: -own.size], shape)
    for curve, at in zip(own, (own[:1], own), strict=False):
        grey = others + at.sum(axis=0)
        curve[0] -= max(0.0, grey[0] - grey[1])
        curve[-1] += max(0.0, grey[-2] - grey[-1])
    return levelled


def _others_on_greys(weights: Numbers, shape: Shape) -> Numbers:
    """The tones of greys at the nodes, (NODES,), with what the other channels add to them."""
    nodes = np.linspace(0.0, 1.0, NODES)
    added: Numbers = weights.sum() * nodes if shape.mixing == "lines" else weights.reshape(-1, NODES).sum(axis=0)
    return nodes + added


def _regress(pairs: Sequence[Pair], shape: Shape, t: Numbers, channel: int) -> Numbers:
    gram = _penalty(shape) * len(t) * len(pairs)
    moment = np.zeros(len(gram))
    for photo, rendered in pairs:
        features = _features(photo, channel, shape, t)
        gram += features.T @ features
        moment += features.T @ (rendered[:, channel] - photo.tones[:, channel])
    return np.asarray(np.linalg.solve(gram, moment), np.float64)


def _surface_step(pairs: Sequence[Pair], fit: Fit) -> Numbers:
    """The change of the surface's coefficients that Gauss and Newton would make for these curves."""
    t = SURFACE @ fit.surface
    gram, moment = SURFACE_RIDGE * len(t) * len(pairs) * np.eye(len(POWERS)), np.zeros(len(POWERS))
    for photo, rendered in pairs:
        missing = rendered - fit.tones(photo)
        for channel in range(3):
            slopes = SURFACE * _slope(photo, fit, channel, t)[:, None]
            gram += slopes.T @ slopes
            moment += slopes.T @ missing[:, channel]
    return np.asarray(np.linalg.solve(gram, moment), np.float64)


def _slope(photo: Photo, fit: Fit, channel: int, t: Numbers) -> Numbers:
    """How a result channel changes with t, (n,)."""
    curves = fit.weights[channel][-NODES * (fit.shape.bends + 1) :].reshape(-1, NODES)
    return np.asarray(sum(k * t ** (k - 1) * (photo.curves[channel] @ curves[k]) for k in range(1, len(curves))))


def _features(photo: Photo, channel: int, shape: Shape, t: Numbers) -> Numbers:
    """(n, k): what the other channels add, then the own channel's curve times 1, t, t²."""
    own = photo.curves[channel]
    return np.concatenate(
        [*_others(photo, channel, shape.mixing), *(own * (t**k)[:, None] for k in range(shape.bends + 1))], 1
    )


def _others(photo: Photo, channel: int, mixing: str) -> list[Numbers]:
    others = [other for other in range(3) if other != channel]
    if mixing == "curves":
        return [photo.curves[other] for other in others]
    return [photo.tones[:, [other]] for other in others] if mixing == "lines" else []


def _penalty(shape: Shape) -> Numbers:
    """Of the weights: the curvature of each curve, and a little of everything."""
    seconds = np.diff(np.eye(NODES), 2, axis=0)
    mixed = {"own": 0, "lines": 0, "curves": 2}[shape.mixing]
    lines = 2 if shape.mixing == "lines" else 0
    penalty = np.zeros((lines + NODES * (mixed + shape.bends + 1),) * 2)
    for start in range(lines, len(penalty), NODES):
        penalty[start : start + NODES, start : start + NODES] = shape.smoothness * seconds.T @ seconds
    return penalty + RIDGE * np.eye(len(penalty))
