"""The last look lets no rendition pass that carries anything but its picture."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from jobs.errors import Rejected
from pipeline.services import Encoded
from pipeline.verify import UncleanRenditionError, verify


def rendition(data=None, width=40, height=30, **saving):
    if data is None:
        pixels = np.random.default_rng(5).integers(0, 256, (30, 40, 3)).astype(np.uint8)
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=82, **saving)
        data = buffer.getvalue()
    return Encoded(name="w40", width=width, height=height, content_type="image/jpeg", extension="jpg", data=data)


def test_a_bare_jpeg_passes():
    verify(rendition())


def test_a_jpeg_with_restart_markers_passes():
    verify(rendition(restart_marker_rows=1))


@pytest.mark.parametrize(
    "metadata",
    [
        {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
        {"icc_profile": b"profile"},
        {"comment": b"from here"},
        {"xmp": b"<x/>"},
        {"progressive": True},
    ],
)
def test_metadata_and_other_kinds_of_jpeg_do_not_pass(metadata):
    with pytest.raises(UncleanRenditionError, match="segment"):
        verify(rendition(**metadata))


@pytest.mark.parametrize("more", [b"\0", b"\xff\xd9", b"<html>"])
def test_trailing_bytes_do_not_pass(more):
    with pytest.raises(UncleanRenditionError, match="follows its pixels"):
        verify(rendition(rendition().data + more))


@pytest.mark.parametrize("cut", [1, 2, 300])
def test_a_missing_end_does_not_pass(cut):
    with pytest.raises(UncleanRenditionError):
        verify(rendition(rendition().data[:-cut]))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 20, 21, 24, 170])
def test_the_beginning_alone_does_not_pass(length):
    with pytest.raises(UncleanRenditionError):
        verify(rendition(rendition().data[:length]))


def test_another_size_than_stated_does_not_pass():
    with pytest.raises(UncleanRenditionError):
        verify(replace(rendition(), width=41))


def test_a_thumbnail_in_the_jfif_header_does_not_pass():
    data = rendition().data
    with_thumbnail = data[:4] + (16 + 3).to_bytes(2, "big") + data[6:18] + b"\1\1" + b"rgb" + data[20:]

    with pytest.raises(UncleanRenditionError, match="E0h"):
        verify(rendition(with_thumbnail))


def test_the_fault_is_not_the_uploads():
    assert not issubclass(UncleanRenditionError, Rejected)
