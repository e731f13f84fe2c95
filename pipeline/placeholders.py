"""What a client shows until the picture is there: ThumbHash and BlurHash, in a few NumPy lines each.

The published Python packages walk through the pixels one by one: 36 ms for what takes 0.1 ms here.
"""

import base64
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from filters.srgb import light_of, tone_of

BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
BLURHASH_ACROSS, BLURHASH_DOWN = 4, 3  # waves: the format's usual choice


def thumbhash(pixels: NDArray[np.uint8], height: int, width: int) -> str:
    """About 25 bytes in base64, from which a client draws a blurred picture of the right shape.

    `pixels` is (h, w, 3) uint8 RGB, at most 100 by 100, and may be stretched: `height` and `width` give the shape.
    Source: Evan Wallace, ThumbHash's reference implementation, 2023; the case without transparency.
    """
    across, down = _thumbhash_waves(width, height), _thumbhash_waves(height, width)
    red, green, blue = np.ascontiguousarray(np.moveaxis(pixels, 2, 0)) / 255
    light = _Channel((red + green + blue) / 3, max(3, across), max(3, down))
    warm = _Channel((red + green) / 2 - blue, 3, 3)
    rosy = _Channel(red - green, 3, 3)
    landscape = width > height
    head = (
        _round(63 * light.mean)
        | _round(31.5 + 31.5 * warm.mean) << 6
        | _round(31.5 + 31.5 * rosy.mean) << 12
        | _round(31 * light.scale) << 18
    )
    shape = (down if landscape else across) | _round(63 * warm.scale) << 3 | _round(63 * rosy.scale) << 9
    nibbles = [_round(15 * wave) for channel in (light, warm, rosy) for wave in channel.waves]
    packed = bytes(low | high << 4 for low, high in zip(nibbles[::2], [*nibbles[1::2], 0], strict=False))
    return base64.b64encode(
        head.to_bytes(3, "little") + (shape | landscape << 15).to_bytes(2, "little") + packed
    ).decode()


class _Channel:
    """A channel as ThumbHash keeps it: its mean, and its waves from 0 to 1 around 0.5, divided by the largest."""

    def __init__(self, samples: NDArray[np.float64], across: int, down: int) -> None:
        height, width = samples.shape
        waves = cosines(down, height, 0.5) @ samples @ cosines(across, width, 0.5).T / (height * width)
        kept = waves[_kept(across, down)]
        self.mean = float(kept[0])
        self.scale = float(np.abs(kept[1:]).max())
        self.waves = 0.5 + 0.5 * kept[1:] / self.scale if self.scale else kept[1:]


@lru_cache(maxsize=64)
def _kept(across: int, down: int) -> NDArray[np.bool_]:
    """(down, across): the triangle of waves that are not too fine both ways."""
    row, column = np.indices((down, across))
    return np.asarray(column * down < across * (down - row))


def _thumbhash_waves(side: int, other: int) -> int:
    return max(1, _round(7 * side / max(side, other)))


def _round(number: float) -> int:
    return int(number + 0.5)  # as the reference does, up at a half; never negative


@lru_cache(maxsize=256)
def cosines(waves: int, size: int, offset: float) -> NDArray[np.float64]:
    """(waves, size): the cosine waves of 0, 1, 2 ... half periods over `size` samples taken at their `offset`."""
    return np.cos(np.pi / size * np.outer(np.arange(waves), np.arange(size) + offset))


def blurhash(pixels: NDArray[np.uint8]) -> str:
    """28 characters, from which a client draws a blurred picture; 4 waves across, 3 down.

    `pixels` is (h, w, 3) uint8 RGB; it should be small and may be stretched.
    Source: the BlurHash algorithm's description by Wolt, 2018.
    """
    height, width, _ = pixels.shape
    light = _light()[pixels]
    across, down = cosines(BLURHASH_ACROSS, width, 0.0), cosines(BLURHASH_DOWN, height, 0.0)
    rows = (down @ light.reshape(height, -1)).reshape(BLURHASH_DOWN, width, 3)
    waves = (across @ rows).reshape(-1, 3) / (height * width)
    others = 2 * waves[1:]
    largest = int(np.clip(np.abs(others).max() * 166 - 0.5, 0, 82))
    signed = np.sign(others) * np.sqrt(np.abs(others) / ((largest + 1) / 166))
    steps = np.clip(np.floor(signed * 9 + 9.5), 0, 18).astype(int)
    flag = BLURHASH_ACROSS - 1 + 9 * (BLURHASH_DOWN - 1)
    mean = int.from_bytes(_tone(waves[0]).tobytes(), "big")
    return (
        _base83(flag, 1)
        + _base83(largest, 1)
        + _base83(mean, 4)
        + "".join(_base83(int(step), 2) for step in steps @ (361, 19, 1))
    )


@lru_cache(maxsize=1)
def _light() -> NDArray[np.float64]:
    """The light of each sRGB byte."""
    return light_of(np.arange(256) / 255)


def _tone(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The sRGB byte of light from 0 to 1."""
    return (tone_of(np.clip(light, 0, 1)) * 255 + 0.5).astype(np.uint8)


def _base83(number: int, digits: int) -> str:
    return "".join(BASE83[number // 83**place % 83] for place in reversed(range(digits)))
