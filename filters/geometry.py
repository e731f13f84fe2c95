"""Geometry of a recipe as a plan: how large the edited frame is, and where each of its pixels lies in the original.

Everything composes into one map, so that the picture is resampled once however much was done to it. Turning and
mirroring are EXIF's eight orientations, and cost nothing; with a crop they are a box of the stored picture for
`filters.resample`. What bends the axes, straightening and perspective, is a homography for `filters.warp`.

Positions are shares, (x, y) from 0 to 1, or pixels, whose centres are whole numbers; a point is a column (x, y, 1).
"""

from functools import lru_cache, reduce
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from filters.recipe.model import Crop, Geometry
from filters.resample import FLIPPED, MIRRORED, TRANSPOSED, Box, Pixels, resample
from filters.warp import warp

Homography = NDArray[np.float64]  # (3, 3)
Edges = tuple[float, float]

ROTATIONS = {0: 1, 90: 6, 180: 3, 270: 8}  # degrees clockwise, as EXIF's orientations
FLIPS = {"none": 1, "horizontal": 2, "vertical": 4, "both": 3}
FAR_EDGE = 0.7  # what a perspective of 100 leaves of the far edge's length, where the near edge's is 1
LEAST_PART = 0.01  # of a pixel: no crop is emptier
KEYSTONE = (1 - FAR_EDGE) / (1 + FAR_EDGE)  # 1 + KEYSTONE and 1 - KEYSTONE are the distances of the two edges


def reframe(pixels: Pixels, height: int, width: int, geometry: Geometry, *, orientation: int = 1) -> Pixels:
    """Draw the edited frame at `height` by `width` pixels; more than `edited_size` of the picture would enlarge it.

    `pixels` is (h, w, 3) uint8, C-contiguous, as stored and perhaps reduced; `orientation` is EXIF's 1-8, 1 for
    upright; the result is (height, width, 3) uint8. Where nothing is bent and nothing reduced, every pixel is as it
    was: a crop then takes the pixels nearest to its edges.
    """
    stored = pixels.shape[0], pixels.shape[1]
    if bends(geometry):
        return warp(pixels, height, width, homography(stored, (height, width), geometry, orientation))
    box = None if geometry.crop == Crop() else crop_box(stored, (height, width), geometry, orientation)
    return resample(pixels, height, width, orientation=combined(orientation, geometry), box=box)


def edited_size(height: int, width: int, geometry: Geometry) -> tuple[int, int]:
    """Height and width of the edited frame in pixels of the original, whose upright size is given. At least 1x1.

    Where perspective makes one side larger than the other, it is the size of the middle that counts.
    """
    height, width = _turned_size(height, width, ROTATIONS[geometry.rotate])
    share, crop = kept_share(height, width, geometry), geometry.crop
    top, bottom = _pixel_edges(crop.top, crop.height, max(1, round(height * share)))
    left, right = _pixel_edges(crop.left, crop.width, max(1, round(width * share)))
    return bottom - top, right - left


def bends(geometry: Geometry) -> bool:
    """Whether rows and columns of the original do not stay rows and columns."""
    return bool(geometry.straighten or geometry.perspective_horizontal or geometry.perspective_vertical)


def combined(orientation: int, geometry: Geometry) -> int:
    """The orientation that does what EXIF's, the recipe's rotation and its flip do one after the other."""
    return _both(_both(orientation, ROTATIONS[geometry.rotate]), FLIPS[geometry.flip])


@lru_cache(maxsize=64)  # all there are
def _both(first: int, second: int) -> int:
    steps = _unturn(first) @ _unturn(second)
    return next(code for code in range(1, 9) if np.array_equal(_unturn(code), steps))


def kept_share(height: int, width: int, geometry: Geometry) -> float:
    """The side of the largest centred frame of the picture's proportions without an empty corner, as a share of it.

    A frame is inside of a convex picture when its corners are. The corner a, in half sides from the centre and turned
    by the angle, comes from s·a / (1 - s·(k, a)), k being the keystone. That no coordinate of it is over 1 means
    s · (max(|a_x|, |a_y|) + (k, a)) <= 1. Without keystone it is the formula for a rotated rectangle.
    Source: R. Hartley, A. Zisserman, "Multiple View Geometry", 2nd ed., 2.3 (homographies keep lines).
    """
    turn = _straightening(height, width, geometry.straighten)[:2, :2]
    corners = turn @ np.array([[-1.0, 1.0, -1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]])
    return float(1 / (np.abs(corners).max(axis=0) + _keystone(geometry) @ corners).max())


def homography(stored: tuple[int, int], drawn: tuple[int, int], geometry: Geometry, orientation: int) -> Homography:
    """From pixels of the edited frame, `drawn` being its height and width, to those of the `stored` picture."""
    height, width = _turned_size(*stored, combined(orientation, geometry))
    crop, half = geometry.crop, 2 * kept_share(height, width, geometry)
    tilt = np.eye(3)
    tilt[2, :2] = -_keystone(geometry)
    steps = (  # the last first, as matrices go
        _moved(-0.5, -0.5) @ _scaled(stored[1], stored[0]),  # shares of the stored picture to its pixels
        _unturn(combined(orientation, geometry)),
        _moved(0.5, 0.5) @ _scaled(0.5, 0.5),  # half sides of the turned picture to shares of it
        tilt,
        _straightening(height, width, geometry.straighten),
        _scaled(half, half) @ _moved(-0.5, -0.5),  # shares of the kept frame to half sides of the turned picture
        _moved(crop.left, crop.top) @ _scaled(crop.width, crop.height),
        _scaled(1 / drawn[1], 1 / drawn[0]) @ _moved(0.5, 0.5),  # drawn pixels to shares of the crop
    )
    return reduce(np.matmul, steps)


def crop_box(stored: tuple[int, int], drawn: tuple[int, int], geometry: Geometry, orientation: int) -> Box:
    """The crop in pixels of the `stored` picture: whole ones where it is `drawn` at their number, else exact edges."""
    code, crop = combined(orientation, geometry), geometry.crop
    height, width = _turned_size(*stored, code)
    vertical, horizontal = _pixel_edges(crop.top, crop.height, height), _pixel_edges(crop.left, crop.width, width)
    if (vertical[1] - vertical[0], horizontal[1] - horizontal[0]) == drawn:
        return _stored_box(vertical, horizontal, stored, code)
    exact = _exact_edges(crop.top, crop.height, height), _exact_edges(crop.left, crop.width, width)
    return _stored_box(*exact, stored, code)


def _stored_box(vertical: Edges, horizontal: Edges, stored: tuple[int, int], code: int) -> Box:
    """Where a box between edges of the turned picture lies in the stored one."""
    rows, columns = (horizontal, vertical) if code in TRANSPOSED else (vertical, horizontal)
    return Box(
        top=max(0.0, stored[0] - rows[1]) if code in FLIPPED else rows[0],
        left=max(0.0, stored[1] - columns[1]) if code in MIRRORED else columns[0],
        height=rows[1] - rows[0],
        width=columns[1] - columns[0],
    )


def _pixel_edges(start: float, share: float, size: int) -> tuple[int, int]:
    """The whole pixels that a part of a side keeps, at least one: the first, and the one after the last."""
    first = min(round(start * size), size - 1)
    return first, max(first + 1, min(size, round((start + share) * size)))


def _exact_edges(start: float, share: float, size: int) -> Edges:
    """A part's edges in pixels, to a millionth, so that whole ones stay whole whatever they were computed with."""
    first = min(round(start * size, 6), size - LEAST_PART)
    return first, max(first + LEAST_PART, round(min(1.0, start + share) * size, 6))


def _turned_size(height: int, width: int, code: int) -> tuple[int, int]:
    return (width, height) if code in TRANSPOSED else (height, width)


def _unturn(code: int) -> Homography:
    """From shares of the picture turned by an EXIF orientation to shares of the picture before."""
    matrix = np.eye(3)
    if code in TRANSPOSED:
        matrix = matrix[[1, 0, 2]]
    if code in MIRRORED:
        matrix = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    if code in FLIPPED:
        matrix = np.array([[1.0, 0, 0], [0, -1, 1], [0, 0, 1]]) @ matrix
    return matrix


def _straightening(height: int, width: int, degrees: float) -> Homography:
    """From the straightened picture to the picture before, both in half sides from the centre; clockwise."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, s * height / width, 0], [-s * width / height, c, 0], [0, 0, 1]])


def _keystone(geometry: Geometry) -> NDArray[np.float64]:
    """How much further the right and the lower edge are than the centre, whose distance is 1."""
    return np.array([geometry.perspective_horizontal, geometry.perspective_vertical]) / 100 * KEYSTONE


def _moved(x: float, y: float) -> Homography:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def _scaled(x: float, y: float) -> Homography:
    return np.diag([x, y, 1.0])
