"""What is wrong with a recipe, and how a wrong value is shown."""

import json
import reprlib
from collections.abc import Iterable
from difflib import get_close_matches

SHOWN_CHARACTERS = 40
COMPARED_CHARACTERS = 80  # comparing costs the product of two lengths


class RecipeError(ValueError):
    """A recipe that cannot be accepted. The message begins with the field's path, such as `adjustments.warmth`.

    `field` is that path, empty for the recipe as a whole. `code` is `unknown_look`, or `bad_recipe` for all else.
    """

    def __init__(self, field: str, message: str, code: str = "bad_recipe") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.code = code


def shown(value: object) -> str:
    """A value in a message: short, printable, and in the words of JSON."""
    if isinstance(value, str):
        return reprlib.repr(value[:SHOWN_CHARACTERS])
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int) and abs(value) >= 10**15:
        return "a number of more than 15 digits"  # Python refuses to print the longest
    if isinstance(value, int | float):
        return f"{value:.15g}"
    return "a list" if isinstance(value, list | tuple) else "an object"


def guess(name: object, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: those that are spelt like it, or else all there are."""
    known = sorted(known)
    near = get_close_matches(_plain(str(name)[:COMPARED_CHARACTERS]), known)
    return f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"


def _plain(name: str) -> str:
    """As names are spelt here: X-Pro II is xproii, Tint Shadows is tint_shadows."""
    kept = "".join(letter for letter in name.lower().replace(" ", "_") if letter.isalnum() or letter == "_")
    return kept or name
