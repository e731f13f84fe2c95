"""The recipe as data: what is taken, how it is written, and its hash."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import filters
from filters.recipe import (
    BUILT_IN_LOOKS,
    Adjustments,
    Crop,
    Cut,
    Geometry,
    LookChoice,
    Recipe,
    RecipeError,
    TiltShift,
    Tint,
    canonical,
    canonical_json,
    parse_document,
    parse_recipe,
    recipe_hash,
)
from filters.recipe.fields import ADJUSTMENTS, COLOURS, CUT, GEOMETRY, LOOK, RECIPE, TILT_SHIFT

EVERYTHING = {
    "geometry": {
        "rotate": 90,
        "flip": "horizontal",
        "straighten": -2.5,
        "perspective": {"horizontal": 10, "vertical": -5},
        "crop": {"left": 0.1, "top": 0.05, "width": 0.8, "height": 0.9},
    },
    "look": {"name": "clarendon", "strength": 80},
    "adjustments": {
        "lux": 10,
        "structure": 20,
        "brightness": -30,
        "contrast": 40,
        "warmth": 20,
        "saturation": -60,
        "tint_shadows": {"colour": "blue", "strength": 40},
        "tint_highlights": {"colour": "yellow", "strength": 30},
        "fade": 15,
        "highlights": -25,
        "shadows": 35,
        "vignette": 45,
        "tilt_shift": {"shape": "linear", "x": 0.4, "y": 0.6, "radius": 0.2, "angle": 30, "strength": 70},
        "sharpen": 55,
    },
}


WHOLE_CUT = {"start": 1.5, "end": 6, "mute": True, "cover": 2.25}


def numbers(low, high):
    return st.floats(low, high) | st.integers(low, high)


def tints():
    return st.none() | st.builds(Tint, colour=st.sampled_from(COLOURS), strength=numbers(0, 100))


@st.composite
def crops(draw):
    left, top = draw(st.floats(0, 0.99)), draw(st.floats(0, 0.99))
    width, height = draw(st.floats(0.01, 1)), draw(st.floats(0.01, 1))
    return Crop(left=min(left, 1 - width), top=min(top, 1 - height), width=width, height=height)


SIGNED, UNSIGNED = numbers(-100, 100), numbers(0, 100)
GEOMETRIES = st.builds(
    Geometry,
    rotate=st.sampled_from([0, 90, 180, 270]),
    flip=st.sampled_from(["none", "horizontal", "vertical", "both"]),
    straighten=numbers(-25, 25),
    perspective_horizontal=SIGNED,
    perspective_vertical=SIGNED,
    crop=crops(),
)
TILT_SHIFTS = st.builds(
    TiltShift,
    shape=st.sampled_from(["radial", "linear"]),
    x=numbers(0, 1),
    y=numbers(0, 1),
    radius=numbers(0, 1),
    angle=numbers(-180, 180),
    strength=UNSIGNED,
)
TRAYS = st.builds(
    Adjustments,
    **dict.fromkeys(("lux", "structure", "fade", "vignette", "sharpen"), UNSIGNED),
    **dict.fromkeys(("brightness", "contrast", "warmth", "saturation", "highlights", "shadows"), SIGNED),
    tint_shadows=tints(),
    tint_highlights=tints(),
    tilt_shift=st.none() | TILT_SHIFTS,
)
LOOKS = st.none() | st.builds(LookChoice, name=st.sampled_from(BUILT_IN_LOOKS), strength=UNSIGNED)
CUTS = st.builds(
    Cut,
    start=numbers(0, 600),
    end=st.none() | numbers(601, 86_400),
    mute=st.booleans(),
    cover=st.none() | numbers(0, 86_400),
)
RECIPES = st.builds(Recipe, geometry=GEOMETRIES, look=LOOKS, adjustments=TRAYS, cut=CUTS)

NAMES = st.sampled_from([*RECIPE.members, *ADJUSTMENTS.members, *GEOMETRY.members, *LOOK.members, "left", "colour"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def refused(data, **more):
    with pytest.raises(RecipeError) as refusal:
        parse_recipe(data, **more)
    return refusal.value


def leaves(data, path=()):
    """Each value of nested data, with the names on the way to it."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def changed(data, path, value):
    return {**data, path[0]: changed(data[path[0]], path[1:], value) if path[1:] else value}


def shuffled(data):
    """The same data, every object's fields in the opposite order."""
    return {name: shuffled(data[name]) if isinstance(data[name], dict) else data[name] for name in reversed(data)}


# Reading


def test_nothing_is_the_identity_and_the_identity_is_nothing():
    assert parse_recipe({}) == Recipe()
    assert canonical(Recipe()) == {}


def test_every_field_arrives_where_the_model_has_it():
    recipe = parse_recipe(EVERYTHING)

    assert recipe.geometry == Geometry(
        rotate=90,
        flip="horizontal",
        straighten=-2.5,
        perspective_horizontal=10,
        perspective_vertical=-5,
        crop=Crop(left=0.1, top=0.05, width=0.8, height=0.9),
    )
    assert recipe.look == LookChoice(name="clarendon", strength=80)
    assert (recipe.adjustments.warmth, recipe.adjustments.tint_shadows) == (20, Tint(colour="blue", strength=40))
    assert recipe.adjustments.tilt_shift == TiltShift(shape="linear", x=0.4, y=0.6, radius=0.2, angle=30, strength=70)
    assert parse_recipe({"cut": WHOLE_CUT}).cut == Cut(start=1.5, end=6, mute=True, cover=2.25)


def test_every_field_of_the_model_is_in_the_table_with_the_same_default():
    assert set(ADJUSTMENTS.members) == {field.name for field in fields(Adjustments)}
    assert set(TILT_SHIFT.members) == {field.name for field in fields(TiltShift)}
    assert set(CUT.members) == {field.name for field in fields(Cut)}
    assert CUT.read({}, "") == Cut()
    assert TILT_SHIFT.read({}, "") == TiltShift()
    assert ADJUSTMENTS.read({}, "") == Adjustments()
    assert GEOMETRY.read({}, "") == Geometry()
    assert parse_recipe({"look": {"name": "aden"}}).look == LookChoice(name="aden")
    assert parse_recipe({"adjustments": {"tint_shadows": {"colour": "red"}}}).adjustments.tint_shadows == Tint(
        colour="red"
    )


def test_there_are_forty_built_in_looks():
    assert len(set(BUILT_IN_LOOKS)) == 40
    assert list(BUILT_IN_LOOKS) == sorted(BUILT_IN_LOOKS)


def test_every_look_that_has_a_file_has_a_name_and_every_name_a_file():
    files = Path(filters.__file__).parent.glob("looks/*.json")

    assert {file.stem for file in files} == set(BUILT_IN_LOOKS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"adjustments": {"warmth": 120}}, "adjustments.warmth: 120 is out of range; it goes from -100 to 100"),
        ({"adjustments": {"lux": -1}}, "adjustments.lux: -1 is out of range; it goes from 0 to 100"),
        ({"adjustments": {"warmth": "20"}}, "adjustments.warmth: '20' is no number; it goes from -100 to 100"),
        ({"adjustments": {"warmth": True}}, "adjustments.warmth: true is no number; it goes from -100 to 100"),
        ({"adjustments": {"warmth": None}}, "adjustments.warmth: null is no number; it goes from -100 to 100"),
        (
            {"adjustments": {"warmth": float("nan")}},
            "adjustments.warmth: nan is out of range; it goes from -100 to 100",
        ),
        (
            {"adjustments": {"warmth": float("-inf")}},
            "adjustments.warmth: -inf is out of range; it goes from -100 to 100",
        ),
        (
            {"adjustments": {"warmth": 10**5000}},
            "adjustments.warmth: a number of more than 15 digits is out of range; ",
        ),
        ({"geometry": {"straighten": 25.01}}, "geometry.straighten: 25.01 is out of range; it goes from -25 to 25"),
        ({"geometry": {"rotate": 360}}, "geometry.rotate: 360 is no choice; it is one of 0, 90, 180, 270"),
        ({"geometry": {"rotate": False}}, "geometry.rotate: false is no choice; it is one of 0, 90, 180, 270"),
        ({"geometry": {"flip": "horizontaly"}}, "geometry.flip: 'horizontaly' is no choice; did you mean horizontal?"),
        (
            {"geometry": {"crop": {"left": 0.5, "width": 0.6}}},
            "geometry.crop: left 0.5 and width 0.6 reach outside of the picture, beyond 1",
        ),
        ({"geometry": {"crop": {"top": -0.1}}}, "geometry.crop.top: -0.1 is out of range; it goes from 0 to 1"),
        (
            {"geometry": {"crop": {"height": 0}}},
            "geometry.crop.height: 0 is out of range; it goes from 0.01 to 1",
        ),
        ({"geometry": []}, "geometry: a list is no object; its fields are rotate, flip, straighten, perspective, crop"),
        ({"adjustments": {"warmht": 20}}, "adjustments.warmht: there is no such field; did you mean warmth?"),
        ({"adjustments": {"Tint Shadows": 1}}, "adjustments.'Tint Shadows': there is no such field; "),
        ({"filter": {}}, "filter: there is no such field; there are: adjustments, cut, geometry, look"),
        ({"adjustments": {"tint_shadows": {"strength": 5}}}, "adjustments.tint_shadows.colour: it is missing"),
        ({"look": {}}, "look.name: it is missing"),
        ({"look": "aden"}, "look: 'aden' is no object; its fields are name, strength"),
        ({"look": {"name": 1977}}, "look.name: 1977 is no name of a look, such as clarendon"),
        (None, "null is no object; its fields are geometry, look, adjustments, cut"),
        ({"cut": {"start": -0.1}}, "cut.start: -0.1 is out of range; it goes from 0 to 86400"),
        ({"cut": {"cover": 86_401}}, "cut.cover: 86401 is out of range; it goes from 0 to 86400"),
        ({"cut": {"end": None}}, "cut.end: null is no number; it goes from 0 to 86400"),
        ({"cut": {"start": 2, "end": 2}}, "cut: end 2 is not after start 2, so nothing is left"),
        ({"cut": {"start": 1.0004, "end": 1.0001}}, "cut: end 1 is not after start 1, so nothing is left"),
        ({"cut": {"mute": 1}}, "cut.mute: 1 is neither true nor false"),
        ({"cut": {"mute": "yes"}}, "cut.mute: 'yes' is neither true nor false"),
    ],
)
def test_an_error_names_the_field_and_what_it_takes(data, message):
    error = refused(data)

    assert str(error).startswith(message)
    assert error.code == "bad_recipe"
    assert str(error).startswith(error.field)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("clarendn", "clarendon"),
        ("Lo-Fi", "lofi"),
        ("X-Pro II", "xpro2"),
        ("Valencia", "valencia"),
        ("zzz", "there are: 1977"),
    ],
)
def test_an_unknown_look_is_refused_with_the_nearest_names(name, near):
    error = refused({"look": {"name": name}})

    assert (error.code, error.field) == ("unknown_look", "look.name")
    assert repr(name) in str(error)
    assert near in str(error)


def test_a_look_of_ones_own_is_known_where_it_is_named():
    data = {"look": {"name": "our-summer"}}

    assert parse_recipe(data, own_looks=["our-summer"]) == parse_recipe(data, own_looks=None)
    assert refused(data).code == "unknown_look"
    assert "did you mean our-summer" in str(refused({"look": {"name": "our-sumer"}}, own_looks=["our-summer"]))


@given(JSON)
def test_no_data_fails_in_any_other_way(data):
    try:
        recipe = parse_recipe(data)
    except RecipeError as error:
        message = str(error)
    else:
        message = ""
        assert parse_recipe(canonical(recipe)) == recipe
    assert len(message.encode()) < 1000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"adjustments": {"fade": 1, "fade": 2}}', "names the field 'fade' twice"),
        ("{", "is not JSON"),
        ("[" * 10_000, "is not JSON"),
        ('{"look": {"name": "a\0b"}}', "is not JSON"),
        (b"\xff\xfe\xff", "is not JSON"),
        ("9" * 5000, "is not JSON"),
        (" " * 20_000, "is too long; it has at most 16384"),
    ],
)
def test_a_hostile_document_is_refused(text, says):
    with pytest.raises(RecipeError, match=says):
        parse_document(text)


def test_a_name_with_a_nul_is_refused():
    assert refused(parse_document('{"look": {"name": "aden\\u0000"}}')).code == "unknown_look"
    assert refused({"adjustments": {"fade\0": 1}}).code == "bad_recipe"


@pytest.mark.parametrize(
    "data",
    [
        {"look": {"name": "aden", "strength": 0}},
        {"adjustments": {"tint_shadows": {"colour": "red", "strength": 0}}},
        {"adjustments": {"tilt_shift": {"x": 0.2, "strength": 0}}},
        {"adjustments": {"warmth": 0.00001, "contrast": -0.0}},
        {"geometry": {"rotate": 0, "flip": "none", "crop": {"left": 0, "width": 1}, "perspective": {}}},
        {"cut": {"start": 0.0004, "mute": False}},
    ],
)
def test_what_changes_nothing_is_left_out(data):
    assert parse_recipe(data) == Recipe()


@pytest.mark.parametrize("straighten", [0, 5])
def test_turns_that_come_to_the_same_have_one_hash_and_others_have_another(straighten):
    flips = {"none": [], "horizontal": [1], "vertical": [0], "both": [0, 1]}
    picture, hashes = np.arange(35).reshape(5, 7), {}
    for rotate in (0, 90, 180, 270):
        for flip, axes in flips.items():
            turned = np.flip(np.rot90(picture, -rotate // 90), axes)
            recipe = Recipe(geometry=Geometry(rotate=rotate, flip=flip, straighten=straighten))
            hashes.setdefault((turned.shape, turned.tobytes()), set()).add(recipe_hash(recipe))

    assert [len(same) for same in hashes.values()] == [1] * 8
    assert len(set.union(*hashes.values())) == 8


# Writing


def test_a_whole_recipe_is_written_as_it_was_read():
    whole = {**EVERYTHING, "cut": WHOLE_CUT}

    assert canonical(parse_recipe(whole)) == whole


@given(RECIPES)
def test_the_canonical_form_is_read_back_as_the_same_recipe(recipe):
    data = canonical(recipe)

    assert canonical(parse_recipe(data)) == data
    assert canonical(parse_recipe(json.loads(canonical_json(recipe)))) == data


@given(RECIPES)
def test_the_order_of_fields_and_the_spelling_of_numbers_do_not_matter(recipe):
    data = json.loads(canonical_json(recipe), parse_int=float)

    assert recipe_hash(parse_recipe(shuffled(data))) == recipe_hash(recipe)


def test_whole_numbers_are_written_without_a_point_and_others_with_few_decimals():
    data = {"adjustments": {"warmth": 20.0, "fade": 12.345678}, "geometry": {"crop": {"width": 1 / 3}}}
    cut = {"cut": {"start": 1 / 3, "end": 6.0}}

    assert canonical_json(parse_recipe({**data, **cut})) == (
        '{"adjustments":{"fade":12.3457,"warmth":20},"cut":{"end":6,"start":0.333},'
        '"geometry":{"crop":{"width":0.333333}}}'
    )


@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_crop_up_to_the_edge_stays_within_the_picture(left, top):
    crop = parse_recipe(
        {"geometry": {"crop": {"left": left, "top": top, "width": 1 - left, "height": 1 - top}}}
    ).geometry.crop

    assert crop.left + crop.width <= 1 + 1e-12
    assert crop.top + crop.height <= 1 + 1e-12
    assert abs(crop.left - left) <= 2e-6


def test_a_recipe_made_by_hand_is_checked_when_it_is_written():
    with pytest.raises(RecipeError, match="warmth: 120 is out of range"):
        canonical(Recipe(adjustments=Adjustments(warmth=120)))
    with pytest.raises(RecipeError, match="no look"):
        canonical(replace(Recipe(), look=LookChoice(name="No Look")))


# Hashing


def test_the_hash_depends_on_every_field():
    other = {"clarendon": "aden", "blue": "red", "yellow": "red", "linear": "radial", "horizontal": "both", 90: 180}
    whole = {**EVERYTHING, "cut": WHOLE_CUT}
    recipes = [whole] + [
        changed(whole, path, value is False if isinstance(value, bool) else other.get(value) or value * 0.9)
        for path, value in leaves(whole)
    ]

    hashes = {recipe_hash(parse_recipe(recipe)) for recipe in recipes}

    assert len(recipes) == 1 + 8 + 1 + 2 + 9 + 4 + 6 + 2 + 4
    assert len(hashes) == len(recipes)


def test_hashes_are_what_they_were_when_the_first_recipes_were_kept():
    hashes = {
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a": {},
        "0914424d3e2760704b4495a18375623c631069a5311dfddd22f8fa08d0f76889": {"look": EVERYTHING["look"]},
        "172dc792ca73d3e67359dc6edd07f2f3613bc1ea274c72527f9f78df84d51812": EVERYTHING,
    }

    for expected, data in hashes.items():
        assert recipe_hash(parse_recipe(data)) == expected
