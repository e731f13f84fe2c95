"""Keys of renditions."""

import hashlib
import json
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from config import PhotoPreset
from config.presets import STANDARD
from filters.recipe import Recipe, parse_recipe
from pipeline import keys
from pipeline.keys import rendition_key
from pipeline.services import Edits

SHA256 = hashlib.sha256(b"an original").hexdigest()
PRESETS = st.builds(
    PhotoPreset,
    name=st.text(min_size=1, max_size=8),
    width=st.integers(1, 4000),
    shape=st.sampled_from(["whole", "square"]),
    quality=st.integers(1, 100),
)


def parameters(preset):
    return preset.width, preset.shape, preset.quality


LADDERS = st.lists(PRESETS, min_size=1, max_size=3)


@given(LADDERS, LADDERS)
def test_two_ladders_share_a_key_exactly_if_their_parameters_are_the_same(one, other):
    same_key = rendition_key(7, SHA256, one, 0, "jpg") == rendition_key(7, SHA256, other, 0, "jpg")

    assert same_key == ([*map(parameters, one)] == [*map(parameters, other)])


def test_a_rung_more_moves_every_key_because_each_picture_is_drawn_from_the_next_larger():
    larger = (PhotoPreset(name="w2048", width=2048), *STANDARD)

    before = {rendition_key(7, SHA256, STANDARD, place, "jpg") for place in range(4)}
    after = {rendition_key(7, SHA256, larger, place, "jpg") for place in range(5)}

    assert len(before) == 4
    assert len(after) == 5
    assert not before & after


@given(PRESETS, st.binary(max_size=8), st.binary(max_size=8))
def test_two_originals_share_a_key_exactly_if_they_are_the_same(preset, one, other):
    named = {rendition_key(7, hashlib.sha256(data).hexdigest(), [preset], 0, "jpg") for data in (one, other)}

    assert len(named) == len({one, other})


@given(PRESETS, st.integers(1, 2**63 - 1))
def test_a_key_lies_in_its_media_and_holds_no_text_of_a_user(preset, media_id):
    assert re.fullmatch(rf"m/{media_id}/[0-9a-f]{{32}}\.jpg", rendition_key(media_id, SHA256, [preset], 0, "jpg"))


def test_a_preset_may_be_renamed_without_making_its_renditions_anew():
    renamed = [replace(preset, name=f"{preset.name}-new") for preset in STANDARD]

    assert rendition_key(7, SHA256, renamed, 1, "jpg") == rendition_key(7, SHA256, STANDARD, 1, "jpg")


def key_of(own_look=b"", **recipe):
    return rendition_key(7, SHA256, STANDARD, 0, "jpg", Edits(recipe=parse_recipe(recipe, None), look=own_look))


def test_another_recipe_is_another_key_and_the_same_one_spelt_otherwise_is_not():
    different = {
        key_of(),
        key_of(adjustments={"warmth": 20}),
        key_of(adjustments={"warmth": 21}),
        key_of(look={"name": "aden"}),
        key_of(look={"name": "aden", "strength": 50}),
        key_of(look={"name": "juno"}),
    }

    assert len(different) == 6
    assert key_of(look={"name": "aden", "strength": 100.0}, adjustments={"fade": 0}) == key_of(look={"name": "aden"})


def test_a_recipe_that_changes_nothing_has_the_keys_of_a_photo_without_one():
    plain = rendition_key(7, SHA256, STANDARD, 0, "jpg")

    assert plain == rendition_key(7, SHA256, STANDARD, 0, "jpg", Edits(recipe=Recipe())) == key_of()
    assert plain == key_of(look={"name": "aden", "strength": 0}, geometry={"rotate": 0})


def test_the_bytes_of_a_look_of_ones_own_are_part_of_its_keys():
    recipe = {"look": {"name": "summer"}}

    assert key_of(b"one", **recipe) == key_of(b"one", **recipe) != key_of(b"two", **recipe)


def test_the_numbers_of_a_built_in_look_are_part_of_its_keys(monkeypatch):
    before, other = key_of(look={"name": "aden"}), key_of(look={"name": "juno"})

    monkeypatch.setattr(keys, "look_digest", lambda name: f"fitted anew: {name}")

    assert key_of(look={"name": "aden"}) not in (before, other)


def test_keys_of_edited_photos_are_what_they_were_when_the_first_were_published():
    rungs = '{"quality":82,"shape":"whole","width":1080}'
    recipe = '{"adjustments":{"warmth":20},"look":{"name":"summer","strength":80}}'
    look = hashlib.sha256(b"summer").hexdigest()
    canonical = (
        f'{{"engine":1,"ladder":[{rungs}],"look":"{look}","original":"{SHA256}","place":0,"recipe":{recipe},"tools":1}}'
    )
    edits = Edits(recipe=parse_recipe(json.loads(recipe), None), look=b"summer")

    expected = hashlib.sha256(canonical.encode()).hexdigest()[:32]

    assert rendition_key(7, SHA256, STANDARD[:1], 0, "jpg", edits) == f"m/7/{expected}.jpg"


def test_keys_are_what_they_were_when_the_first_photos_were_published():
    preset = '{"quality":82,"shape":"whole","width":1080}'
    canonical = f'{{"engine":1,"ladder":[{preset}],"original":"{SHA256}","place":0}}'  # as documented

    expected = hashlib.sha256(canonical.encode()).hexdigest()[:32]

    assert rendition_key(7, SHA256, STANDARD[:1], 0, "jpg") == f"m/7/{expected}.jpg"
