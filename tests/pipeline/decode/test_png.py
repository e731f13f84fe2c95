import struct
import zlib

import numpy as np
import pytest

from jobs.errors import Rejected

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rows(samples: np.ndarray, bits: int) -> bytes:
    """(h, w x channels) samples as filtered rows, packed from the top bit."""
    shifts = np.arange(bits - 1, -1, -1)
    packed = np.packbits((samples[:, :, None] >> shifts & 1).reshape(len(samples), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def png(samples: np.ndarray, bits: int, kind: int, *extra: bytes, end: bool = True) -> bytes:
    height, width = len(samples), samples.shape[1] // CHANNELS[kind]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows(samples, bits)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + (chunk(b"IEND", b"") if end else b"")


def samples_of(bits: int, kind: int) -> np.ndarray:
    return np.random.default_rng(bits * 8 + kind).integers(0, 1 << bits, (5, 7 * CHANNELS[kind]))


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Exact composition of values of 0 to 1, as bytes."""
    return np.broadcast_to((colour * alpha + (1 - alpha)) * 255, (*alpha.shape[:2], 3))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_of_every_depth_is_rounded_to_eight_bits(bits, decoded):
    samples = samples_of(bits, GREY)

    pixels = decoded(png(samples, bits, GREY)).pixels

    expected = np.rint(samples / ((1 << bits) - 1) * 255)
    np.testing.assert_array_equal(pixels, np.repeat(expected[:, :, None], 3, axis=2))


def test_16_bit_colour_is_rounded_not_cut(decoded):
    samples = samples_of(16, RGB)

    np.testing.assert_array_equal(
        decoded(png(samples, 16, RGB)).pixels, np.rint(samples.reshape(5, 7, 3) / 65535 * 255)
    )


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [GREY_ALPHA, RGBA])
def test_alpha_of_every_depth_is_flattened_on_white(bits, kind, decoded):
    samples = samples_of(bits, kind)
    values = samples.reshape(5, 7, -1) / ((1 << bits) - 1)

    pixels = decoded(png(samples, bits, kind)).pixels

    np.testing.assert_allclose(pixels, on_white(values[:, :, :-1], values[:, :, -1:]), atol=1.01)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_grey_level_becomes_white(bits, decoded):
    samples = samples_of(bits, GREY)
    key = int(samples[2, 3])

    pixels = decoded(png(samples, bits, GREY, chunk(b"tRNS", struct.pack(">H", key)))).pixels

    expected = np.where(samples == key, 255, np.rint(samples / ((1 << bits) - 1) * 255))
    np.testing.assert_array_equal(pixels[:, :, 1], expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_colour_becomes_white(bits, decoded):
    samples = samples_of(bits, RGB)
    key = samples.reshape(5, 7, 3)[2, 3]

    pixels = decoded(png(samples, bits, RGB, chunk(b"tRNS", struct.pack(">HHH", *key)))).pixels

    assert tuple(pixels[2, 3]) == (255, 255, 255)
    np.testing.assert_array_equal(pixels[0], np.rint(samples.reshape(5, 7, 3)[0] / ((1 << bits) - 1) * 255))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_is_looked_up_with_its_transparency(bits, decoded):
    samples = samples_of(bits, PALETTE)
    palette = np.random.default_rng(1).integers(0, 256, (1 << bits, 3), dtype=np.uint8)
    alpha = np.linspace(0, 255, 1 << bits).astype(np.uint8)
    extra = chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", alpha.tobytes())

    pixels = decoded(png(samples, bits, PALETTE, *extra)).pixels

    expected = on_white(palette[samples] / 255, alpha[samples][:, :, None] / 255)
    np.testing.assert_allclose(pixels, expected, atol=0.51)


def test_an_interlaced_picture_is_put_together(decoded):
    # Adam7 of 1 x 2 pixels: the first pass has the upper one, the seventh the lower one.
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 2, 8, GREY, 0, 0, 1))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\x10\0\xf0")) + chunk(b"IEND", b"")

    np.testing.assert_array_equal(decoded(data).pixels[:, 0, 0], [0x10, 0xF0])


def test_a_missing_end_marker_is_no_loss(decoded):
    samples = samples_of(8, RGB)

    np.testing.assert_array_equal(decoded(png(samples, 8, RGB, end=False)).pixels, samples.reshape(5, 7, 3))


@pytest.mark.parametrize("cut", [1, 3, 4])
def test_a_last_checksum_that_breaks_off_is_no_loss(cut, decoded):
    samples = samples_of(8, RGB)

    pixels = decoded(png(samples, 8, RGB, end=False)[:-cut]).pixels

    np.testing.assert_array_equal(pixels, samples.reshape(5, 7, 3))


def test_a_last_chunk_that_breaks_off_is_rejected(decoded):
    data = png(samples_of(8, RGB), 8, RGB, end=False)

    with pytest.raises(Rejected):
        decoded(data[:-5])


def test_a_well_formed_file_that_lacks_rows_is_rejected(decoded):
    whole, half = png(samples_of(8, RGB), 8, RGB), png(samples_of(8, RGB)[:3], 8, RGB)
    idat = half[half.index(b"IDAT") - 4 :]

    with pytest.raises(Rejected, match="PNG"):
        decoded(whole[: whole.index(b"IDAT") - 4] + idat)


def test_a_changed_byte_is_noticed(decoded):
    data = bytearray(png(samples_of(8, RGB), 8, RGB))
    data[data.index(b"IDAT") + 20] ^= 1

    with pytest.raises(Rejected):
        decoded(bytes(data))


def test_an_animation_does_not_disturb_its_still_picture(decoded):
    samples = samples_of(16, RGBA)
    control = (
        chunk(b"acTL", struct.pack(">II", 2, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 7, 5, 0, 0, 1, 10, 2, 1)),
    )

    animated = decoded(png(samples, 16, RGBA, *control)).pixels

    np.testing.assert_array_equal(animated, decoded(png(samples, 16, RGBA)).pixels)
