"""The recipe, its canonical form and its schema: plain Python, so that a frontend can check one without NumPy."""

from filters.recipe.data import TEXT_BYTES, canonical, canonical_json, parse_document, parse_recipe, recipe_hash, schema
from filters.recipe.errors import RecipeError
from filters.recipe.looks import BUILT_IN_LOOKS, LOOK_NAME
from filters.recipe.model import Adjustments, Crop, Cut, Geometry, LookChoice, Recipe, TiltShift, Tint
from filters.recipe.spelling import apply_edits

__all__ = [
    "BUILT_IN_LOOKS",
    "LOOK_NAME",
    "TEXT_BYTES",
    "Adjustments",
    "Crop",
    "Cut",
    "Geometry",
    "LookChoice",
    "Recipe",
    "RecipeError",
    "TiltShift",
    "Tint",
    "apply_edits",
    "canonical",
    "canonical_json",
    "parse_document",
    "parse_recipe",
    "recipe_hash",
    "schema",
]
