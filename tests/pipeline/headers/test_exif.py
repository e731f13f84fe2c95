import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config.limits import Limits
from pipeline.headers import Capture, read_header
from pipeline.headers.exif import Exif, moment, read_exif
from tests.pipeline.headers import making


def read(block: bytes) -> Exif:
    return read_exif(memoryview(block), Limits().exif_bytes)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_orientation_time_and_camera_are_read(order, prefix):
    block = making.exif(
        making.short(making.ORIENTATION, 6, order=order),
        making.text(making.MAKE, "Darkroom"),
        making.text(making.MODEL, "One"),
        details=[making.text(making.TAKEN, "2019:05:01 12:34:56"), making.text(making.OFFSET, "+02:00")],
        order=order,
    )

    facts = read(prefix + block)

    assert facts == Exif(
        orientation=6, capture=Capture(taken_at="2019-05-01T12:34:56+02:00", make="Darkroom", model="One")
    )


def test_exif_of_another_writer_is_read():
    exif, file = Image.Exif(), io.BytesIO()
    exif[making.ORIENTATION], exif[making.MAKE], exif[making.MODEL] = 8, "Darkroom", "Two"
    exif.get_ifd(making.EXIF)[making.TAKEN] = "2021:12:31 23:59:59"
    exif.get_ifd(making.GPS)[2] = (52.0, 30.0, 0.0)
    Image.new("RGB", (7, 5)).save(file, "JPEG", exif=exif)

    header = read_header(file.getvalue(), Limits())

    assert header.orientation == 8
    assert header.capture == Capture(taken_at="2021-12-31T23:59:59", make="Darkroom", model="Two")


@pytest.mark.parametrize("value", [0, 9, 99, 65535])
def test_an_orientation_that_does_not_exist_is_unknown(value):
    assert read(making.exif(making.short(making.ORIENTATION, value))).orientation is None


def test_an_orientation_of_another_width_is_read():
    assert read(making.exif(making.long(making.ORIENTATION, 3))).orientation == 3


@pytest.mark.parametrize(
    ("stamp", "offset", "expected"),
    [
        ("2019:05:01 12:34:56", None, "2019-05-01T12:34:56"),
        ("2019:05:01 12:34:56", "-09:30", "2019-05-01T12:34:56-09:30"),
        ("2019:05:01 12:34:56", "   :  ", "2019-05-01T12:34:56"),
        ("2019:05:01 12:34:56", "UTC", "2019-05-01T12:34:56"),
        ("0000:00:00 00:00:00", None, None),
        ("2019:02:30 12:34:56", None, None),
        ("2019:05:01 24:34:56", None, None),
        ("2019-05-01T12:34:56", None, None),
        ("٢٠١٩:05:01 12:34:56", None, None),
        ("    :  :     :  :  ", None, None),
        (None, "+02:00", None),
        ("2020:01:02 03:04:05", "-23:59", "2020-01-02T03:04:05-23:59"),
        ("2020:01:02 03:04:05", "+24:00", "2020-01-02T03:04:05"),
        ("2020:01:02 03:04:05", "+02:60", "2020-01-02T03:04:05"),
    ],
)
def test_a_moment_is_iso_8601_or_unknown(stamp, offset, expected):
    assert moment(stamp, offset) == expected


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Darkroom   ", "Darkroom"),
        ("Dark\x1b[31mroom\n", "Dark[31mroom"),
        ("Dark\u202eroom\u200b", "Darkroom"),
        ("Caméra", "Caméra"),
        ("   ", None),
        ("", None),
        ("x" * 500, "x" * 64),
    ],
)
def test_a_camera_is_printable_and_short(written, kept):
    assert read(making.exif(making.text(making.MAKE, written))).capture.make == kept


def test_a_directory_that_points_to_itself_is_read_once():
    block = making.exif(making.long(making.EXIF, 8), making.short(making.ORIENTATION, 6))

    assert read(block).orientation == 6


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"junk" * 9]
)
def test_broken_exif_says_nothing(block):
    assert read(block) == Exif()


@given(st.binary(max_size=400))
def test_no_bytes_are_worse_than_unknown(junk):
    read(junk)
    read(b"Exif\0\0II*\0\x08\0\0\0" + junk)


@given(st.data())
def test_exif_cut_anywhere_is_read_as_far_as_it_goes(data):
    block = making.exif(making.short(making.ORIENTATION, 6), details=[making.text(making.TAKEN, "2019:05:01 12:34:56")])
    cut = data.draw(st.integers(0, len(block)))

    assert read(block[:cut]).orientation in (6, None)
    assert read(block[:cut]).capture.taken_at in ("2019-05-01T12:34:56", None)
