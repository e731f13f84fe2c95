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


GPS = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0"
PLANTED = {
    "position": (0xE1, GPS),
    "maker notes": (0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x7c\x92\x07\0\x04\0\0\0mine\0\0\0\0"),
    "extended XMP": (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40),
    "several pictures": (0xE2, b"MPF\0II*\0"),
    "FlashPix": (0xE2, b"FPXR\0"),
    "IPTC": (0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x05\x1c\x02\x50\0\0"),
    "Adobe": (0xEE, b"Adobe\0\x64\0\0\0\0\0"),
    "JFXX": (0xE0, b"JFXX\0\x10"),
    "content credentials": (0xEB, b"JP\0\x01\0\0\0\x01"),
    "comment": (0xFE, b"here"),
    "number of lines": (0xDC, b"\0\x1e"),
}


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("behind", [b"\xff\xe0", b"\xff\xdb", b"\xff\xc0"], ids=["JFIF", "tables", "frame"])
def test_what_cameras_and_editors_write_does_not_pass_wherever_it_stands(kind, behind):
    marker, body = PLANTED[kind]
    data = rendition().data
    at = data.index(behind)
    at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    planted = data[:at] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body + data[at:]

    with pytest.raises(UncleanRenditionError, match="does not belong there"):
        verify(rendition(planted))


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
