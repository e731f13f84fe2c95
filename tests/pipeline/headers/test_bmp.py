import io

import pytest
from PIL import Image

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import read_header
from tests.pipeline.headers import making


def read(data: bytes):
    return read_header(data, Limits())


def refusal_of(data: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(data)
    return refusal.value.code


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_bmp_of_another_encoder_is_read(mode):
    file = io.BytesIO()
    Image.new(mode, (37, 23)).save(file, "BMP")

    header = read(file.getvalue())

    assert (header.width, header.height, header.frames, header.alpha) == (37, 23, 1, False)


@pytest.mark.parametrize("version", [12, 16, 40, 52, 56, 64, 108, 124])
def test_every_version_of_the_header_is_read(version):
    header = read(making.bmp(7, 5, version=version))

    assert (header.width, header.height) == (7, 5)


def test_a_negative_height_is_a_picture_from_the_top():
    assert read(making.bmp(7, -5)).height == 5


def test_a_mask_for_alpha_is_alpha():
    photo = bytearray(making.bmp(bits=32, version=124, compression=3))
    assert not read(bytes(photo)).alpha

    photo[14 + 52 : 14 + 56] = b"\0\0\0\xff"
    assert read(bytes(photo)).alpha


@pytest.mark.parametrize(("bits", "compression"), [(40, 0), (0, 0), (24, 1), (8, 2), (24, 4), (24, 5)])
def test_a_bmp_that_is_no_photo_is_refused_as_such(bits, compression):
    assert refusal_of(making.bmp(bits=bits, compression=compression)) == "unsupported_variant"


@pytest.mark.parametrize(
    "photo",
    [
        making.bmp()[:20],
        making.bmp()[:-1],
        making.bmp(version=17),
        making.bmp(bits=8)[:46] + b"\xff\xff\xff\xff" + making.bmp(bits=8)[50:],
        making.bmp()[:10] + b"\1\0\0\0" + making.bmp()[14:],
        making.bmp(bits=8, compression=1)[:54],
    ],
    ids=["cut in its header", "last byte missing", "unknown version", "huge palette", "pixels in header", "no pixels"],
)
def test_a_bmp_without_a_sound_head_is_corrupt(photo):
    assert refusal_of(photo) == "corrupt_header"
