import io

import pytest
from PIL import Image

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import read_header
from pipeline.headers.webp import MOST_CHUNKS
from tests.pipeline.headers import making


def read(data: bytes):
    return read_header(data, Limits())


def refusal_of(data: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(data)
    return refusal.value.code


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("profile", [None, b"a profile"])
def test_a_webp_of_another_encoder_is_read(mode, lossless, profile):
    file = io.BytesIO()
    picture = Image.effect_noise((37, 23), 90).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize((37, 23)))
    picture.save(file, "WEBP", lossless=lossless, icc_profile=profile)

    header = read(file.getvalue())

    assert (header.width, header.height, header.frames) == (37, 23, 1)
    assert (header.profile, header.alpha) == (profile, mode == "RGBA")


def test_an_animation_of_another_encoder_is_read():
    pictures, file = [Image.effect_noise((37, 23), 40 + n).convert("RGB") for n in range(4)], io.BytesIO()
    pictures[0].save(file, "WEBP", save_all=True, append_images=pictures[1:])

    header = read(file.getvalue())

    assert (header.width, header.height, header.frames) == (37, 23, 4)


def test_the_orientation_is_exifs_else_xmps():
    exif, xmp = making.exif(making.short(making.ORIENTATION, 6)), b"<rdf tiff:Orientation='8'/>"

    assert read(making.riff(making.vp8x(), making.vp8(), (b"EXIF", exif), (b"XMP ", xmp))).orientation == 6
    assert read(making.riff(making.vp8x(), making.vp8(), (b"XMP ", xmp))).orientation == 8


def test_a_webp_that_breaks_off_behind_its_picture_is_let_in():
    assert read(making.riff(making.vp8x(), making.vp8(), (b"EXIF", bytes(40)))[:-20]).width == 7


@pytest.mark.parametrize(
    "photo",
    [
        making.riff(),
        making.riff(making.vp8())[:-1],
        making.riff((b"VP8 ", bytes(10))),
        making.riff((b"VP8L", bytes(10))),
        making.riff((b"ICCP", b"profile")),
        making.riff(making.vp8x()),
        making.riff(making.vp8x(7, 5), making.vp8(7, 6)),
        making.riff(making.vp8x(7, 5, 2), making.webp_frame(7, 5, left=2)),
        making.riff(making.vp8x(), *[(b"junk", b"")] * MOST_CHUNKS),
    ],
    ids=[
        "empty",
        "cut",
        "no start code",
        "no signature",
        "no picture",
        "canvas only",
        "other size",
        "off canvas",
        "too many",
    ],
)
def test_a_webp_without_a_sound_picture_is_corrupt(photo):
    assert refusal_of(photo) == "corrupt_header"
