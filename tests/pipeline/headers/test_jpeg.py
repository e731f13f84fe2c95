import io

import pytest
from PIL import Image

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import read_header
from pipeline.headers.jpeg import MOST_SEGMENTS
from tests.pipeline.headers import making

EXIF_6 = making.segment(0xE1, b"Exif\0\0" + making.exif(making.short(making.ORIENTATION, 6)))
XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'


def read(data: bytes):
    return read_header(data, Limits())


def refusal_of(data: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(data)
    return refusal.value.code


@pytest.mark.parametrize(("mode", "components"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_another_encoder_is_read(mode, components, progressive):
    file = io.BytesIO()
    Image.effect_noise((37, 23), 90).convert(mode).save(file, "JPEG", progressive=progressive, icc_profile=b"profile")

    header = read(file.getvalue())

    assert (header.width, header.height, header.components) == (37, 23, components)
    assert (header.orientation, header.profile, header.frames, header.alpha) == (1, b"profile", 1, False)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_upright_size_follows_the_orientation(orientation):
    block = making.exif(making.short(making.ORIENTATION, orientation))

    header = read(making.jpeg(7, 5, segments=making.segment(0xE1, b"Exif\0\0" + block)))

    assert header.orientation == orientation
    assert header.upright == ((7, 5) if orientation >= 5 else (5, 7))


def test_xmp_tells_the_orientation_only_where_exif_does_not():
    assert read(making.jpeg(segments=making.segment(0xE1, XMP))).orientation == 8
    assert read(making.jpeg(segments=making.segment(0xE1, XMP) + EXIF_6)).orientation == 6


@pytest.mark.parametrize("block", [b"", b"II*\0", b"no directory", making.exif()])
def test_exif_that_says_nothing_does_not_hide_what_follows_it(block):
    nothing = making.segment(0xE1, b"Exif\0\0" + block)

    assert read(making.jpeg(segments=nothing + EXIF_6)).orientation == 6


def test_a_missing_end_marker_is_not_missed():
    assert read(making.jpeg(end=b"")) == read(making.jpeg())
    assert read(making.jpeg(kind=0xC2, scans=3, end=b"")) == read(making.jpeg(kind=0xC2, scans=3))


def test_what_follows_the_picture_is_not_read():
    second = making.jpeg(9, 9, kind=0xC2, scans=200)

    assert read(making.jpeg(kind=0xC2, scans=2, end=b"\xff\xd9" + second)).width == 7


def test_scans_of_a_thumbnail_within_a_segment_do_not_count():
    thumbnail = making.segment(0xE2, b"\xff\xda" * 500)

    assert read(making.jpeg(kind=0xC2, scans=2, segments=thumbnail)).width == 7


def test_segments_are_found_behind_filling_and_junk():
    assert read(making.jpeg(segments=b"\xff\xff\xff" + EXIF_6[1:])).orientation == 6
    assert read(making.jpeg(segments=b"junk\0" + EXIF_6)).orientation == 6


def test_a_profile_is_joined_by_its_numbers_and_not_by_its_places():
    pieces = [
        making.segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 3)) + letter)
        for n, letter in ((3, b"c"), (1, b"a"), (2, b"b"))
    ]

    assert read(making.jpeg(segments=b"".join(pieces))).profile == b"abc"


def test_a_profile_that_lacks_a_piece_is_none():
    assert read(making.jpeg(segments=making.segment(0xE2, b"ICC_PROFILE\0\1\2a"))).profile is None


@pytest.mark.parametrize("kind", [0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA])
def test_every_kind_that_libjpeg_decodes_is_let_in(kind):
    assert read(making.jpeg(kind=kind)).width == 7


@pytest.mark.parametrize(
    "photo",
    [making.jpeg(kind=0xC5), making.jpeg(kind=0xCB), making.jpeg(bits=12), making.jpeg(components=2)],
    ids=["hierarchical", "arithmetic lossless", "12 bits", "2 components"],
)
def test_a_jpeg_that_is_no_photo_is_refused_as_such(photo):
    assert refusal_of(photo) == "unsupported_variant"


@pytest.mark.parametrize(
    "photo",
    [
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        making.jpeg()[:20],
        making.jpeg().replace(b"\xff\xc0", b"\xff\xe0", 1),
        b"\xff\xd8" + making.segment(0xFE, b"") * (MOST_SEGMENTS + 1) + making.jpeg()[2:],
    ],
    ids=["start only", "start and end", "cut in its frame", "no frame", "too many segments"],
)
def test_a_jpeg_without_a_sound_head_is_corrupt(photo):
    assert refusal_of(photo) == "corrupt_header"
