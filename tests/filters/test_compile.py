"""Compiling: what a recipe becomes, in which order, and that equal recipes are one program."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.compile import PROGRAMS, colour_operations, compile_recipe
from filters.mask import Mask, Radial
from filters.point import Additive, Curves, Matrix, Table, follow
from filters.recipe import BUILT_IN_LOOKS, canonical, parse_recipe
from filters.recipe.model import Adjustments, Crop, Geometry, LookChoice, Recipe, TiltShift, Tint
from filters.tools import POINT_TOOLS

PIXELS = np.random.default_rng(8).integers(0, 256, (35, 57, 3)).astype(np.uint8)
MASK = Mask(shape=Radial(), nodes=((0.2, 0.0), (1.0, 1.0)))
TURNED = Geometry(rotate=90, crop=Crop(left=0.1, width=0.5))


class OwnLook:
    """A look that halves red, with a mask."""

    name, title = "mine", "Mine"

    def operations(self, strength):
        weights = np.diag([0.5, 1.0, 1.0])
        return (Additive(parts=lambda t, a: weights[:, :, None] * t * (1 - 0.2 * a), strength=strength, mask=MASK),)


MINE = OwnLook()
MINE_CHOSEN = LookChoice(name="mine", strength=50.0)
EVERYTHING = Recipe(
    geometry=TURNED,
    look=MINE_CHOSEN,
    adjustments=Adjustments(
        lux=20,
        structure=30,
        brightness=10,
        contrast=20,
        warmth=-10,
        saturation=15,
        tint_shadows=Tint(colour="blue"),
        fade=10,
        highlights=-20,
        shadows=20,
        vignette=30,
        tilt_shift=TiltShift(),
        sharpen=40,
    ),
)


def names(steps):
    return [type(step).__name__ for step in steps]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(look=LookChoice(name="clarendon", strength=0.0)),
        Recipe(adjustments=Adjustments(tilt_shift=TiltShift(strength=0.0))),
        Recipe(geometry=TURNED),
    ],
)
def test_a_recipe_that_changes_no_colour_gives_the_very_same_pixels(recipe):
    program = compile_recipe(recipe)

    assert program.apply(PIXELS) is PIXELS
    assert program.finish(PIXELS) is PIXELS


def test_steps_come_in_the_order_of_the_edit_tray_and_sharpening_is_left_for_the_end():
    program = compile_recipe(EVERYTHING, MINE)

    assert names(program.steps) == ["Lux", "Structure", "AdditivePass", "TiltShift"]
    assert names(program.finishing) == ["Sharpen"]
    assert program.geometry == TURNED


def test_colours_go_through_the_look_and_then_the_tray_in_its_order():
    operations = colour_operations(EVERYTHING, MINE)

    kinds = [Additive, Curves, Curves, Curves, Matrix, Curves, Curves, Curves, Curves]
    assert [type(operation) for operation in operations] == kinds
    assert operations[0].strength == 0.5


def test_a_program_draws_its_colours():
    recipe = Recipe(adjustments=Adjustments(contrast=40, saturation=30, fade=20))

    errors = np.abs(compile_recipe(recipe).apply(PIXELS) - 255 * follow(colour_operations(recipe), PIXELS / 255))

    assert errors.mean() < 0.3
    assert errors.max() < 0.7


def test_what_is_given_to_a_program_stays_as_it_is():
    before = PIXELS.copy()

    compile_recipe(EVERYTHING, MINE).apply(PIXELS)

    np.testing.assert_array_equal(PIXELS, before)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (1, 40), (65, 2)])
def test_a_program_draws_pictures_of_any_size(height, width):
    pixels = np.ascontiguousarray(np.resize(PIXELS, (height, width, 3)))
    program = compile_recipe(EVERYTHING, MINE)

    assert program.finish(program.apply(pixels)).shape == (height, width, 3)


def test_equal_recipes_are_one_program_and_no_more_are_kept_than_the_bound():
    one, same = (compile_recipe(Recipe(adjustments=Adjustments(contrast=12.5))) for _ in range(2))

    for value in range(2 * PROGRAMS):
        compile_recipe(Recipe(adjustments=Adjustments(brightness=value / 2)))

    assert one is same
    assert compile_recipe.cache_info().currsize == PROGRAMS


def test_the_same_name_with_another_look_is_another_program():
    recipe = Recipe(look=MINE_CHOSEN)

    assert compile_recipe(recipe, MINE) is compile_recipe(recipe, MINE)
    assert compile_recipe(recipe, MINE) is not compile_recipe(recipe, OwnLook())


def held_bytes(held):
    if isinstance(held, np.ndarray):
        return held.nbytes
    parts = held if isinstance(held, tuple) else vars(held).values() if hasattr(held, "__dict__") else ()
    return sum(map(held_bytes, parts))


class HeavyLook:
    """A mask that takes everything away, or a table that is kept whole."""

    def __init__(self, *, table):
        self.table = table

    def operations(self, strength):
        if self.table:
            return (Table(grid=np.random.default_rng(9).random((36, 36, 36, 3)), strength=strength),)
        ones = np.eye(3)[:, :, None]
        return (Additive(parts=lambda t, a: ones * t * (1 - a), strength=strength, mask=MASK),)


@pytest.mark.parametrize("table", [True, False])
def test_a_program_holds_less_than_a_megabyte_and_a_half(table):
    recipe = Recipe(look=MINE_CHOSEN, adjustments=Adjustments(contrast=10, saturation=50, vignette=50))

    assert held_bytes(compile_recipe(recipe, HeavyLook(table=table))) < 1.5e6


AMOUNT = st.floats(-100, 100, allow_nan=False)
SHARE = st.floats(0, 100, allow_nan=False)
TINTS = st.fixed_dictionaries({"colour": st.sampled_from(["red", "cyan"]), "strength": SHARE})
TRAY = {
    **dict.fromkeys(["lux", "structure", "fade", "vignette", "sharpen"], SHARE),
    **dict.fromkeys(["brightness", "contrast", "warmth", "saturation", "highlights", "shadows"], AMOUNT),
    **dict.fromkeys(["tint_shadows", "tint_highlights"], TINTS),
}
DATA = st.fixed_dictionaries(
    {"adjustments": st.fixed_dictionaries({}, optional=TRAY)},
    optional={"look": st.fixed_dictionaries({"name": st.sampled_from(BUILT_IN_LOOKS), "strength": SHARE})},
)


def shuffled(value, order):
    if not isinstance(value, dict):
        return value
    pairs = [(key, shuffled(part, order)) for key, part in value.items()]
    order.shuffle(pairs)
    return dict(pairs)


@settings(max_examples=25)
@given(DATA, st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_matter_and_a_program_made_anew_draws_the_same(data, order):
    recipe, again = parse_recipe(data), parse_recipe(json.loads(json.dumps(shuffled(data, order))))
    program, anew = compile_recipe(recipe), compile_recipe.__wrapped__(again)

    assert recipe == again
    assert compile_recipe(again) is program
    np.testing.assert_array_equal(program.finish(program.apply(PIXELS)), anew.finish(anew.apply(PIXELS)))


@settings(max_examples=25)
@given(DATA)
def test_the_canonical_form_compiles_to_the_same_program(data):
    recipe = parse_recipe(data)

    assert compile_recipe(parse_recipe(canonical(recipe))) is compile_recipe(recipe)


@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
def test_more_of_a_look_never_brings_a_pixel_nearer_to_the_original(name):
    programs = [
        compile_recipe(Recipe(look=LookChoice(name=name, strength=s))) for s in (0.0, 1.0, 30.0, 31.5, 80.0, 100.0)
    ]

    distances = [np.abs(program.apply(PIXELS).astype(int) - PIXELS) for program in programs]

    assert not distances[0].any()
    assert (np.diff(distances, axis=0) >= 0).all()


def formula(recipe, pixels):
    """Levels in double precision, of the recipe's look at each place and then its point tools."""
    model, *tools = colour_operations(recipe)
    amounts = model.mask.draw(*pixels.shape[:2]) if model.mask else np.zeros(pixels.shape[:2])
    colours = [[model(p / 255, a) for p, a in zip(*row, strict=True)] for row in zip(pixels, amounts, strict=True)]
    return 255 * follow(tools, np.array(colours))


@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
def test_each_look_is_within_two_levels_of_its_float64_formula_everywhere_and_mostly_rounded(name):
    recipe, pixels = Recipe(look=LookChoice(name=name)), PIXELS[:15, :21]

    errors = np.abs(compile_recipe(recipe).apply(pixels) - formula(recipe, pixels))

    assert errors.mean() < 0.3
    assert errors.max() < 2


POINT_TRAY = {field: values for field, values in TRAY.items() if field in POINT_TOOLS}


@settings(max_examples=40)
@given(st.sampled_from(BUILT_IN_LOOKS), st.floats(1, 100), st.fixed_dictionaries({}, optional=POINT_TRAY))
def test_a_look_and_any_point_tools_are_one_pass_that_rounds_once(name, strength, tray):
    recipe = parse_recipe({"look": {"name": name, "strength": strength}, "adjustments": tray})
    pixels, masked = PIXELS[:15, :21], colour_operations(recipe)[0].mask
    program = compile_recipe(recipe)

    expected = formula(recipe, pixels)
    errors, rounding = np.abs(program.apply(pixels) - expected), np.abs(np.rint(expected) - expected)

    assert names(program.steps) == ["AdditivePass"]
    assert errors.mean() < rounding.mean() + (0.1 if masked else 0.05)
    assert errors.max() < (12 if masked else 2)  # the steepest tools stretch the steps of a mask thirtyfold


@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
def test_no_look_draws_bands_on_a_smooth_ramp(name):
    ramp = np.rint(np.linspace(0, 255, 1024)).astype(np.uint8)[None, :, None].repeat(3, axis=2)
    recipe = Recipe(look=LookChoice(name=name))
    (model,) = colour_operations(recipe)
    amounts = model.mask.draw(1, 1024)[0] if model.mask else np.zeros(1024)
    formula = np.array([model(p / 255, a) for p, a in zip(ramp[0], amounts, strict=True)]) * 255

    steps = np.diff(compile_recipe(recipe).apply(ramp)[0].astype(int), axis=0)

    assert np.abs(steps - np.diff(formula, axis=0)).max() < 2
