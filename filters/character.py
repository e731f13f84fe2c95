"""What a look does, in words that are measured: for a list a person chooses from."""

from collections.abc import Sequence

import numpy as np

from filters.place import at_place
from filters.point import Colours, PointOperation

LUMA = np.array([0.2126, 0.7152, 0.0722])  # of ITU-R BT.709
GREYS = np.linspace(0.0, 1.0, 33)[:, None].repeat(3, axis=1)
# Every hue, muted and strong, at three heights: what a photo is made of.
COLOURS = np.stack(np.meshgrid(*[[0.25, 0.4, 0.55, 0.7]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def character(operations: Sequence[PointOperation]) -> tuple[str, ...]:
    """Words for what the operations do, the plainest first; none if it is hardly anything.

    Each stands for a measured change of tones, 0 to 1, on greys or on an even set of colours, in the middle of the
    frame; those about corners for how these differ from it.
    """
    changed = at_place(operations, np.concatenate([GREYS, COLOURS]))
    greys, colours = np.split(changed, [len(GREYS)])
    colourful = float(_spread(colours).mean() / _spread(COLOURS).mean())
    luma = greys @ LUMA
    corners = (
        np.mean([at_place(operations, GREYS, down=v, across=u) @ LUMA for v in (0, 1) for u in (0, 1)]) - luma.mean()
    )
    grey = greys[len(greys) // 2]
    words = (
        ("black and white", colourful < 0.05),
        ("muted", 0.05 <= colourful < 0.85),
        ("vivid", colourful > 1.15),
        ("bright", luma.mean() > 0.54),
        ("dark", luma.mean() < 0.46),
        ("strong contrast", _slope(luma) > 1.2),
        ("soft contrast", _slope(luma) < 0.85),
        ("faded blacks", luma[0] > 0.06),
        ("warm", _warmth(greys) > 0.03),
        ("cool", _warmth(greys) < -0.03),
        ("magenta cast", grey[1] - (grey[0] + grey[2]) / 2 < -0.02),
        ("dark corners", corners < -0.1),
        ("bright corners", corners > 0.1),
        ("green cast", grey[1] - (grey[0] + grey[2]) / 2 > 0.02),
    )
    return tuple(word for word, true in words if true)


def _spread(colours: Colours) -> Colours:
    """How far from grey each colour is, (n,)."""
    spread: Colours = np.ptp(colours, axis=-1)
    return spread


def _slope(luma: Colours) -> float:
    """How steep the middle half of the tones is."""
    quarter = len(luma) // 4
    return float((luma[3 * quarter] - luma[quarter]) * 2)


def _warmth(greys: Colours) -> float:
    """How much more red than blue the middle half of the greys has."""
    quarter = len(greys) // 4
    middle = greys[quarter : 3 * quarter + 1]
    return float((middle[:, 0] - middle[:, 2]).mean())
