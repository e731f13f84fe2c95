"""A fitted look as the file that `filters.look` reads."""

import json
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.look import CHANNELS, NODES
from scripts.fitting.choose import Choice
from scripts.fitting.model import Fit

DIGITS = 4  # a fortieth of a level
TITLES = {"lofi": "Lo-Fi", "xpro2": "X-Pro II"}  # of looks that are not called as they are written, capitalised


def look_text(name: str, choice: Choice) -> str:
    """The file's text: a line for each row of numbers."""
    data = {
        "title": TITLES.get(name, name.capitalize()),
        "left_out": {photo: round(error, 2) for photo, error in choice.left_out.items()},
        "surface": _rounded(choice.fit.surface) if choice.fit.shape.bends else None,
        "curves": {channel: _curves(choice.fit, result) for result, channel in enumerate(CHANNELS)},
    }
    return re.sub(r"\[\s+([^][]*?)\s+]", _on_one_line, json.dumps(data, indent=1)) + "\n"


def _curves(fit: Fit, result: int) -> dict[str, Any]:
    """By source channel: the values of its curves, those of the own channel with the tone that came in."""
    shape, weights = fit.shape, fit.weights[result]
    own = weights[-NODES * (shape.bends + 1) :].reshape(-1, NODES).copy()
    own[0] += np.linspace(0.0, 1.0, NODES)
    curves = {CHANNELS[result]: [_rounded(values) for values in own]}
    others = [channel for channel in CHANNELS if channel != CHANNELS[result]]
    rest = weights[: -NODES * (shape.bends + 1)]
    if shape.mixing == "lines":
        curves |= {channel: [_rounded(np.array([0.0, slope]))] for channel, slope in zip(others, rest, strict=True)}
    if shape.mixing == "curves":
        halves = zip(others, rest.reshape(2, NODES), strict=True)
        curves |= {channel: [_rounded(values)] for channel, values in halves}
    return {channel: curves[channel] for channel in CHANNELS if channel in curves}


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), DIGITS) + 0.0 for value in values]


def _on_one_line(numbers: re.Match[str]) -> str:
    return "[" + " ".join(numbers[1].split()) + "]"
