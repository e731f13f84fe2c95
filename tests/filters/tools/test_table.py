"""The table of point tools: complete, and in the order in which a recipe acts."""

from dataclasses import fields

from filters.recipe import Adjustments
from filters.recipe.fields import COLOURS as COLOURS_OF_A_RECIPE
from filters.tools import POINT_TOOLS
from filters.tools.tint import COLOURS

NOT_POINTWISE = {"lux", "structure", "vignette", "tilt_shift", "sharpen"}


def test_every_adjustment_that_is_a_point_tool_has_its_line_in_the_recipes_order() -> None:
    expected = [field.name for field in fields(Adjustments) if field.name not in NOT_POINTWISE]

    assert list(POINT_TOOLS) == expected


def test_the_order_is_the_documented_one() -> None:
    assert " ".join(POINT_TOOLS) == (
        "brightness contrast warmth saturation tint_shadows tint_highlights fade highlights shadows"
    )


def test_every_colour_that_a_recipe_may_name_has_its_hue() -> None:
    assert set(COLOURS) == set(COLOURS_OF_A_RECIPE)
