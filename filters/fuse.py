"""Point operations fused into as few passes over a picture as is exact.

A stretch is curves, one operation that mixes channels, curves; a pass is a stretch and, in the same lines, one more. No
recipe mixes channels more than twice (in its look, in its saturation), so it is one pass, which rounds to levels once.
Sums cost a quarter of a table and err by rounding alone, so they are never merged into one; a table is for a look that
is one. It takes the curves before it along, but none that follow: between its vertices it would bend them straight.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from filters.additive import AdditivePass, additive_pass
from filters.ending import NO_SUMS, Ending, ending, mixing
from filters.mask import Mask
from filters.point import Additive, Colours, Curves, Matrix, Mix, PointOperation, Table, follow
from filters.sums import grey_tones
from filters.tetrahedral import TablePass, table_pass

Vignette = tuple[Mask, float]  # where, and the depth of its gain

MOST_SIDE = 36  # of a table that is taken vertex by vertex: 0.4 MB
USUAL_SIDE = 33  # of what a larger one is sampled with


def point_passes(
    operations: Iterable[PointOperation], vignette: Vignette | None = None
) -> tuple[AdditivePass | TablePass, ...]:
    """The passes over the picture that point operations need; the vignette goes with the last one."""
    pairs = _paired(fuse(operations)) or ([(Stretch(), None)] if vignette else [])
    return tuple(_pass(*pair, vignette if pair is pairs[-1] else None) for pair in pairs)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Operations that are one look-up of each channel."""

    before: tuple[Curves, ...] = ()
    mix: Mix | None = None
    after: tuple[Curves, ...] = ()


def fuse(operations: Iterable[PointOperation]) -> list[Stretch]:
    """The operations in order, each stretch as long as can be."""
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
    """The stretch with one operation more, or None if they make no single one."""
    if isinstance(operation, Curves):
        if stretch.mix is None:
            return replace(stretch, before=(*stretch.before, operation))
        closed = isinstance(stretch.mix, Table) or _is_blended(stretch.mix)
        return None if closed else replace(stretch, after=(*stretch.after, operation))
    if stretch.mix or (stretch.before and _is_blended(operation)):
        return None
    return replace(stretch, mix=operation)


def _is_blended(mix: Mix) -> bool:
    """Whether its result is mixed with what came in, so that no curve of the same stretch can go before or follow."""
    return not isinstance(mix, Matrix) and mix.strength < 1


def _paired(stretches: Sequence[Stretch]) -> list[tuple[Stretch, Stretch | None]]:
    """What each pass begins with, and what follows in the same lines."""
    pairs: list[tuple[Stretch, Stretch | None]] = []
    for stretch in stretches:
        if pairs and pairs[-1][1] is None and _can_end(stretch):
            pairs[-1] = (pairs[-1][0], stretch)
        else:
            pairs.append((stretch, None))
    return pairs


def _can_end(stretch: Stretch) -> bool:
    """Whether it is plain sums, whatever pixels came in and wherever they lie."""
    mix = stretch.mix
    return not isinstance(mix, Table) and not (isinstance(mix, Additive) and (mix.mask or _is_blended(mix)))


def _pass(begin: Stretch, then: Stretch | None, vignette: Vignette | None) -> AdditivePass | TablePass:
    sums = mixing(_model(then), before=then.before, after=then.after) if then else NO_SUMS
    end = ending(sums, vignette)
    if isinstance(begin.mix, Table):
        return _table_pass(begin.mix, begin, end)
    return additive_pass(_model(begin), before=begin.before, after=begin.after, ending=end)


def _model(stretch: Stretch) -> Additive:
    """What mixes channels in a stretch without a table, as an additive model; a matrix's offset goes with red."""
    if isinstance(stretch.mix, Additive):
        return stretch.mix
    matrix = stretch.mix if isinstance(stretch.mix, Matrix) else Matrix(weights=np.eye(3))
    weights, offset = matrix.weights.T[:, :, None], np.zeros((3, 3, 1))
    offset[0] = matrix.offset[:, None]
    return Additive(parts=lambda tones, _amount: weights * tones + offset)


def _table_pass(table: Table, stretch: Stretch, end: Ending) -> TablePass:
    """The table's own vertices where they will do; what goes before stays a curve."""
    tones = np.clip((follow(stretch.before, grey_tones(256)) - table.low) / (table.high - table.low), 0.0, 1.0)
    return table_pass(_vertices(table.grid), tones, strength=table.strength, ending=end)


def _vertices(grid: Colours) -> Colours:
    """The grid, or a coarser one if a table cannot be as large.

    That errs by some hundredths of a level where a table is smooth, and by up to 2 levels along an axis where its slope
    changes at once by 1, as at an edge of clipped vertices; what changes from vertex to vertex is lost.
    """
    if len(grid) <= MOST_SIDE:
        return grid
    axis = np.linspace(0.0, 1.0, USUAL_SIDE)
    return Table(grid=grid).interpolate(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1))
