"""Every limit lets N in and refuses N + 1, with a code of its own."""

import struct
from dataclasses import replace

import pytest

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import read_header
from pipeline.headers.png import MOST_TEXT_BYTES
from tests.pipeline.headers import making

LIMITS = Limits()


def code(data: bytes, limits: Limits = LIMITS) -> str | None:
    """The code with which the photo is refused; None if it is let in."""
    try:
        read_header(data, limits)
    except Rejected as refusal:
        return refusal.code
    return None


def test_an_empty_file_is_refused():
    assert code(b"") == "empty_file"


def test_the_bytes_are_limited():
    photo = making.png()

    assert code(photo, replace(LIMITS, photo_bytes=len(photo))) is None
    assert code(photo, replace(LIMITS, photo_bytes=len(photo) - 1)) == "too_many_bytes"


SIZED = {
    "jpeg in several scans": lambda w, h: making.jpeg(w, h, kind=0xC2, scans=3),
    "lossless jpeg": lambda w, h: making.jpeg(w, h, kind=0xC3),
    "png": making.png,
    "gif": making.gif,
    "frame of a gif": lambda w, h: making.gif(1, 1, frame=making.gif_frame(w, h)),
    "later frame of a gif": lambda w, h: making.gif(1, 1, frame=making.gif_frame(1, 1) + making.gif_frame(w, h)),
    "webp": lambda w, h: making.riff(making.vp8(w, h)),
    "extended webp": lambda w, h: making.riff(making.vp8x(w, h), making.vp8(w, h)),
    "heic": making.heic,
    "tile of a heic": lambda w, h: grid(1, 1, (1, 1), (w, h)),
    "grid of a heic": lambda w, h: grid(1, 1, (w, h), (1, 1)),
    "avif": making.avif,
    "avif sequence": lambda w, h: making.heif([], brand=b"avis", more=making.track(w, h, frames=1)),
    "tiff": lambda w, h: making.tiff(making.page(w, h)),
    "bmp": making.bmp,
    "bmp from the top": lambda w, h: making.bmp(w, -h),
}


DEEP = {  # bytes of the samples of 7 x 5 pixels
    "png": (making.png(bits=16), 7 * 5 * 3 * 2),
    "png with alpha": (making.png(bits=16, colour=6), 7 * 5 * 4 * 2),
    "grey png with alpha, which is decoded to colour": (making.png(bits=16, colour=4), 7 * 5 * 4 * 2),
    "tiff": (making.tiff([e if e[0] != 0x102 else making.short(0x102, 32, 32, 32) for e in making.page()]), 7 * 5 * 12),
}


@pytest.mark.parametrize("kind", DEEP)
def test_the_bytes_of_deep_samples_are_limited_by_the_memory_of_a_photo(kind):
    photo, size = DEEP[kind]

    assert code(photo, replace(LIMITS, photo_memory_bytes=size * 5 // 2)) is None
    assert code(photo, replace(LIMITS, photo_memory_bytes=(size - 1) * 5 // 2)) == "too_many_sample_bytes"


def test_the_memory_of_a_photo_has_room_for_all_pixels_of_8_bits():
    assert 4 * LIMITS.pixels <= LIMITS.photo_memory_bytes * 2 // 5


def grid(columns: int, rows: int, size: tuple[int, int], tile: tuple[int, int], tiles: int | None = None) -> bytes:
    """A HEIC whose primary item is a grid."""
    content = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    parts = [(b"hvc1", b"tile", [making.ispe(*tile)])] * (columns * rows if tiles is None else tiles)
    numbers = list(range(2, len(parts) + 2))
    return making.heif([(b"grid", content, [making.ispe(1, 1)]), *parts], references=[(b"dimg", 1, numbers)])


@pytest.mark.parametrize("kind", SIZED)
def test_the_pixels_are_limited(kind):
    limits = replace(LIMITS, pixels=35)

    assert code(SIZED[kind](7, 5), limits) is None
    assert code(SIZED[kind](6, 6), limits) == "too_many_pixels"


def test_a_jpeg_that_decodes_at_a_fraction_of_its_scale_has_a_limit_of_its_own():
    limits = replace(LIMITS, pixels=1, jpeg_pixels=35)

    assert code(making.jpeg(7, 5), limits) is None
    assert code(making.jpeg(6, 6), limits) == "too_many_pixels"


@pytest.mark.parametrize("kind", [*SIZED, "jpeg"])
def test_the_sides_are_limited(kind):
    make = SIZED.get(kind, making.jpeg)
    limits = replace(LIMITS, side=7, webp_side=7)

    assert code(make(7, 5), limits) is None
    assert code(make(8, 5), limits) == "side_too_long"
    assert code(make(5, 8), limits) == "side_too_long"


@pytest.mark.parametrize("kind", ["jpeg in several scans", "png", "gif", "webp", "heic", "avif", "tiff", "bmp"])
@pytest.mark.parametrize("size", [(0, 5), (7, 0)])
def test_a_photo_without_pixels_is_refused(kind, size):
    assert code(SIZED[kind](*size)) == "no_pixels"


def test_a_bmp_of_negative_width_is_refused():
    assert code(making.bmp(-7, 5)) == "no_pixels"


FRAMED = {
    "apng": making.apng,
    "gif": lambda n: making.gif(frames=n),
    "webp": lambda n: making.riff(making.vp8x(flags=2), *[making.webp_frame()] * n),
    "avif": lambda n: making.heif([(b"av01", b"x", [making.ispe(7, 5)])], brand=b"avis", more=making.track(frames=n)),
}


@pytest.mark.parametrize("kind", [*FRAMED, "tiff"])
def test_the_frames_are_limited(kind):
    make = FRAMED.get(kind, lambda n: making.tiff(making.page(), pages=n))
    limits = replace(LIMITS, frames=3)

    assert code(make(3), limits) is None
    assert code(make(4), limits) == "too_many_frames"


def test_the_frames_that_an_apng_claims_are_limited_as_those_that_it_has():
    limits = replace(LIMITS, frames=3)

    assert code(making.apng(2, claimed=4), limits) == "too_many_frames"
    assert code(making.apng(4, claimed=2), limits) == "too_many_frames"


@pytest.mark.parametrize("kind", FRAMED)
def test_the_pixels_of_all_frames_together_are_limited(kind):
    limits = replace(LIMITS, animation_pixels=3 * 7 * 5)

    assert code(FRAMED[kind](3), limits) is None
    assert code(FRAMED[kind](4), limits) == "too_many_animation_pixels"


def test_a_still_photo_may_have_more_pixels_than_an_animation():
    assert code(making.gif(7, 5), replace(LIMITS, animation_pixels=1)) is None


@pytest.mark.parametrize("kind", [0xC0, 0xC2])
def test_the_scans_of_a_jpeg_are_limited(kind):
    limits = replace(LIMITS, jpeg_scans=4)

    assert code(making.jpeg(kind=kind, scans=4), limits) is None
    assert code(making.jpeg(kind=kind, scans=5), limits) == "too_many_scans"


PROFILED = {
    "jpeg": lambda p: making.jpeg(segments=making.segment(0xE2, b"ICC_PROFILE\0\1\1" + p)),
    "jpeg in two pieces": lambda p: making.jpeg(
        segments=making.segment(0xE2, b"ICC_PROFILE\0\1\2" + p[:9]) + making.segment(0xE2, b"ICC_PROFILE\0\2\2" + p[9:])
    ),
    "png": lambda p: making.png(before=making.chunk(b"iCCP", b"name\0\0" + making.zlib.compress(p))),
    "webp": lambda p: making.riff(making.vp8x(flags=0x20), (b"ICCP", p), making.vp8()),
    "heic": lambda p: making.heic(7, 5, making.box(b"colr", b"prof", p)),
    "avif": lambda p: making.avif(7, 5, making.box(b"colr", b"rICC", p)),
    "tiff": lambda p: making.tiff(making.page(7, 5, (0x8773, 7, len(p), p))),
}


@pytest.mark.parametrize("kind", PROFILED)
def test_the_colour_profile_is_kept_and_limited(kind):
    limits = replace(LIMITS, icc_bytes=20)

    assert read_header(PROFILED[kind](b"p" * 20), limits).profile == b"p" * 20
    assert code(PROFILED[kind](b"p" * 21), limits) == "profile_too_large"


def test_a_profile_that_inflates_without_end_is_refused_unread():
    assert code(PROFILED["png"](bytes(200 << 20))) == "profile_too_large"


def test_exif_is_read_no_further_than_its_limit():
    block = making.exif(making.short(making.ORIENTATION, 6), making.text(making.MAKE, "Darkroom Cameras"))
    photo = making.png(before=making.chunk(b"eXIf", block))

    whole = read_header(photo, replace(LIMITS, exif_bytes=len(block)))
    short = read_header(photo, replace(LIMITS, exif_bytes=len(block) - 1))

    assert (whole.orientation, whole.capture.make) == (6, "Darkroom Cameras")
    assert (short.orientation, short.capture.make) == (6, None)


@pytest.mark.parametrize("head", [b"key\0\0", b"key\0\1\0\0\0"], ids=["zTXt", "iTXt"])
def test_the_compressed_texts_of_a_png_are_limited_together(head):
    kind = b"zTXt" if head == b"key\0\0" else b"iTXt"

    def photo(size: int) -> bytes:
        half = size // 2
        return making.png(
            before=making.chunk(kind, head + making.zlib.compress(bytes(half)))
            + making.chunk(kind, head + making.zlib.compress(bytes(size - half)))
        )

    assert code(photo(MOST_TEXT_BYTES)) is None
    assert code(photo(MOST_TEXT_BYTES + 1)) == "metadata_too_large"
