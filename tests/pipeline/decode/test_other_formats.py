"""GIF, BMP, HEIC and four-ink JPEG."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from config import Limits
from jobs.errors import Rejected
from pipeline.decode import decode
from pipeline.headers import read_header


def test_a_gif_shows_its_transparent_colour_as_white(save, decoded):
    image = Image.fromarray(np.array([[0, 1, 2], [2, 1, 0]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50, 1, 2, 3])

    pixels = decoded(save(image, "GIF", transparency=1)).pixels

    np.testing.assert_array_equal(pixels[0], [[10, 20, 30], [255, 255, 255], [1, 2, 3]])


def test_a_gif_that_lacks_only_its_end_is_whole(colours, save, decoded):
    whole = save(Image.fromarray(colours).quantize(16), "GIF")
    assert whole.endswith(b"\0;")

    np.testing.assert_array_equal(decoded(whole[:-2]).pixels, decoded(whole).pixels)


def test_a_gif_that_ends_between_two_blocks_of_its_pixels_is_rejected(save, decoded):
    noise = np.random.default_rng(1).integers(0, 256, (60, 60), dtype=np.uint8)
    whole = save(Image.fromarray(noise), "GIF")
    first_block = whole.index(b"\xff", 13 + 3 * 256)

    with pytest.raises(Rejected, match="incomplete"):
        decoded(whole[: first_block + 256])


def test_a_bmp_that_does_not_say_where_its_pixels_are_has_them_behind_its_header(colours, save, decoded):
    whole = save(colours, "BMP")

    np.testing.assert_array_equal(decoded(whole[:10] + bytes(4) + whole[14:]).pixels, colours)


def test_a_bmp_of_ten_bits_a_colour_is_not_called_damaged(decoded):
    masks = struct.pack("<III", 0x3FF << 20, 0x3FF << 10, 0x3FF)
    info = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0)

    with pytest.raises(Rejected) as rejection:
        decoded(b"BM" + struct.pack("<IHHI", 70, 0, 0, 66) + info + masks + bytes(4))

    assert rejection.value.code == "unsupported_variant"


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmps_of_every_depth_match_pillow(mode, colours, save, decoded):
    image = Image.fromarray(colours).convert(mode)
    expected = np.asarray(image.convert("RGB"))

    np.testing.assert_array_equal(decoded(save(image, "BMP")).pixels, expected)


def test_a_bmp_of_five_six_five_bits_from_the_top_down(decoded):
    pixels = np.array([[0xF800, 0x07E0], [0x001F, 0xFFFF]], "<u2")
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    info = struct.pack("<IiiHHIIiiII", 40, 2, -2, 1, 16, 3, 8, 0, 0, 0, 0)
    head = b"BM" + struct.pack("<IHHI", 14 + 40 + 12 + 8, 0, 0, 14 + 40 + 12)

    rgb = decoded(head + info + masks + pixels.tobytes()).pixels

    np.testing.assert_array_equal(rgb, [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]])


def test_ten_bits_of_a_heic_are_rounded_to_eight(tmp_path, decoded):
    ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None], 3, axis=2).repeat(64, axis=0)
    file = tmp_path / "ramp.heic"
    pillow_heif.from_bytes("RGB;16", (64, 64), ramp.tobytes()).save(file, quality=-1, chroma=444)
    ten_bits = np.asarray(pillow_heif.open_heif(file, convert_hdr_to_8bit=False, hdr_to_16bit=False))

    pixels = decoded(file.read_bytes()).pixels

    assert ten_bits.max() == 1023
    np.testing.assert_array_equal(pixels, np.rint(ten_bits / 1023 * 255))


def test_a_heic_is_flattened_on_white(save, decoded):
    rgba = np.full((64, 64, 4), (200, 40, 90, 128), np.uint8)
    rgba[:32, :, 3] = 0

    pixels = decoded(save(rgba, "HEIF", quality=95)).pixels

    np.testing.assert_allclose(pixels[10, 10], [255, 255, 255], atol=1)
    np.testing.assert_allclose(pixels[50, 10], [227, 147, 172], atol=4)


def test_the_inks_of_an_untagged_jpeg_take_their_share_of_the_light(save, decoded):
    ink = np.full((16, 24, 4), (0, 128, 255, 64), np.uint8)

    picture = decoded(save(Image.fromarray(ink, "CMYK"), "JPEG", quality=100))

    np.testing.assert_allclose(picture.pixels[8, 8], [191, 95, 0], atol=3)
    assert picture.profile is None


def test_inks_are_decoded_at_a_fraction_of_the_size(save):
    data = save(Image.new("CMYK", (64, 48), (0, 200, 0, 0)), "JPEG")

    picture = decode(data, read_header(data, Limits()), scale=0.4)  # 1/2 is the nearest that has room

    assert picture.pixels.shape == (24, 32, 3)


def test_inks_cut_short_are_rejected_but_for_the_end_marker(save, decoded):
    data = save(Image.effect_noise((64, 48), 60).convert("CMYK"), "JPEG")
    header = read_header(data, Limits())

    np.testing.assert_array_equal(decode(data[:-2], header, scale=1.0).pixels, decoded(data).pixels)
    with pytest.raises(Rejected, match="JPEG"):
        decode(data[: len(data) // 2], header, scale=1.0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_grey_profile_is_applied_as_lcms_does(kind, corpus, save, decoded):
    with Image.open(corpus / "photos" / "thumbor__grayscale-icc.jpg") as tagged:
        profile = tagged.info["icc_profile"]
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    source = ImageCms.getOpenProfile(io.BytesIO(profile))
    expected = ImageCms.profileToProfile(grey, source, ImageCms.createProfile("sRGB"), outputMode="RGB")

    picture = decoded(save(grey, kind, icc_profile=profile))

    np.testing.assert_array_equal(picture.pixels, np.asarray(expected))
    assert picture.profile is None
