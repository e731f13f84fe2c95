"""Edits as a person types them: `warmth=20`, `tint_shadows=blue:40`, `crop=0.1,0.1,0.8,0.8`, `rotate=90`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from filters.recipe.data import parse_document
from filters.recipe.errors import RecipeError, guess
from filters.recipe.fields import ADJUSTMENTS, GEOMETRY
from filters.recipe.kinds import Choice, Kind, Number, Part

GROUPS = {"geometry": GEOMETRY, "adjustments": ADJUSTMENTS}
EDITS: Mapping[str, tuple[str, Kind]] = {
    name: (group, kind) for group, part in GROUPS.items() for name, kind in part.members.items()
}  # an edit's name: the part of the recipe that it belongs to, and its kind


def apply_edits(data: Mapping[str, Any], edits: Iterable[str]) -> dict[str, Any]:
    """The recipe's data with each edit, `NAME=VALUE`, in the place of what stood there.

    A value of several members is JSON, or the members in the schema's order, joined by `:` or `,`.

    Raises:
        RecipeError: there is no such edit, or its value is spelt wrong; ranges are left to `parse_recipe`.
    """
    edited = dict(data)
    for edit in edits:
        name, equals, text = edit.partition("=")
        name = name.strip()
        if name not in EDITS:
            raise RecipeError(name, f"there is no such edit; {guess(name, EDITS)}")
        if not equals:
            raise RecipeError(name, f"an edit is spelt {name}=VALUE")
        group, kind = EDITS[name]
        before = edited.get(group, {})
        if not isinstance(before, Mapping):
            raise RecipeError(group, "it is no object, so nothing can be edited in it")
        edited[group] = {**before, name: spelt(kind, text.strip(), f"{group}.{name}")}
    return edited


def spelt(kind: Kind, text: str, path: str) -> Any:
    """The data that a person's text means for a field of this kind."""
    if isinstance(kind, Part):
        return _part(kind, text, path)
    if isinstance(kind, Number) or (isinstance(kind, Choice) and isinstance(kind.values[0], int)):
        try:
            return float(text)
        except ValueError as error:
            raise RecipeError(path, f"{text!r:.40} is no number") from error
    return text


def _part(part: Part, text: str, path: str) -> Any:
    if text.startswith("{"):
        return parse_document(text)
    values = re.split("[:,]", text)
    if len(values) > len(part.members):
        raise RecipeError(path, f"{len(values)} values are too many; they are {', '.join(part.members)}")
    pairs = zip(part.members.items(), values, strict=False)
    return {name: spelt(kind, value.strip(), f"{path}.{name}") for (name, kind), value in pairs}
