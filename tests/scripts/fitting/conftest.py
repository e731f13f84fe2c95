"""Looks whose truth is known: curves, lines between channels, a surface over the frame; and photos made by code."""

from dataclasses import dataclass

import numpy as np
import pytest

MIXED = np.array([[0.0, 0.06, -0.04], [0.05, 0.0, 0.03], [-0.03, 0.07, 0.0]])  # result, source


@dataclass(frozen=True)
class Truth:
    """How photos are made and rendered."""

    @staticmethod
    def photo(seed, side=300):
        """(side, side, 3) uint8: patches of colour and gradients, with noise that no average of pixels shows."""
        random = np.random.default_rng(seed)
        y, x = np.mgrid[:side, :side] / side
        cell = np.ones((side // 10, side // 10, 1))
        patches = np.kron(random.uniform(0.05, 0.95, (10, 10, 3)), cell)
        chosen = np.kron(random.random((10, 10, 1)) < 0.5, cell) > 0
        tones = np.where(chosen, patches, np.stack([x, y, 1 - x], axis=-1))
        return levels(tones + random.normal(0, 0.12, tones.shape))

    @staticmethod
    def surface(height, width):
        """(height, width): a vignette whose middle is right of and above the frame's, from 0 to 1."""
        u, v = 2 * centres(width) - 1, 2 * centres(height)[:, None] - 1
        return ((u - 0.2) ** 2 + 0.8 * (v + 0.1) ** 2) / 2.408

    @classmethod
    def vignetted(cls, photo):
        """A look with everything: none of its curves is a spline."""
        tones, t = photo / 255, cls.surface(*photo.shape[:2])[:, :, None]
        curved = 0.08 + 0.8 * tones ** [0.8, 1.0, 1.2] + 0.05 * np.sin(5 * tones)
        return levels(curved + tones @ MIXED.T - t * (0.1 + 0.35 * tones ** [1.0, 1.3, 0.9]))

    @staticmethod
    def curved(photo):
        """A look with a curve for each channel and nothing else."""
        return levels(0.1 + 0.8 * (photo / 255) ** [1.3, 1.1, 0.8])


def levels(tones):
    return np.rint(255 * np.clip(tones, 0, 1)).astype(np.uint8)


def centres(size):
    return (np.arange(size) + 0.5) / size


@pytest.fixture(scope="session")
def truth():
    return Truth
