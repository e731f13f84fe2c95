"""The recipe, its canonical form and its schema: plain Python, so that a frontend can check one without NumPy."""

from filters.recipe.model import Adjustments, Crop, Geometry, LookChoice, Recipe, TiltShift, Tint

__all__ = ["Adjustments", "Crop", "Geometry", "LookChoice", "Recipe", "TiltShift", "Tint"]
