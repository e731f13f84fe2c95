"""What an ICC profile says: its colour space, its name, and its curves and matrix if it is made of those.

Source: ICC.1:2022 (profile version 4.4), with the textDescription type of ICC.1:2001-04 (version 2).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = 128  # bytes, then the tag count, then 12 bytes a tag
_CHANNELS = ("r", "g", "b")


class UnreadableProfileError(Exception):
    """The profile is broken, or a tag of it is; the message says which."""


@dataclass(frozen=True, kw_only=True)
class MatrixProfile:
    """An RGB profile that is one curve a channel, then a matrix.

    `curves` is (3, 256) float64: the light, 0 to 1, of each byte of red, green and blue. `matrix` is (3, 3) float64:
    from that light to XYZ at the D50 white point.
    """

    curves: NDArray[np.float64]
    matrix: NDArray[np.float64]


def colour_space(profile: bytes) -> str:
    """The space of the pixels that the profile is for: RGB, GRAY, CMYK, Lab; empty if it is no profile."""
    return profile[16:20].decode("ascii", "replace").strip() if profile[36:40] == b"acsp" else ""


def name(profile: bytes) -> str:
    """The profile's own description: printable, at most 64 characters, empty if it has none.

    Raises:
        UnreadableProfileError: it is no profile, or its description is broken.
    """
    body = _tags(profile).get("desc", b"")
    if body[:4] == b"mluc":
        length, offset = _unpack(">II", body, 20)  # of the first language
        text = body[offset : offset + length].decode("utf-16-be", "replace")
    else:
        text = body[12 : 12 + _unpack(">I", body, 8)[0]].decode("latin-1") if body else ""
    return "".join(letter for letter in text.split("\0")[0] if letter.isprintable()).strip()[:64]


def matrix_profile(profile: bytes) -> MatrixProfile | None:
    """The curves and the matrix of an RGB profile; None if it is described by tables, or is not of RGB.

    Raises:
        UnreadableProfileError: it is broken.
    """
    tags = _tags(profile)
    needed = {f"{channel}{part}" for channel in _CHANNELS for part in ("XYZ", "TRC")}
    has_tables = any(tag.startswith("A2B") for tag in tags)
    if colour_space(profile) != "RGB" or profile[20:24] != b"XYZ " or has_tables or not needed <= tags.keys():
        return None
    return MatrixProfile(
        curves=np.stack([_curve(tags[f"{channel}TRC"]) for channel in _CHANNELS]),
        matrix=np.stack([_xyz(tags[f"{channel}XYZ"]) for channel in _CHANNELS], axis=1),
    )


def _tags(profile: bytes) -> dict[str, bytes]:
    if profile[36:40] != b"acsp":
        raise UnreadableProfileError("it lacks the signature acsp")
    (count,) = _unpack(">I", profile, _HEADER)
    if count > (len(profile) - _HEADER) // 12:
        raise UnreadableProfileError(f"its {count} tags do not fit in {len(profile)} bytes")
    entries = (_unpack(">4sII", profile, _HEADER + 4 + 12 * i) for i in range(count))
    return {key.decode("latin-1"): profile[offset : offset + size] for key, offset, size in entries}


def _unpack(layout: str, body: bytes, offset: int) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(layout, body, offset)
    except struct.error as error:
        raise UnreadableProfileError(f"a tag of {len(body)} bytes is cut short") from error


def _xyz(body: bytes) -> NDArray[np.float64]:
    """An XYZType tag: three s15Fixed16 numbers."""
    return np.array(_unpack(">iii", body, 8)) / 65536


def _curve(body: bytes) -> NDArray[np.float64]:
    """A curve's light, 0 to 1, for each of the 256 bytes."""
    tone = np.arange(256) / 255
    if body[:4] == b"curv":
        return _sampled(body, tone)
    if body[:4] == b"para":
        return np.clip(_parametric(body, tone), 0, 1)
    raise UnreadableProfileError(f"a curve of type {body[:4]!r}")


def _sampled(body: bytes, tone: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curveType tag: nothing (identity), one u8Fixed8 exponent, or samples between which to interpolate."""
    (count,) = _unpack(">I", body, 8)
    if count == 0:
        return tone
    if count == 1:
        return np.asarray(tone ** (_unpack(">H", body, 12)[0] / 256))
    if len(body) < 12 + 2 * count:
        raise UnreadableProfileError(f"a curve of {count} samples is cut short")
    samples = np.frombuffer(body, ">u2", count, 12) / 65535
    return np.interp(tone, np.linspace(0, 1, count), samples)


def _parametric(body: bytes, tone: NDArray[np.float64]) -> NDArray[np.float64]:
    """A parametricCurveType tag, functions 0 to 4, all as function 4 with the missing parameters filled in."""
    (function,) = _unpack(">H", body, 8)
    if function > 4:
        raise UnreadableProfileError(f"a parametric curve of function {function}")
    given = [number / 65536 for number in _unpack(f">{(1, 3, 4, 5, 7)[function]}i", body, 12)]
    gamma, a, b, c, d, e, f = _as_function_4(function, given)
    with np.errstate(over="ignore", divide="ignore"):  # an absurd exponent ends at the clip
        power = np.maximum(a * tone + b, 0) ** gamma + e
    return np.asarray(np.where(tone >= d, power, c * tone + f))


def _as_function_4(function: int, given: Sequence[float]) -> tuple[float, ...]:
    """The parameters g a b c d e f of Y = (aX + b)^g + e from X = d on, and cX + f below.

    Source: ICC.1:2022, table 68.
    """
    gamma, a, b = given[:3] if function > 0 else (given[0], 1.0, 0.0)
    if function < 3:
        floor = given[3] if function == 2 else 0.0
        return gamma, a, b, 0.0, -b / a if a else 0.0, floor, floor
    e, f = given[5:] if function == 4 else (0.0, 0.0)
    return gamma, a, b, given[3], given[4], e, f
