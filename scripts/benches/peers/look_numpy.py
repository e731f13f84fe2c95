"""The same looks as a person would write them in NumPy: float32, a table look-up a curve, the mask as an array."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from filters.look import find_look
from filters.mask import Mask
from filters.point import Additive
from scripts.benches.peers.serve_looks import serve_looks

Pixels = NDArray[np.uint8]
Tones = NDArray[np.float32]

TONES = np.arange(256) / 255
LEAST = 1e-6  # tones: a smaller part is none


@lru_cache(maxsize=64)
def find(name: str) -> Callable[[Pixels], Pixels]:
    """The look as a function; its curves are drawn before it is timed."""
    (model,) = find_look(name).operations(1.0)
    assert isinstance(model, Additive)  # noqa: S101 - every built-in look is one
    curves = [part.astype(np.float32) for part in powers(model)]
    return lambda pixels: draw(pixels, curves, model.mask)


def powers(model: Additive) -> list[NDArray[np.float64]]:
    """What the mask's amount, its square and nothing are multiplied with: (3, 3, 256) each, source, result, tone."""
    none = model.parts(TONES, 0.0)
    if model.mask is None:
        return [none]
    half, full = model.parts(TONES, 0.5), model.parts(TONES, 1.0)
    square = 2 * (none - 2 * half + full)
    return [none, full - none - square, square]


def draw(pixels: Pixels, curves: list[Tones], mask: Mask | None) -> Pixels:
    """Look every pixel up, and add up what the place adds."""
    sums = added(pixels, curves[0])
    if mask:
        amount = mask.draw(*pixels.shape[:2]).astype(np.float32)[..., None]
        for power, part in enumerate(curves[1:], 1):
            sums += amount**power * added(pixels, part)
    return (np.clip(sums, 0, 1) * 255 + 0.5).astype(np.uint8)


def added(pixels: Pixels, curves: Tones) -> Tones:
    """What the source channels add up to, (h, w, 3); those that add nothing are not looked up."""
    sums = np.zeros(pixels.shape, np.float32)
    for j, c in zip(*np.nonzero(np.abs(curves).max(axis=-1) > LEAST), strict=True):
        sums[..., c] += curves[j, c].take(pixels[..., j])
    return sums


if __name__ == "__main__":
    serve_looks(find, np.ascontiguousarray, np.ascontiguousarray)
