"""Point operations fused into as few passes over a picture as is exact: curves, one that mixes channels, curves.

An additive pass costs a quarter of a table and errs by rounding alone, and no recipe mixes channels more than twice (in
its look, in its saturation). So additive passes are never merged into a table; a table is for a look that is one, and
takes the curves around it along.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from filters.additive import AdditivePass, additive_pass
from filters.mask import Mask
from filters.point import Additive, Colours, Curves, Matrix, Mix, PointOperation, Table, follow
from filters.tetrahedral import TablePass, table_pass

Vignette = tuple[Mask, float]  # where, and the depth of its gain

MOST_SIDE = 36  # of a table that is taken vertex by vertex: 0.4 MB, and 16 ms for a coarser one to get as many
USUAL_SIDE = 33  # of what a larger one is sampled with
CURVE_STEPS = 1 << 13  # of a curve that follows a table


def point_passes(
    operations: Iterable[PointOperation], vignette: Vignette | None = None
) -> tuple[AdditivePass | TablePass, ...]:
    """The passes over the picture that point operations need; the vignette goes with the last one."""
    stretches = fuse(operations) or ([Stretch()] if vignette else [])
    return tuple(_pass(stretch, vignette if stretch is stretches[-1] else None) for stretch in stretches)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Operations that make one pass."""

    before: tuple[Curves, ...] = ()
    mix: Mix | None = None
    after: tuple[Curves, ...] = ()


def fuse(operations: Iterable[PointOperation]) -> list[Stretch]:
    """The operations in order, each stretch as long as one exact pass can be."""
    stretches: list[Stretch] = []
    for operation in operations:
        longer = _lengthened(stretches[-1], operation) if stretches else None
        if longer:
            stretches[-1] = longer
        else:
            stretches.append(_begun(operation))
    return stretches


def _begun(operation: PointOperation) -> Stretch:
    return Stretch(before=(operation,)) if isinstance(operation, Curves) else Stretch(mix=operation)


def _lengthened(stretch: Stretch, operation: PointOperation) -> Stretch | None:
    """The stretch with one operation more, or None if they make no single pass."""
    if isinstance(operation, Curves):
        if stretch.mix is None:
            return replace(stretch, before=(*stretch.before, operation))
        return None if _is_blended(stretch.mix) else replace(stretch, after=(*stretch.after, operation))
    if stretch.mix or (stretch.before and _is_blended(operation)):
        return None
    return replace(stretch, mix=operation)


def _is_blended(mix: Mix) -> bool:
    """Whether its result is mixed with what came in, so that no curve of the same pass can go before or follow."""
    return not isinstance(mix, Matrix) and mix.strength < 1


def _pass(stretch: Stretch, vignette: Vignette | None) -> AdditivePass | TablePass:
    if isinstance(stretch.mix, Table):
        return _table_pass(stretch.mix, stretch, vignette)
    model = stretch.mix if isinstance(stretch.mix, Additive) else _additive(stretch.mix or Matrix(weights=np.eye(3)))
    return additive_pass(model, before=stretch.before, after=stretch.after, vignette=vignette)


def _additive(matrix: Matrix) -> Additive:
    """A matrix as an additive model; its offset goes with red."""
    weights, offset = matrix.weights.T[:, :, None], np.zeros((3, 3, 1))
    offset[0] = matrix.offset[:, None]
    return Additive(parts=lambda tones, _amount: weights * tones + offset)


def _table_pass(table: Table, stretch: Stretch, vignette: Vignette | None) -> TablePass:
    """The table's own vertices where they will do, with what follows done to them; what goes before stays a curve."""
    levels = np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)
    tones = np.clip((follow(stretch.before, levels) - table.low) / (table.high - table.low), 0.0, 1.0)
    grid = _vertices(table.grid, USUAL_SIDE if stretch.after else 2)
    grid = _looked_up(stretch.after, grid) if stretch.after else grid
    return table_pass(grid, tones, strength=table.strength, vignette=vignette)


def _vertices(grid: Colours, fewest: int) -> Colours:
    """The grid, or one of at least `fewest` a side that has its vertices among its own, if a table can be as large."""
    cells = len(grid) - 1
    finer = cells * -(-(fewest - 1) // cells)
    if finer == cells < MOST_SIDE:
        return np.clip(grid, 0.0, 1.0)
    axis = np.linspace(0.0, 1.0, finer + 1 if finer < MOST_SIDE else USUAL_SIDE)
    return Table(grid=grid)(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1))


def _looked_up(curves: Sequence[Curves], grid: Colours) -> Colours:
    """The curves at a grid's colours, as near as its vertices are kept: mathematics on each would take 70 ms."""
    tones = np.repeat(np.arange(CURVE_STEPS + 1)[:, None] / CURVE_STEPS, 3, axis=1)
    return follow(curves, tones)[np.rint(grid * CURVE_STEPS).astype(np.intp), np.arange(3)]
