"""Recipes in the house's own words: what is wrong with one is Rejected."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from filters.recipe import BUILT_IN_LOOKS, Cut, Recipe, RecipeError, canonical, parse_recipe
from jobs.errors import Rejected
from jobs.job import CLIP


def read_recipe(recipe: Mapping[str, Any] | Recipe, own_looks: Iterable[str] | None = None) -> Recipe:
    """The recipe of data from anywhere; one that was made by hand is checked too.

    `own_looks` are the looks beyond the built-in ones; with None any name is taken.

    Raises:
        Rejected: `bad_recipe` or `unknown_look`; the message names the field.
    """
    try:
        return parse_recipe(canonical(recipe) if isinstance(recipe, Recipe) else recipe, own_looks)
    except RecipeError as error:
        raise Rejected(error.code, str(error)) from error


def check_cut(recipe: Recipe, function: str) -> None:
    """Raise Rejected `bad_recipe` for a photo's recipe that cuts something out in time, or a cover that it cuts off."""
    cut = recipe.cut
    if function != CLIP and cut != Cut():
        raise Rejected("bad_recipe", f"cut: it is for clips, and this was submitted as a {function}")
    end = math.inf if cut.end is None else cut.end
    if cut.cover is not None and not cut.start <= cut.cover <= end:
        kept = f"from {cut.start:g} s " + ("on" if cut.end is None else f"to {cut.end:g} s")
        raise Rejected("bad_recipe", f"cut.cover: {cut.cover:g} s lies outside what the cut keeps, {kept}")


def own_look(recipe: Recipe) -> str | None:
    """The name of the look that the ledger has to know, if the recipe's is not a built-in one."""
    return recipe.look.name if recipe.look and recipe.look.name not in BUILT_IN_LOOKS else None
