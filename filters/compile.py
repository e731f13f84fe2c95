"""The compiler: from a recipe to a program."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache

from filters.fuse import point_passes
from filters.local.lux import Lux
from filters.local.sharpen import Sharpen
from filters.local.structure import Structure
from filters.local.tilt_shift import TiltShift
from filters.local.vignette import vignette_gain
from filters.look import AnyLook, find_look
from filters.point import PointOperation
from filters.program import Program, Step
from filters.recipe.model import Adjustments, Recipe
from filters.tools import POINT_TOOLS

PROGRAMS = 64  # that are kept: mostly of 30 to 150 KB or, with a mask, 1 MB, at most of 1.5 MB


@lru_cache(maxsize=PROGRAMS)
def compile_recipe(recipe: Recipe, own_look: AnyLook | None = None) -> Program:
    """The program of a recipe, whose look is `own_look` unless that is None; then it is built in.

    Raises:
        KeyError: no look has that name.
    """
    adjustments = recipe.adjustments
    vignette = vignette_gain(adjustments.vignette) if adjustments.vignette else None
    points = point_passes(colour_operations(recipe, own_look), vignette)
    return Program(
        geometry=recipe.geometry,
        steps=(*_steps_before(adjustments), *points, *_steps_after(adjustments)),
        finishing=(Sharpen(amount=adjustments.sharpen),) if adjustments.sharpen else (),
    )


def colour_operations(recipe: Recipe, own_look: AnyLook | None = None) -> tuple[PointOperation, ...]:
    """What a recipe does to colours, whatever surrounds them: its look, then its point tools.

    Raises:
        KeyError: no look has that name.
    """
    values = ((tool, getattr(recipe.adjustments, name)) for name, tool in POINT_TOOLS.items())
    tools = (operation for tool, value in values if value for operation in tool(value))
    return (*_look_operations(recipe, own_look), *tools)


def _look_operations(recipe: Recipe, own_look: AnyLook | None) -> tuple[PointOperation, ...]:
    if recipe.look is None or not recipe.look.strength:
        return ()
    look = own_look or find_look(recipe.look.name)
    return look.operations(recipe.look.strength / 100)


def _steps_before(adjustments: Adjustments) -> Iterator[Step]:
    if adjustments.lux:
        yield Lux(amount=adjustments.lux)
    if adjustments.structure:
        yield Structure(amount=adjustments.structure)


def _steps_after(adjustments: Adjustments) -> Iterator[Step]:
    shift = adjustments.tilt_shift
    if shift and shift.strength:
        yield TiltShift(**asdict(shift))
