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


@pytest.mark.parametrize(
    ("mode", "components", "bits", "alpha"),
    [
        ("1", 1, 8, False),
        ("L", 1, 8, False),
        ("I;16", 1, 16, False),
        ("P", 3, 8, False),
        ("RGB", 3, 8, False),
        ("RGBA", 3, 8, True),
        ("CMYK", 4, 8, False),
    ],
)
@pytest.mark.parametrize("big_tiff", [False, True])
def test_a_tiff_of_another_encoder_is_read(mode, components, bits, alpha, big_tiff):
    file = io.BytesIO()
    Image.new(mode, (37, 23)).save(file, "TIFF", icc_profile=b"a profile", big_tiff=big_tiff)

    header = read(file.getvalue())

    assert (header.width, header.height, header.frames, header.profile) == (37, 23, 1, b"a profile")
    assert (header.components, header.bits, header.alpha) == (components, bits, alpha)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_both_byte_orders_and_both_widths_of_offsets_are_read(order, big):
    photo = making.tiff(making.page(order=order), order=order, big=big, pages=3)

    header = read(photo)

    assert (header.width, header.height, header.frames) == (7, 5, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_upright_size_is_that_of_the_page_that_pillow_turned(orientation):
    file = io.BytesIO()
    Image.new("RGB", (37, 23)).save(file, "TIFF", tiffinfo={0x112: orientation})
    decoded = Image.open(io.BytesIO(file.getvalue()))
    decoded.load()

    header = read(file.getvalue())

    assert (header.upright[::-1], header.orientation) == (decoded.size, orientation)


def test_pages_are_counted_as_pillow_counts_them():
    file = io.BytesIO()
    Image.new("L", (7, 5)).save(file, "TIFF", save_all=True, append_images=[Image.new("L", (9, 3))] * 4)

    assert read(file.getvalue()).frames == 5


def test_a_header_that_leads_to_itself_leads_to_no_page():
    # Its own first two bytes would be taken for the number of entries, 18,761 of which fit into this file.
    assert refusal_of(b"II*\0" + bytes(4) + making.tiff(making.page())[8:] + bytes(12 * 0x4949)) == "corrupt_header"


@pytest.mark.parametrize("following", [8, 0xFFFF_FFF0, 1])
def test_a_chain_of_pages_that_loops_or_leaves_the_file_ends(following):
    photo = bytearray(making.tiff(making.page()))
    end = 8 + 2 + 12 * len(making.page())
    photo[end : end + 4] = following.to_bytes(4, "little")

    assert read(bytes(photo)).frames <= 2


def test_the_camera_is_kept():
    photo = making.tiff(making.page(7, 5, making.text(making.MAKE, "Nikon"), making.text(making.MODEL, "F3")))

    assert (read(photo).capture.make, read(photo).capture.model) == ("Nikon", "F3")


def test_a_preview_without_a_picture_below_it_is_the_picture():
    assert read(making.tiff(making.page(7, 5, making.long(0xFE, 1)))).width == 7


def entries(**changes: int | None) -> bytes:
    tags = {"photometric": 0x106, "samples": 0x115, "bits": 0x102, "strips": 0x111}
    kept = [entry for entry in making.page() if entry[0] not in [tags[name] for name in changes]]
    given = [making.long(tags[name], value) for name, value in changes.items() if value is not None]
    return making.tiff([*kept, *given])


@pytest.mark.parametrize(
    "photo",
    [
        entries(photometric=32803),
        making.tiff(making.page(7, 5, making.short(0x153, 2, 2, 2))),
        entries(samples=9),
        entries(bits=64),
        making.tiff(making.page(7, 5, making.long(0xFE, 1), making.long(0x14A, 8))),
    ],
    ids=["sensor mosaic", "signed bytes", "9 samples", "64 bits", "preview of a raw photo"],
)
def test_a_tiff_that_is_no_photo_is_refused_as_such(photo):
    assert refusal_of(photo) == "unsupported_variant"


@pytest.mark.parametrize(
    "photo",
    [b"II*\0", b"II*\0\xff\xff\0\0", entries(strips=None), entries(strips=1 << 20), entries(photometric=3)],
    ids=["nothing", "directory outside", "no strips", "strips outside", "no palette"],
)
def test_a_tiff_without_a_picture_is_corrupt(photo):
    assert refusal_of(photo) == "corrupt_header"


def test_a_page_that_does_not_say_what_its_samples_mean_is_grey():
    assert read(entries(photometric=None, samples=1)).components == 1


def test_a_tile_is_limited_as_the_page_is():
    page = [entry for entry in making.page() if entry[0] != 0x111]

    def tiled(side: int) -> bytes:
        return making.tiff([*page, making.long(0x142, side), making.long(0x143, side), making.long(0x144, 8)])

    assert read(tiled(16)).width == 7
    assert refusal_of(tiled(0)) == "no_pixels"
    assert refusal_of(tiled(30_000)) == "too_many_pixels"
