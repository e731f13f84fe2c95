import struct

import numpy as np
import pytest
from PIL import Image

from filters.resample import turn_upright
from jobs.errors import Rejected

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS = 256, 257, 258, 259, 262, 273
ORIENTATION, SAMPLES, ROWS, COUNTS, PLANAR, EXTRA, FORMAT, XMP = 274, 277, 278, 279, 284, 338, 339, 700
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1
UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff(samples: np.ndarray, photometric: int, order: str = "<", **more: int) -> bytes:
    """An uncompressed file of (h, w) or (h, w, channels) samples, in one strip or, if `planar` is 2, in one a channel.

    Further tags are given by name in `more`.
    """
    height, width, channels = samples.shape if samples.ndim == 3 else (*samples.shape, 1)
    planes = channels if more.get("planar") == 2 else 1
    laid = np.moveaxis(samples, -1, 0) if planes > 1 else samples
    body = laid.astype(samples.dtype.newbyteorder(order)).tobytes()
    strip = len(body) // planes
    tags = {WIDTH: [width], HEIGHT: [height], BITS: [samples.dtype.itemsize * 8] * channels, COMPRESSION: [1]}
    tags |= {PHOTOMETRIC: [photometric], SAMPLES: [channels], ROWS: [height], COUNTS: [strip] * planes}
    tags |= {OFFSETS: [8 + plane * strip for plane in range(planes)]}
    tags |= {globals()[name.upper()]: [value] for name, value in more.items()}
    long, entries = b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > 4:
            packed, long = struct.pack(f"{order}I", 8 + len(body) + len(long)), long + packed
        entries += struct.pack(f"{order}HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(body) + len(long))
    return head + body + long + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def random(shape: tuple[int, ...], kind: type) -> np.ndarray:
    return np.random.default_rng(5).integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_is_rounded_not_clipped(order, decoded):
    samples = random((5, 7), np.uint16)

    pixels = decoded(tiff(samples, BLACK_IS_ZERO, order)).pixels

    np.testing.assert_array_equal(pixels[:, :, 0], np.rint(samples / 65535 * 255))


def test_16_bit_grey_whose_zero_is_white_is_inverted(decoded):
    samples = random((5, 7), np.uint16)

    pixels = decoded(tiff(samples, WHITE_IS_ZERO)).pixels

    np.testing.assert_array_equal(pixels[:, :, 2], 255 - np.rint(samples / 65535 * 255))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.int16, np.int32])
def test_signed_grey_runs_from_zero_to_its_largest_number(kind, order, decoded):
    samples = np.array([[-5, 0, np.iinfo(kind).max // 2, np.iinfo(kind).max]], kind)

    pixels = decoded(tiff(samples, BLACK_IS_ZERO, order, format=SIGNED)).pixels

    np.testing.assert_allclose(pixels[0, :, 0], [0, 0, 127, 255], atol=1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_32_bit_grey_uses_its_whole_range(order, decoded):
    samples = np.array([[0, 1 << 31, 0xFFFFFFFF]], np.uint32)

    np.testing.assert_array_equal(decoded(tiff(samples, BLACK_IS_ZERO, order)).pixels[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("white", [1.0, 255.0])
def test_floats_are_taken_up_to_one_or_up_to_255(white, order, decoded):
    samples = np.array([[0, 0.25, 0.5, 1, np.nan]], np.float32) * np.float32(white)

    pixels = decoded(tiff(samples, BLACK_IS_ZERO, order, format=FLOAT)).pixels

    np.testing.assert_allclose(pixels[0, :, 1], [0, 64, 128, 255, 0], atol=1)


@pytest.mark.parametrize("kind", [np.uint32, np.float32])
def test_colour_of_32_bits_is_rounded(kind, decoded):
    value = np.random.default_rng(6).random((5, 7, 3))
    white, sample_format = (1, FLOAT) if kind is np.float32 else (0xFFFFFFFF, UNSIGNED)

    pixels = decoded(tiff((value * white).astype(kind), 2, format=sample_format)).pixels

    np.testing.assert_array_equal(pixels, np.rint(value * 255))


def test_16_bit_grey_in_a_compression_that_opencv_lacks_keeps_its_bits(save, decoded):
    samples = random((5, 7), np.uint16)

    pixels = decoded(save(samples, "TIFF", compression="zstd")).pixels

    np.testing.assert_array_equal(pixels[:, :, 1], np.rint(samples / 65535 * 255))


@pytest.mark.parametrize("tags", [{"bits": 10}, {"extra": 2}])
def test_a_kind_of_pixels_that_no_decoder_knows_is_not_called_damaged(tags, decoded):
    with pytest.raises(Rejected, match="cannot be read") as rejection:
        decoded(tiff(random((5, 7, 2), np.uint16), BLACK_IS_ZERO, **tags))

    assert rejection.value.code == "unsupported_variant"


def test_a_page_without_a_photometric_interpretation_has_white_for_zero_as_pillow_reads_it(decoded):
    data = tiff(random((5, 7), np.uint8), BLACK_IS_ZERO).replace(struct.pack("<HHI", PHOTOMETRIC, 3, 1), bytes(8))

    np.testing.assert_array_equal(decoded(data).pixels[:, :, 1], 255 - random((5, 7), np.uint8))


PACKETS = {
    "an attribute": b'<x tiff:Orientation="6"/>',
    "an element": b"<tiff:Orientation>6</tiff:Orientation>",
    "single quotes": b"<x tiff:Orientation = '6'/>",  # which Pillow overlooks
}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("spelling", PACKETS)
def test_an_orientation_that_stands_in_xmp_alone_is_found_for_every_depth(kind, spelling, decoded):
    samples, packet = random((5, 7, 3), kind), PACKETS[spelling]
    data = tiff(samples, 2, xmp=0)
    pointing = struct.pack("<HHII", XMP, 1, len(packet), len(data))

    picture = decoded(data.replace(struct.pack("<HHII", XMP, 3, 1, 0), pointing) + packet)

    upright = turn_upright(picture.pixels, picture.orientation)
    np.testing.assert_array_equal(upright, np.rint(np.rot90(samples, -1) / np.iinfo(kind).max * 255))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_colour_is_rounded_and_upright(order, orientation, decoded):
    samples = random((5, 7, 3), np.uint16)
    eight = np.rint(samples / 65535 * 255).astype(np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turned = {
        1: eight,
        2: eight[:, ::-1],
        3: eight[::-1, ::-1],
        4: eight[::-1],
        5: eight.swapaxes(0, 1),
        6: np.rot90(eight, -1),
        7: eight[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(eight, 1),
    }

    picture = decoded(tiff(samples, 2, order, orientation=orientation))

    np.testing.assert_array_equal(turn_upright(picture.pixels, picture.orientation), turned[orientation])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_planes_are_put_together(kind, decoded):
    samples = random((5, 7, 3), kind)

    pixels = decoded(tiff(samples, 2, planar=2)).pixels

    np.testing.assert_allclose(pixels, samples / np.iinfo(kind).max * 255, atol=1)


def test_16_bit_transparency_is_laid_on_white(decoded):
    samples = random((5, 7, 4), np.uint16)
    value = samples / 65535

    pixels = decoded(tiff(samples, 2, extra=2)).pixels

    expected = (value[:, :, :3] * value[:, :, 3:] + 1 - value[:, :, 3:]) * 255
    np.testing.assert_allclose(pixels, expected, atol=1.5)  # three roundings


def test_premultiplied_transparency_is_not_multiplied_again(decoded):
    samples = np.full((5, 7, 4), [100, 50, 0, 128], np.uint8)

    pixels = decoded(tiff(samples, 2, extra=1)).pixels

    np.testing.assert_allclose(pixels[0, 0], [100 + 127, 50 + 127, 127], atol=1)


@pytest.mark.parametrize("compression", ["group3", "group4", "packbits", "tiff_lzw", "tiff_adobe_deflate"])
def test_bilevel_pictures_of_every_compression(compression, save, decoded):
    bits = np.random.default_rng(2).integers(0, 2, (33, 70)).astype(bool)

    pixels = decoded(save(Image.fromarray(bits), "TIFF", compression=compression)).pixels

    np.testing.assert_array_equal(pixels[:, :, 0], bits * 255)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_inks_become_light(compression, save, decoded):
    ink = random((6, 9, 4), np.uint8)
    expected = (255.0 - ink[:, :, :3]) * (255.0 - ink[:, :, 3:]) / 255

    picture = decoded(save(Image.fromarray(ink, "CMYK"), "TIFF", compression=compression))

    np.testing.assert_allclose(picture.pixels, expected, atol=1)
    assert picture.profile is None


def test_lab_becomes_srgb_by_its_definition(decoded):
    lab = np.array([[[255, 0, 0], [0, 0, 0], [128, 0, 0], [136, 208, 172]]], np.uint8)  # the last: L 53.3, a 80, b -84

    pixels = decoded(tiff(lab, 8)).pixels[0].astype(int)

    assert pixels[0].min() >= 254
    assert pixels[1].max() <= 1
    np.testing.assert_allclose(pixels[2], 119, atol=2)  # L 50.2


def test_palettes_and_small_depths_match_pillow(colours, save, decoded):
    image = Image.fromarray(colours).quantize(6)

    np.testing.assert_array_equal(decoded(save(image, "TIFF")).pixels, np.asarray(image.convert("RGB")))


def test_ycbcr_with_jpeg_inside_is_close(save, decoded):
    ramp = np.stack(np.broadcast_arrays(np.arange(64)[:, None] * 4, np.arange(96)[None] * 2, 90), -1).astype(np.uint8)

    pixels = decoded(save(ramp, "TIFF", compression="jpeg", quality=95)).pixels

    assert np.abs(pixels.astype(int) - ramp).mean() < 2
