"""Recipes as data: read with errors that name the field, written in one canonical way, and hashed."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from filters.recipe.errors import RecipeError
from filters.recipe.fields import RECIPE
from filters.recipe.kinds import Schema
from filters.recipe.looks import BUILT_IN_LOOKS, unknown_look
from filters.recipe.model import Recipe

TEXT_BYTES = 16 * 1024  # some twenty times a recipe that uses everything
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def parse_recipe(data: object, own_looks: Iterable[str] | None = ()) -> Recipe:
    """The recipe of JSON data, its numbers rounded and its fields without effect settled.

    `own_looks` are names beyond the built-in looks; with None any name that a look can have is taken, because the
    caller finds out later whether it exists.

    Raises:
        RecipeError: `bad_recipe` or `unknown_look`; the message names the field.
    """
    recipe: Recipe = RECIPE.read(data, "")
    if own_looks is not None and recipe.look and recipe.look.name not in {*BUILT_IN_LOOKS, *own_looks}:
        raise unknown_look(recipe.look.name, own_looks)
    return recipe


def parse_document(text: str | bytes) -> Any:
    """The data of a JSON document, which may come from a stranger.

    Raises:
        RecipeError: it is too long, not JSON, or names a field twice.
    """
    size = len(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    if size > TEXT_BYTES:
        raise RecipeError("", f"a recipe of {size} bytes is too long; it has at most {TEXT_BYTES}")
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecipeError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecipeError("", f"the recipe is not JSON: {error}") from error


def canonical(recipe: Recipe) -> dict[str, Any]:
    """The one way in which this recipe is written: rounded, without what changes nothing; `{}` for the identity.

    Raises:
        RecipeError: a field of a recipe that was made by hand is out of its range.
    """
    return RECIPE.write(RECIPE.read(RECIPE.write(recipe), ""))


def canonical_json(recipe: Recipe) -> str:
    """The canonical form as text: fields sorted, no blanks, ASCII."""
    return json.dumps(canonical(recipe), sort_keys=True, separators=(",", ":"), allow_nan=False)


def recipe_hash(recipe: Recipe) -> str:
    """The SHA-256 of the canonical text, hexadecimal. It depends neither on the order of fields nor on the release."""
    return hashlib.sha256(canonical_json(recipe).encode()).hexdigest()


def schema() -> Schema:
    """The JSON schema (2020-12) of a recipe, for a frontend's forms and checks."""
    return {"$schema": DIALECT, "title": "Darkroom recipe", **RECIPE.schema()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RecipeError("", f"the recipe names the field {twice!r:.40} twice")
    return fields
