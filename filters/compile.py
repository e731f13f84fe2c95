"""The compiler: from a recipe to a program.

Point operations are fused into as few passes as is exact: curves, one operation that mixes channels, curves. An
additive pass costs a quarter of a table and errs by rounding alone, and no recipe mixes channels more than twice (its
look, its saturation); so additive passes are never merged into a table, and a table is only for a look that is one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from filters.additive import AdditivePass, additive_pass
from filters.mask import Mask
from filters.point import Additive, Colours, Curves, Matrix, PointOperation, Table
from filters.program import Program, Step
from filters.recipe.model import Adjustments, Recipe
from filters.tetrahedral import TablePass, table_pass
from filters.tools import POINT_TOOLS

if TYPE_CHECKING:
    from filters.look import AnyLook

Vignette = tuple[Mask, float]

PROGRAMS = 64  # that are kept, of at most 1.1 MB each, mostly of 30 KB
MOST_SIDE = 40  # of a table that is taken vertex by vertex: half a megabyte
CURVE_STEPS = 1 << 13  # of a curve that follows a table
USUAL_SIDE = 33  # of what a larger one is sampled with


@lru_cache(maxsize=PROGRAMS)
def compile_recipe(recipe: Recipe, own_look: "AnyLook | None" = None) -> Program:
    """The program of a recipe, whose look is `own_look` unless that is None; then it is built in.

    Raises:
        KeyError: no look has that name.
    """
    adjustments = recipe.adjustments
    vignette = _vignette(adjustments.vignette) if adjustments.vignette else None
    points = point_passes(colour_operations(recipe, own_look), vignette)
    return Program(
        geometry=recipe.geometry,
        steps=(*_steps_before(adjustments), *points, *_steps_after(adjustments)),
        finishing=(_sharpen(adjustments.sharpen),) if adjustments.sharpen else (),
    )


def _vignette(amount):
    from filters.local.vignette import vignette_gain

    return vignette_gain(amount)


def _sharpen(amount):
    from filters.local.sharpen import Sharpen

    return Sharpen(amount=amount)


def colour_operations(recipe: Recipe, own_look: "AnyLook | None" = None) -> tuple[PointOperation, ...]:
    """What a recipe does to colours, whatever surrounds them: its look, then its point tools.

    Raises:
        KeyError: no look has that name.
    """
    values = ((tool, getattr(recipe.adjustments, name)) for name, tool in POINT_TOOLS.items())
    tools = (operation for tool, value in values if value for operation in tool(value))
    return (*_look_operations(recipe, own_look), *tools)


def _look_operations(recipe: Recipe, own_look: "AnyLook | None") -> tuple[PointOperation, ...]:
    if recipe.look is None or not recipe.look.strength:
        return ()
    from filters.look import find_look

    look = own_look or find_look(recipe.look.name)
    return look.operations(recipe.look.strength / 100)


def _steps_before(adjustments: Adjustments) -> Iterator[Step]:
    if adjustments.lux:
        from filters.local.lux import Lux

        yield Lux(amount=adjustments.lux)
    if adjustments.structure:
        from filters.local.structure import Structure

        yield Structure(amount=adjustments.structure)


def _steps_after(adjustments: Adjustments) -> Iterator[Step]:
    shift = adjustments.tilt_shift
    if shift and shift.strength:
        from filters.local.tilt_shift import TiltShift

        yield TiltShift(**asdict(shift))


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Operations that make one pass."""

    before: tuple[Curves, ...] = ()
    mix: Matrix | Additive | Table | None = None
    after: tuple[Curves, ...] = ()

    @property
    def is_blended(self) -> bool:
        """Whether its result is mixed with what came in, so that no curve can follow or go before."""
        return isinstance(self.mix, Additive | Table) and self.mix.strength < 1


def point_passes(
    operations: Iterable[PointOperation], vignette: Vignette | None = None
) -> tuple[AdditivePass | TablePass, ...]:
    """The passes over the picture that point operations need; the vignette goes with the last one."""
    stretches = stretches_of(operations)
    if vignette and not stretches:
        stretches = [Stretch()]
    return tuple(_pass(stretch, vignette if stretch is stretches[-1] else None) for stretch in stretches)


def stretches_of(operations: Iterable[PointOperation]) -> list[Stretch]:
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
    if isinstance(operation, Curves):
        return Stretch(before=(operation,))
    assert isinstance(operation, Matrix | Additive | Table)
    return Stretch(mix=operation)


def _lengthened(stretch: Stretch, operation: PointOperation) -> Stretch | None:
    """The stretch with one operation more, or None if they make no single pass."""
    if isinstance(operation, Curves):
        if stretch.mix is None:
            return replace(stretch, before=(*stretch.before, operation))
        return None if stretch.is_blended else replace(stretch, after=(*stretch.after, operation))
    begun = _begun(operation)
    return None if stretch.mix or begun.is_blended else replace(begun, before=stretch.before)


def _pass(stretch: Stretch, vignette: Vignette | None) -> AdditivePass | TablePass:
    if isinstance(stretch.mix, Table):
        return _table_pass(stretch.mix, stretch, vignette)
    model = stretch.mix if isinstance(stretch.mix, Additive) else _additive(stretch.mix or Matrix(weights=np.eye(3)))
    return additive_pass(model, before=stretch.before, after=stretch.after, vignette=vignette)


def _additive(matrix: Matrix) -> Additive:
    """A matrix as an additive model; its offset goes with red."""
    weights, offset = matrix.weights.T[:, :, None], np.zeros((3, 3, 1))
    offset[0] = matrix.offset[:, None]

    def parts(tones: NDArray[np.float64], _amount: float) -> NDArray[np.float64]:
        return weights * tones + offset

    return Additive(parts=parts)


def _table_pass(table: Table, stretch: Stretch, vignette: Vignette | None) -> TablePass:
    """The table's own vertices, with what follows done to them; what goes before stays a curve."""
    levels = np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)
    tones = np.clip((_follow(stretch.before, levels) - table.low) / (table.high - table.low), 0.0, 1.0)
    grid = np.clip(table.grid, 0.0, 1.0) if len(table.grid) <= MOST_SIDE else Table(grid=table.grid)(_lattice())
    if stretch.after:
        grid = _looked_up(stretch.after, grid)
    return table_pass(grid, tones, strength=table.strength, vignette=vignette)


def _looked_up(curves: Sequence[Curves], grid: Colours) -> Colours:
    """The curves at a grid's colours, as near as its vertices are kept: mathematics on each would take 70 ms."""
    tones = np.repeat(np.arange(CURVE_STEPS + 1)[:, None] / CURVE_STEPS, 3, axis=1)
    return _follow(curves, tones)[np.rint(grid * CURVE_STEPS).astype(np.intp), np.arange(3)]


def _lattice() -> Colours:
    """Colours evenly spread, (n, n, n, 3), indexed [red, green, blue]."""
    axis = np.linspace(0.0, 1.0, USUAL_SIDE)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def _follow(curves: Sequence[Curves], tones: Colours) -> Colours:
    return reduce(lambda curved, curve: curve(curved), curves, tones)
