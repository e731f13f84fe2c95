"""Edits as they are typed."""

import pytest

from filters.recipe import Crop, RecipeError, TiltShift, Tint, apply_edits, parse_recipe


def spelt(*edits, **data):
    return parse_recipe(apply_edits(data, edits))


@pytest.mark.parametrize(
    ("edit", "where", "expected"),
    [
        ("warmth=20", "adjustments.warmth", 20),
        (" warmth = -2.5 ", "adjustments.warmth", -2.5),
        ("tint_shadows=blue:40", "adjustments.tint_shadows", Tint(colour="blue", strength=40)),
        ("tint_highlights=yellow", "adjustments.tint_highlights", Tint(colour="yellow")),
        ('tint_shadows={"colour": "red"}', "adjustments.tint_shadows", Tint(colour="red")),
        ("tilt_shift=linear", "adjustments.tilt_shift", TiltShift(shape="linear")),
        ('tilt_shift={"x": 0.25, "strength": 80}', "adjustments.tilt_shift", TiltShift(x=0.25, strength=80)),
        ("crop=0.1,0.2,0.5,0.6", "geometry.crop", Crop(left=0.1, top=0.2, width=0.5, height=0.6)),
        ("rotate=90", "geometry.rotate", 90),
        ("flip=horizontal", "geometry.flip", "horizontal"),
        ("straighten=2.5", "geometry.straighten", 2.5),
        ("perspective=10,-20", "geometry.perspective_vertical", -20),
    ],
)
def test_an_edit_sets_its_field(edit, where, expected):
    group, name = where.split(".")

    assert getattr(getattr(spelt(edit), group), name) == expected


def test_a_later_edit_wins_over_an_earlier_one_and_over_the_data():
    recipe = spelt("fade=2", "fade=3", adjustments={"fade": 1, "warmth": 5}, geometry={"rotate": 90})

    assert (recipe.adjustments.fade, recipe.adjustments.warmth, recipe.geometry.rotate) == (3, 5, 90)


def test_the_data_that_is_edited_stays_as_it_was():
    data = {"adjustments": {"fade": 1}}
    apply_edits(data, ["fade=2"])

    assert data == {"adjustments": {"fade": 1}}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("warmht=20", "warmht: there is no such edit; did you mean warmth?"),
        ("warmth", "warmth: an edit is spelt warmth=VALUE"),
        ("warmth=hot", "adjustments.warmth: 'hot' is no number"),
        ("warmth=", "adjustments.warmth: '' is no number"),
        ("warmth=120", "adjustments.warmth: 120 is out of range; it goes from -100 to 100"),
        ("warmth=nan", "adjustments.warmth: nan is out of range; it goes from -100 to 100"),
        ("rotate=45", "geometry.rotate: 45 is no choice; it is one of 0, 90, 180, 270"),
        ("tint_shadows=blue:40:3", "adjustments.tint_shadows: 3 values are too many; they are colour, strength"),
        ("tint_shadows={", "the recipe is not JSON"),
        ("=3", "there is no such edit; there are: "),
    ],
)
def test_a_wrong_edit_is_refused_by_name(edit, message):
    with pytest.raises(RecipeError) as refusal:
        spelt(edit)
    assert str(refusal.value).lstrip(": '").startswith(message)


def test_what_is_no_object_cannot_be_edited():
    with pytest.raises(RecipeError, match="geometry: it is no object"):
        apply_edits({"geometry": 3}, ["rotate=90"])
