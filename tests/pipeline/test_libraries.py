"""Which libraries may be at fault for a death."""

import re

from pipeline.headers.header import Format
from pipeline.libraries import clip_versions, photo_versions, suspects


def test_every_formats_decoder_has_a_version():
    versions = photo_versions()

    for photo_format in Format:
        found = suspects(f"decode {photo_format.value}", versions)
        assert found
        assert found.keys() < versions.keys()
    assert all(re.match(r"\d+\.\d+", version) for version in versions.values())


def test_a_death_in_libheif_is_no_other_librarys():
    assert suspects("decode heic", {"libheif": "1.20", "libpng": "1.6"}) == {"libheif": "1.20"}


def test_ffmpeg_is_suspected_of_clips_in_any_container():
    assert suspects("transcode mov", clip_versions()).keys() >= {"ffmpeg", "libavcodec"}


def test_our_own_stages_suspect_nobody_and_an_unknown_one_everybody():
    versions = {"libheif": "1.20", "libpng": "1.6"}

    assert suspects("resample", versions) == {}
    assert suspects("", versions) == versions
