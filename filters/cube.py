"""Looks of one's own: `.cube` files in and out, and the compact form in which a ledger keeps them."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod

import numpy as np

from filters.cube_text import DARKEST, LIGHTEST, CubeError, CubeTable, is_domain, parse_cube, printable
from filters.place import at_place
from filters.point import Colours, Curves, PointOperation, Table

__all__ = ["CubeError", "CubeLook", "pack", "read_cube", "unpack", "write_cube"]

KEPT_POINTS = 1 + 16 * 255  # of a packed curve: every 8-bit tone lies on one
KEPT_SIDE = 33  # of a packed grid
PACKED_BYTES = 300_000  # that are looked at; a full grid has 216,000

_HEADER = struct.Struct("<4sBBHH6d")  # magic, version, dimensions, points a side, bytes of the title, low, high
_MAGIC, _VERSION = b"cube", 1
_SAMPLE = np.dtype("<u2")
_STEP = (LIGHTEST - DARKEST) / 65535  # of a sample; 0 and 1 are whole steps


@dataclass(frozen=True, kw_only=True, eq=False)
class CubeLook:
    """A look that is a table: a curve a channel, or a grid of colours."""

    name: str
    title: str
    table: CubeTable

    def operations(self, strength: float) -> tuple[PointOperation, ...]:
        """The look, blended with what comes in by `strength`, 0 to 1."""
        if not strength:
            return ()
        samples, low, high = self.table.samples, self.table.low, self.table.high
        if samples.ndim == 2:
            return (Curves(of=partial(_blend, self.table, strength)),)
        return (Table(grid=samples, low=low, high=high, strength=strength),)


def read_cube(content: str | bytes, name: str) -> CubeLook:
    """The look of a `.cube` file: curves, a grid, or a grid that follows curves, which becomes one of 33 points a side.

    Curves have 2 to 65,536 points, grids 2 to 256 a side; the file has at most 64 MB and 4 million lines, which 129
    points a side need half of. Samples beyond -1 to 2 are taken as these. Without a title the look has its name.

    Raises:
        CubeError: it is not such a file; the message names the line.
    """
    title, tables = parse_cube(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    table = tables[0] if len(tables) == 1 else _join(*tables)
    return CubeLook(name=name, title=title or name, table=table)


def write_cube(operations: Iterable[PointOperation], title: str, size: int = KEPT_SIDE) -> str:
    """A `.cube` file of what the operations do at the centre of the frame: a grid of `size` points a side, 2 to 256.

    Programs that read the format interpolate between the points; 33 are usual.
    """
    colours = at_place(operations, _lattice(size))
    rows = np.abs(colours.transpose(2, 1, 0, 3).reshape(-1, 3))  # red is the fastest; and no minus before a zero
    heading = (
        f'TITLE "{printable(title)}"',
        "# Colours at the centre of the frame. What depends on the place in it (vignettes, light leaks) or on the",
        "# neighbours of a pixel (structure, blur, sharpening) has no room in this format and is left out.",
        f"LUT_3D_SIZE {size}",
        "DOMAIN_MIN 0.0 0.0 0.0",
        "DOMAIN_MAX 1.0 1.0 1.0",
    )
    return "\n".join([*heading, *(f"{red:.6f} {green:.6f} {blue:.6f}" for red, green, blue in rows.tolist()), ""])


def pack(look: CubeLook) -> bytes:
    """The look's compact form, which `unpack` reads: at most 220 KB, and the same bytes each time.

    Samples are 16 bits deep. Curves of more than 4,081 points keep as many, a grid of more than 33 a side keeps 33.
    """
    table, title = _reduce(look), printable(look.title).encode()
    size, dimensions = len(table.samples), table.samples.ndim - 1
    header = _HEADER.pack(_MAGIC, _VERSION, dimensions, size, len(title), *table.low, *table.high)
    return header + title + np.rint((table.samples - DARKEST) / _STEP).astype(_SAMPLE).tobytes()


@lru_cache(maxsize=16)
def unpack(name: str, data: bytes) -> CubeLook:
    """The look of which `pack` made `data`. Asked again soon, it is the very same object, which a cache can know.

    Raises:
        CubeError: `pack` never made this.
    """
    if not _HEADER.size <= len(data) <= PACKED_BYTES:
        raise CubeError(f"a packed look has {_HEADER.size} to {PACKED_BYTES:,} bytes, not {len(data):,}")
    magic, version, dimensions, size, title_bytes, *domain = _HEADER.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise CubeError(f"a packed look begins with {_MAGIC!r}, version {_VERSION}, not with {magic!r}, {version}")
    if not 2 <= size <= {1: KEPT_POINTS, 3: KEPT_SIDE}.get(dimensions, 0):
        raise CubeError(f"a packed look has no table of {dimensions} dimensions with {size} points a side")
    low, high = np.array(domain).reshape(2, 3)
    if not is_domain(low, high):
        raise CubeError(f"a packed look does not go from {low.tolist()} to {high.tolist()}")
    begin, shape = _HEADER.size + title_bytes, (*(size,) * dimensions, 3)
    if len(data) - begin != _SAMPLE.itemsize * prod(shape):
        raise CubeError(f"a packed look of {size} points a side has other than {len(data):,} bytes")
    samples = np.frombuffer(data, _SAMPLE, offset=begin).reshape(shape) * _STEP + DARKEST
    title = printable(data[_HEADER.size : begin].decode("utf-8", "replace"))
    return CubeLook(name=name, title=title, table=CubeTable(samples=samples, low=low, high=high))


def _lattice(size: int) -> Colours:
    """Colours evenly spread over all of RGB, (size, size, size, 3), indexed [red, green, blue]."""
    tones = np.linspace(0.0, 1.0, size)
    return np.stack(np.meshgrid(tones, tones, tones, indexing="ij"), axis=-1)


def _interpolate(curves: CubeTable, colours: Colours) -> Colours:
    """Each channel's curve at its tones, held at both ends; not clipped."""
    last = len(curves.samples) - 1
    at = (colours - curves.low) / (curves.high - curves.low) * last
    return np.stack([np.interp(at[..., c], np.arange(last + 1), curves.samples[:, c]) for c in range(3)], axis=-1)


def _blend(curves: CubeTable, strength: float, colours: Colours) -> Colours:
    """The curves' tones, mixed with those that came in."""
    return colours + strength * (np.clip(_interpolate(curves, colours), 0.0, 1.0) - colours)


def _join(curves: CubeTable, grid: CubeTable) -> CubeTable:
    """One grid for curves and the grid that follows them."""
    shaped = (_interpolate(curves, _lattice(KEPT_SIDE)) - grid.low) / (grid.high - grid.low)
    return CubeTable(samples=Table(grid=grid.samples).interpolate(shaped))


def _reduce(look: CubeLook) -> CubeTable:
    """The look's table, drawn anew over 0 to 1 with fewer points if it has too many to be kept."""
    table = look.table
    if len(table.samples) <= (KEPT_POINTS if table.samples.ndim == 2 else KEPT_SIDE):
        return table
    if table.samples.ndim == 2:
        return CubeTable(samples=_interpolate(table, np.linspace(0.0, 1.0, KEPT_POINTS)[:, None].repeat(3, axis=1)))
    grid = Table(grid=table.samples, low=table.low, high=table.high)
    return CubeTable(samples=grid.interpolate(_lattice(KEPT_SIDE)))
