"""JPEG decoding: at the cheapest sufficient scale, whole or not at all."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import pipeline.decode
from config import Limits
from jobs.errors import Rejected
from pipeline.decode.jpeg import choose_eighths, decode_jpeg
from pipeline.headers import read_header


def jpeg(height=203, width=301, mode="RGB", **saving):
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(8).integers(0, 20, (height, width))
    planes = [200 * x // width + noise, 200 * y // height + noise, 100 * (x + y) // (width + height) + noise]
    image = Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8)).convert(mode)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90, **saving)
    return buffer.getvalue()


def decode(data, scale=1.0):
    return decode_jpeg(data, read_header(data, Limits()), scale)


def read_whole(data):
    return pipeline.decode.decode(data, read_header(data, Limits()), 1.0)


def pillow(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"), np.int16)


@pytest.mark.parametrize(
    ("scale", "eighths"), [(1.0, 8), (0.84, 8), (0.4166, 4), (0.42, 8), (0.2, 2), (0.1, 1), (0.0001, 1)]
)
def test_the_scale_leaves_a_fifth_of_headroom(scale, eighths):
    assert choose_eighths(read_header(jpeg(), Limits()), scale) == eighths
    assert eighths == 8 or eighths / 8 >= 1.2 * scale


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_frame_without_a_transform_is_never_reduced_because_that_crashes_the_decoder(mode):
    data = jpeg(mode=mode)

    assert choose_eighths(read_header(data, Limits()), 0.1) == 1
    assert choose_eighths(read_header(data.replace(b"\xff\xc0", b"\xff\xc3"), Limits()), 0.1) == 8


@pytest.mark.parametrize("saving", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_full_size_pixels_are_those_of_another_decoder(mode, saving):
    data = jpeg(mode=mode, **saving)

    picture = decode(data)

    assert np.abs(picture.pixels - pillow(data)).max() <= 2
    assert (picture.orientation, picture.profile) == (1, None)
    assert picture.pixels.flags.c_contiguous


@pytest.mark.parametrize(("scale", "size"), [(0.5, (203, 301)), (0.4, (102, 151)), (0.2, (51, 76)), (0.05, (26, 38))])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_reduced_picture_is_the_full_one_made_smaller(mode, scale, size):
    data = jpeg(mode=mode)
    smaller = np.asarray(Image.open(BytesIO(data)).convert("RGB").resize(size[::-1], Image.Resampling.BOX), np.int16)

    pixels = decode(data, scale).pixels

    assert pixels.shape == (*size, 3)
    assert np.abs(pixels - smaller).mean() < 3


def test_what_the_header_said_goes_along_with_the_pixels():
    data = jpeg(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", icc_profile=b"a profile")

    picture = decode(data)

    assert (picture.orientation, picture.profile) == (6, b"a profile")


@pytest.mark.parametrize("saving", [{}, {"progressive": True}])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_file_that_lacks_only_its_end_marker_is_whole(saving, cut):
    data = jpeg(**saving)

    np.testing.assert_array_equal(decode(data[:-cut]).pixels, decode(data).pixels)


@pytest.mark.parametrize("saving", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("scale", [1.0, 0.05])
def test_a_file_that_lacks_pixels_is_rejected(saving, part, scale):
    data = jpeg(**saving)

    with pytest.raises(Rejected) as rejection:
        decode(data[: int(len(data) * part)], scale)

    assert rejection.value.code == "corrupt_media"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("saving", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("marker", [b"\xff\xeb\x26\xee", b"\xff\xeb\0\x04aa", b"\xff\xfe\0\x02", b"\xff\xc4"])
def test_a_marker_where_the_rest_is_missing_makes_no_file_whole(mode, saving, marker):
    data = jpeg(mode=mode, **saving)

    with pytest.raises(Rejected) as rejection:
        read_whole(data[: len(data) // 2] + marker + b"7890")

    assert rejection.value.code == "corrupt_media"


def test_what_its_writer_has_ended_early_is_taken_as_decoders_take_it():
    data = jpeg()

    assert decode(data[: len(data) // 2] + b"\xff\xd9").pixels.shape == decode(data).pixels.shape


@pytest.mark.parametrize("more", [b"\0" * 1000, b"<html>", b"\xff\xd8\xff\xe1 another picture", b"\0\0\0\x18ftypmp42"])
def test_whatever_follows_the_end_is_left_alone(more):
    data = jpeg()

    np.testing.assert_array_equal(decode(data + more).pixels, decode(data).pixels)


def test_junk_between_segments_and_before_the_end_is_overlooked():
    data = jpeg()
    tables = data.index(b"\xff\xdb")
    junk = data[:tables] + b"\x07" + data[tables:-2] + b"\x01\x02\x03" + data[-2:]

    np.testing.assert_array_equal(decode(junk).pixels, decode(data).pixels)


def test_a_shared_view_of_the_bytes_will_do():
    data = jpeg()

    np.testing.assert_array_equal(decode(memoryview(data)).pixels, decode(data).pixels)
    np.testing.assert_array_equal(decode(memoryview(data)[:-2]).pixels, decode(data).pixels)


def test_a_lossless_jpeg_is_decoded_whole_whatever_the_scale(corpus):
    data = (corpus / "photos" / "sharp__testimgl.jpg").read_bytes()

    np.testing.assert_array_equal(decode(data, 0.05).pixels, pillow(data))


@pytest.mark.parametrize("name", ["androidx__pixel-motion-photo-shortened.jpg", "libavif__apple_gainmap_new.jpg"])
def test_phone_files_with_more_than_a_picture_are_whole(corpus, name):
    assert decode((corpus / "photos" / name).read_bytes(), 0.2).pixels.any()


@pytest.mark.parametrize(
    "name", ["made__jpeg_truncated_25pct.jpg", "made__jpeg_truncated_50pct.jpg", "sharp__truncated.jpg"]
)
def test_real_photos_cut_short_are_rejected(corpus, name):
    with pytest.raises(Rejected, match="incomplete or damaged"):
        decode((corpus / "hostile" / name).read_bytes(), 0.2)
