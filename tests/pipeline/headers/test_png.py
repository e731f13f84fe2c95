import io
import zlib

import pytest
from PIL import Image, PngImagePlugin

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import read_header
from pipeline.headers.png import MOST_CHUNKS
from tests.pipeline.headers import making


def read(data: bytes):
    return read_header(data, Limits())


def refusal_of(data: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(data)
    return refusal.value.code


@pytest.mark.parametrize(
    ("mode", "components", "bits", "alpha"),
    [
        ("1", 1, 8, False),
        ("L", 1, 8, False),
        ("I;16", 1, 16, False),
        ("LA", 1, 8, True),
        ("P", 3, 8, False),
        ("RGB", 3, 8, False),
        ("RGBA", 3, 8, True),
    ],
)
def test_a_png_of_another_encoder_is_read(mode, components, bits, alpha):
    file = io.BytesIO()
    Image.new(mode, (37, 23)).save(file, "PNG", icc_profile=b"profile")

    header = read(file.getvalue())

    assert (header.width, header.height, header.frames, header.profile) == (37, 23, 1, b"profile")
    assert (header.components, header.bits, header.alpha) == (components, bits, alpha)


def test_a_transparent_colour_is_alpha():
    assert read(making.png(before=making.chunk(b"tRNS", bytes(6)))).alpha


def test_the_orientation_is_exifs_even_behind_the_picture():
    assert (
        read(making.png(after=making.chunk(b"eXIf", making.exif(making.short(making.ORIENTATION, 7))))).orientation == 7
    )


def a_text(keyword: bytes, text: bytes) -> bytes:
    return making.chunk(b"tEXt", keyword + b"\0" + text)


def a_compressed_text(keyword: bytes, text: bytes) -> bytes:
    return making.chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))


def an_international_text(keyword: bytes, text: bytes) -> bytes:
    return making.chunk(b"iTXt", keyword + b"\0\0\0en\0Schl\xc3\xbcssel\0" + text)


def a_compressed_international_text(keyword: bytes, text: bytes) -> bytes:
    return making.chunk(b"iTXt", keyword + b"\0\1\0\0\0" + zlib.compress(text))


every_kind_of_text = pytest.mark.parametrize(
    "kept", [a_text, a_compressed_text, an_international_text, a_compressed_international_text]
)


@every_kind_of_text
def test_exif_is_also_found_where_imagemagick_kept_it(kept):
    block = making.exif(making.short(making.ORIENTATION, 5))
    text = f"\nexif\n{len(block):8}\n{block[:9].hex()}\n{block[9:].hex()}\n".encode()

    assert read(making.png(before=kept(b"Raw profile type exif", text))).orientation == 5
    assert read(making.png(before=kept(b"Raw profile type exif", text + b"junk"))).orientation == 5
    assert read(making.png(before=kept(b"Raw profile type iptc", text))).orientation == 1


@every_kind_of_text
@pytest.mark.parametrize("text", [b"\nexif\n 4\n4d4", b"\nexif\n 4\nnot hex", "\nexif\n 1\n٣٣".encode(), b"", b"\n"])
def test_exif_that_cannot_be_read_from_a_text_is_dropped(kept, text):
    assert read(making.png(before=kept(b"Raw profile type exif", text))).orientation == 1


def test_a_text_that_does_not_inflate_is_dropped():
    assert read(making.png(before=making.chunk(b"zTXt", b"Raw profile type exif\0\0no zlib"))).orientation == 1


@every_kind_of_text
def test_xmp_tells_the_orientation_where_exif_does_not(kept):
    packet = b"<!--" + b" " * 70_000 + b"--><tiff:Orientation>3</tiff:Orientation>"

    assert read(making.png(before=kept(b"XML:com.adobe.xmp", packet))).orientation == 3


def test_xmp_is_found_where_pillow_writes_it():
    texts, file = PngImagePlugin.PngInfo(), io.BytesIO()
    texts.add_itxt("XML:com.adobe.xmp", "<tiff:Orientation>3</tiff:Orientation>")
    Image.new("RGB", (7, 5)).save(file, "PNG", pnginfo=texts)

    assert read(file.getvalue()).orientation == 3


@pytest.mark.parametrize("default_image", [False, True])
def test_the_frames_of_an_apng_are_counted_as_pillow_counts_them(default_image):
    pictures, file = [Image.new("RGB", (7, 5), (n * 60, 0, 0)) for n in range(4)], io.BytesIO()
    pictures[0].save(file, "PNG", save_all=True, append_images=pictures[1:], default_image=default_image)

    assert read(file.getvalue()).frames == Image.open(file).n_frames


def test_an_animation_that_claims_no_frames_is_a_still():
    assert read(making.apng(3, claimed=0)).frames == 1


def test_a_broken_profile_is_dropped():
    broken = zlib.compress(bytes(range(256)))[:-9]

    assert read(making.png(before=making.chunk(b"iCCP", b"name\0\0" + broken))).profile is None
    assert read(making.png(before=making.chunk(b"iCCP", b"name\0\0no zlib"))).profile is None
    assert read(making.png(before=making.chunk(b"iCCP"))).profile is None


def test_a_png_that_breaks_off_behind_its_picture_is_let_in():
    photo = making.png(after=making.chunk(b"tEXt", b"key\0value"))

    assert read(photo[:-20]).width == 7


@pytest.mark.parametrize(
    "photo",
    [
        making.png()[:20],
        making.png()[:33],
        making.png()[:-20],
        making.png(bits=3),
        making.png(colour=5),
        making.png(bits=16, colour=3),
        making.png().replace(b"IHDR", b"iHDR"),
        making.png(before=making.chunk(b"teXt") * MOST_CHUNKS),
    ],
    ids=["cut in IHDR", "IHDR only", "cut in IDAT", "3 bits", "colour 5", "16-bit palette", "no IHDR", "too many"],
)
def test_a_png_without_a_sound_head_is_corrupt(photo):
    assert refusal_of(photo) == "corrupt_header"


def test_more_pixels_than_the_data_could_ever_hold_are_corrupt():
    least = -(-(1 + 3 * 3_000) * 2_000 // 1032)  # deflate's best ratio

    def photo(deflated: int) -> bytes:
        return making.png(3_000, 2_000).replace(
            making.chunk(b"IDAT", zlib.compress(b"")), making.chunk(b"IDAT", bytes(deflated))
        )

    assert read(photo(least)).width == 3_000
    assert refusal_of(photo(least - 1)) == "corrupt_header"


def test_the_size_is_refused_before_anything_is_inflated():
    bomb = making.chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(64 << 20)))

    assert refusal_of(making.png(20_000, 20_000, before=bomb)) == "too_many_pixels"
