"""Curves through a few values: natural cubic splines over equally spaced tones, of which two values make a line."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def spline_basis(tones: Numbers, nodes: int) -> Numbers:
    """How much each of `nodes` values, at tones 0 to 1, counts at each tone (n,), 0 to 1: (n, nodes).

    A curve is `spline_basis(tones, len(values)) @ values`: linear in its values, smooth to the second derivative.
    Source: C. de Boor, "A Practical Guide to Splines", 1978, chapter IV, with the natural end condition.
    """
    cells = nodes - 1
    position = np.clip(tones, 0.0, 1.0) * cells
    left = np.minimum(position.astype(np.int64), cells - 1)
    share = position - left
    bends = _bends(nodes)
    basis: Numbers = ((1 - share) ** 3 - (1 - share))[:, None] * bends[left] + (share**3 - share)[:, None] * bends[
        left + 1
    ]
    rows = np.arange(len(tones))
    basis[rows, left] += 1 - share
    basis[rows, left + 1] += share
    return basis


@lru_cache
def _bends(nodes: int) -> Numbers:
    """A sixth of the second derivative at each node, from the nodes' values: (nodes, nodes)."""
    inner = nodes - 2
    if inner < 1:
        return np.zeros((nodes, nodes))
    seconds = np.diff(np.eye(nodes), 2, axis=0)  # (inner, nodes)
    ties = 4 * np.eye(inner) + np.eye(inner, k=1) + np.eye(inner, k=-1)
    return np.vstack([np.zeros(nodes), np.linalg.solve(ties, seconds), np.zeros(nodes)])
