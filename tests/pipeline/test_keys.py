"""Keys of renditions."""

import hashlib
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from config import PhotoPreset
from config.presets import STANDARD
from pipeline.keys import rendition_key

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


@given(PRESETS, PRESETS)
def test_two_presets_share_a_key_exactly_if_their_parameters_are_the_same(one, other):
    same_key = rendition_key(7, SHA256, one, "jpg") == rendition_key(7, SHA256, other, "jpg")

    assert same_key == (parameters(one) == parameters(other))


@given(PRESETS, st.binary(max_size=8), st.binary(max_size=8))
def test_two_originals_share_a_key_exactly_if_they_are_the_same(preset, one, other):
    keys = {rendition_key(7, hashlib.sha256(data).hexdigest(), preset, "jpg") for data in (one, other)}

    assert len(keys) == len({one, other})


@given(PRESETS, st.integers(1, 2**63 - 1))
def test_a_key_lies_in_its_media_and_holds_no_text_of_a_user(preset, media_id):
    assert re.fullmatch(rf"m/{media_id}/[0-9a-f]{{32}}\.jpg", rendition_key(media_id, SHA256, preset, "jpg"))


def test_a_preset_may_be_renamed_without_making_its_renditions_anew():
    assert rendition_key(7, SHA256, replace(STANDARD[0], name="large"), "jpg") == rendition_key(
        7, SHA256, STANDARD[0], "jpg"
    )


def test_keys_are_what_they_were_when_the_first_photos_were_published():
    canonical = (
        f'{{"engine":1,"original":"{SHA256}","preset":{{"quality":82,"shape":"whole","width":1080}}}}'  # as documented
    )

    expected = hashlib.sha256(canonical.encode()).hexdigest()[:32]

    assert rendition_key(7, SHA256, STANDARD[0], "jpg") == f"m/7/{expected}.jpg"
