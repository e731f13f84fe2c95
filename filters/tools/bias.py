"""The one curve that most tools are made of, and the colour cast that two of them are."""

import numpy as np
from numpy.typing import NDArray

Tones = NDArray[np.float64]

LUMA = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue. Source: ITU-R BT.709-6, item 3.2


def bias(tones: Tones, gain: float | Tones) -> Tones:
    """Multiply the odds t / (1 - t) of tones from 0 to 1 by `gain` > 0: t·gain / (1 + t·(gain - 1)).

    Black and white stay. The slope falls or rises steadily from `gain` at black to 1 / `gain` at white; the inverse is
    the bias of 1 / `gain`, two biases are the bias of their product. `gain` broadcasts against the tones.
    Source: C. Schlick, "Fast Alternatives to Perlin's Bias and Gain Functions", Graphics Gems IV, 1994: his b is
    gain / (1 + gain).
    """
    return tones * gain / (1.0 + tones * (gain - 1.0))


def cast(tones: Tones, leaning: Tones, weights: float | Tones = 1.0) -> Tones:
    """Lean each channel of (..., 3) tones by the bias of exp(leaning · weight), less what that adds to a grey's luma.

    `leaning`, (3,), is of red, green and blue; `weights`, a number or like the tones, may depend on each tone alone.
    A channel t becomes bias_c(t) - (Σ LUMA_i · bias_i(t) - t): still a curve of its own tone, and a grey of any tone
    keeps its luma exactly.
    """
    lumas = sum(part * bias(tones, np.exp(weights * lean)) for part, lean in zip(LUMA, leaning, strict=True))
    leaned: Tones = bias(tones, np.exp(weights * leaning)) - (lumas - tones)
    return leaned
