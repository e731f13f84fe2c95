import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import Format, read_header
from pipeline.headers.boxes import MOST_BOXES
from tests.pipeline.headers import making


def read(data: bytes):
    return read_header(data, Limits())


def refusal_of(data: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(data)
    return refusal.value.code


def irot(turns: int) -> bytes:
    return making.box(b"irot", bytes((turns,)))


def imir(axis: int) -> bytes:
    return making.box(b"imir", bytes((axis,)))


def clap(width: int, height: int) -> bytes:
    return making.box(b"clap", struct.pack(">8I", width, 1, height, 1, 0, 1, 0, 1))


def corners() -> Image.Image:
    """37 x 23 pixels with four corners that differ, so that every turn and mirroring shows."""
    picture = np.zeros((23, 37), np.uint8)
    picture[:11, :18], picture[:11, 18:], picture[11:, :18] = 250, 160, 80
    return Image.fromarray(picture).convert("RGB")


def encode(kind: str, picture: Image.Image, orientation: int = 1, **options: object) -> bytes:
    """The picture and an orientation, which both encoders write as irot and imir."""
    pillow_heif.register_heif_opener()
    exif, file = picture.getexif(), io.BytesIO()
    exif[making.ORIENTATION] = orientation
    exif[making.MAKE] = "Darkroom"
    picture.save(file, kind, exif=exif.tobytes(), quality=90, **options)
    return file.getvalue()


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    picture = picture.copy()
    picture.getexif()[making.ORIENTATION] = orientation
    return ImageOps.exif_transpose(picture)


def assert_alike(one: Image.Image, other: Image.Image) -> None:
    assert one.size == other.size
    assert np.abs(np.asarray(one, int) - np.asarray(other, int)).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_comes_upright_from_its_decoder(orientation):
    photo = encode("HEIF", corners(), orientation)
    decoded = pillow_heif.open_heif(photo, convert_hdr_to_8bit=True).to_pillow()

    header = read(photo)

    assert_alike(decoded.convert("RGB"), turned(corners(), orientation))
    assert (header.width, header.height, header.orientation) == (*decoded.size, 1)
    assert (header.format, header.capture.make) == (Format.HEIC, "Darkroom")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_comes_from_its_decoder_as_stored(orientation):
    photo = encode("AVIF", corners(), orientation)
    decoded = Image.open(io.BytesIO(photo))
    decoded.load()

    header = read(photo)

    assert_alike(turned(Image.fromarray(np.asarray(decoded)), header.orientation), turned(corners(), orientation))
    assert (header.width, header.height, header.orientation) == (*decoded.size, orientation)
    assert (header.format, header.capture.make) == (Format.AVIF, "Darkroom")


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize(("mode", "components", "alpha"), [("L", 1, False), ("RGB", 3, False), ("RGBA", 3, True)])
def test_the_channels_and_the_profile_are_read(kind, mode, components, alpha):
    picture = corners().convert(mode)
    if alpha:
        picture.putalpha(100)

    header = read(encode(kind, picture, icc_profile=b"a profile"))

    assert (header.components, header.bits, header.alpha, header.profile) == (components, 8, alpha, b"a profile")


def test_exifs_orientation_is_not_asked():
    exif = bytes(4) + making.exif(making.short(making.ORIENTATION, 6), making.text(making.MAKE, "Darkroom"))
    photo = making.heif([(b"av01", b"coded", [making.ispe(7, 5)]), (b"Exif", exif, [])], brand=b"avif")

    assert (read(photo).orientation, read(photo).capture.make) == (1, "Darkroom")


def test_exif_that_lies_outside_the_file_is_dropped():
    photo = making.heif([(b"hvc1", b"coded", [making.ispe(7, 5)]), (b"Exif", bytes(40), [])])

    assert read(photo[:-10]).width == 7


def test_turns_and_crops_change_the_size_of_a_heic_in_their_order():
    assert read(making.heic(8, 6, clap(5, 3), irot(1))).upright == (5, 3)
    assert read(making.heic(8, 6, irot(3), clap(3, 5))).upright == (5, 3)
    assert read(making.heic(8, 6, irot(2), imir(0))).upright == (6, 8)


def test_crops_are_left_to_nobody_in_an_avif():
    header = read(making.avif(8, 6, clap(5, 3), irot(1)))

    assert (header.width, header.height, header.orientation) == (8, 6, 8)


@pytest.mark.parametrize("size", [(9, 6), (8, 7), (0, 6), (8, 0)])
def test_a_crop_to_what_is_not_there_is_corrupt(size):
    assert refusal_of(making.heic(8, 6, clap(*size))) == "corrupt_header"


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_the_depth_is_read_from_pixi_or_from_the_codec(bits):
    pixi = making.full(b"pixi", 0, 0, bytes((3, bits, bits, bits)))
    hvcc = making.box(b"hvcC", bytes(16) + bytes((1, bits - 8)) + bytes(5))
    av1c = making.box(b"av1C", b"\x81\0" + bytes(({8: 0, 10: 0x40, 12: 0x60}[bits], 0)))

    assert [read(p).bits for p in (making.heic(7, 5, pixi), making.heic(7, 5, hvcc), making.avif(7, 5, av1c))] == [
        bits
    ] * 3


def tiled(rows: int, columns: int, tiles: int, width: int = 30, height: int = 20) -> bytes:
    """A HEIC that is a grid of `tiles` tiles of 16 x 16."""
    content = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    parts = [(b"hvc1", b"tile", [making.ispe(16, 16)])] * tiles
    pointers = [(b"dimg", 1, range(2, tiles + 2))]
    return making.heif([(b"grid", content, [making.ispe(width, height)]), *parts], references=pointers)


def test_a_grid_of_tiles_is_one_picture():
    header = read(tiled(2, 2, 4))

    assert (header.width, header.height, header.format, header.frames) == (30, 20, Format.HEIC, 1)


@pytest.mark.parametrize("tiles", [0, 3, 5])
def test_a_grid_with_other_tiles_than_it_says_is_corrupt(tiles):
    assert refusal_of(tiled(2, 2, tiles)) == "corrupt_header"


@pytest.mark.parametrize("cut", [1, 5, 6, 40])
def test_a_picture_whose_bytes_are_not_all_there_is_corrupt(cut):
    assert refusal_of(tiled(2, 2, 4)[:-cut]) == "corrupt_header"


def test_a_picture_that_is_made_of_itself_is_corrupt():
    photo = making.heif([(b"iden", b"", [making.ispe(7, 5)])], references=[(b"dimg", 1, [1])])

    assert refusal_of(photo) == "corrupt_header"


@pytest.mark.parametrize("codec", [b"vvc1", b"jpeg", b"avc1", b"unci"])
def test_a_codec_that_no_phone_uses_is_refused_as_such(codec):
    assert refusal_of(making.heif([(codec, b"coded", [making.ispe(7, 5)])])) == "unsupported_variant"


@pytest.mark.parametrize("brand", [b"avis", b"avif"])
def test_a_sequence_is_what_the_file_says_it_is(brand):
    photo = making.heif([(b"av01", b"x", [making.ispe(8, 6)])], brand=brand, more=making.track(7, 5, frames=4))

    header = read(photo)

    assert (header.width, header.height, header.frames) == ((7, 5, 4) if brand == b"avis" else (8, 6, 1))


def test_a_sequence_without_a_still_is_its_track():
    still = making.heif([], brand=b"avis", more=making.track(7, 5, frames=4))

    assert read(still.replace(b"pitm", b"free")).frames == 4


@pytest.mark.parametrize(("kind", "alpha"), [(b"alpha", True), (b"depth", False)])
def test_another_track_may_be_the_transparency(kind, alpha):
    says = making.full(b"auxi", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:" + kind + b"\0")
    moov = making.track(frames=4, beside=making.media(b"auxv", more=says))

    assert read(making.heif([(b"av01", b"x", [making.ispe(7, 5)])], brand=b"avis", more=moov)).alpha == alpha


@pytest.mark.parametrize("lost", [b"stsd", b"stsz", b"hdlr"])
def test_a_sequence_that_does_not_describe_itself_is_corrupt(lost):
    moov = making.track(frames=4).replace(lost, b"free")

    assert refusal_of(making.box(b"ftyp", b"avis", bytes(4), b"avis") + moov) == "corrupt_header"


def test_a_sequence_without_a_frame_is_corrupt():
    assert refusal_of(making.box(b"ftyp", b"avis", bytes(4), b"avis") + making.track(frames=0)) == "corrupt_header"


def test_a_box_may_say_its_size_in_eight_bytes_or_reach_to_the_end():
    photo = making.heic()
    meta, end = photo.index(b"meta") - 4, photo.index(b"mdat") - 4
    large = struct.pack(">I4sQ", 1, b"free", 16 + 3) + bytes(3)

    assert read(photo[:meta] + large + photo[meta:]).width == 7
    assert read(photo[:end] + bytes(4) + photo[end + 4 :]).width == 7


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_box_smaller_than_its_own_head_ends_the_file(size):
    photo = making.heic()
    meta = photo.index(b"meta") - 4

    assert refusal_of(photo[:meta] + struct.pack(">I4s", size, b"free") + bytes(16) + photo[meta:]) == "corrupt_header"


def test_more_boxes_than_any_photo_has_are_corrupt():
    photo = making.heic()
    meta = photo.index(b"meta") - 4

    assert refusal_of(photo[:meta] + making.box(b"free") * (MOST_BOXES + 1) + photo[meta:]) == "corrupt_header"


def test_a_picture_without_bytes_is_corrupt():
    assert refusal_of(making.heif([(b"hvc1", b"", [making.ispe(7, 5)])])) == "corrupt_header"


def test_the_tiles_and_pictures_of_another_encoder_are_read():
    pictures = pillow_heif.HeifFile()
    for size in ((37, 23), (600, 400)):
        pictures.add_from_pillow(Image.effect_noise(size, 50).convert("RGB"))
    pictures.save(file := io.BytesIO(), primary_index=1)

    header = read(file.getvalue())

    assert (header.width, header.height, header.frames) == (600, 400, 1)


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        (b"pict", b"vide"),
        (b"hdlr", b"free"),
        (b"pitm", b"free"),
        (b"iinf", b"free"),
        (b"iloc", b"free"),
        (b"infe", b"free"),
        (b"ispe", b"free"),
    ],
)
def test_a_file_that_lacks_what_names_its_picture_is_refused(sound, broken):
    assert refusal_of(making.heic().replace(sound, broken)) in ("corrupt_header", "unsupported_variant")


def test_a_property_that_does_not_exist_is_corrupt():
    photo = making.heic(7, 5)
    links = photo.index(b"ipma") + 4

    assert refusal_of(photo[: links + 11] + b"\x7f" + photo[links + 12 :]) == "corrupt_header"


@pytest.mark.parametrize("box", [b"iref", b"ipma", b"iloc"])
def test_more_links_than_any_photo_has_are_corrupt(box):
    photo = making.heic()
    counts = {b"ipma": b"\xff" * 4, b"iloc": b"\x44\0\xff\xff", b"iref": making.box(b"dimg", b"\0\1\xff\xff")}
    at = photo.index(box) + 8

    assert refusal_of(photo[:at] + counts[box] + photo[at + len(counts[box]) :]) == "corrupt_header"


SEQUENCE = making.EVERY_FORMAT["avif sequence"]
ALONE = [b"meta", b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"ipco", b"moov", b"mdia", b"minf", b"stbl"]


def box_at(data: bytes, kind: bytes) -> tuple[int, int]:
    """From where to where the first box of this kind goes."""
    start = data.index(kind) - 4
    return start, start + struct.unpack_from(">I", data, start)[0]


def doubled(data: bytes, kind: bytes) -> bytes:
    """The file with a second box after the first of its kind, and all that it lies in as much larger."""
    start, end = box_at(data, kind)
    out = bytearray(data[:end] + data[start:end] + data[end:])
    for outer in (b"meta", b"iprp", b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        begins, ends = box_at(data, outer)
        if begins < start and end <= ends:
            struct.pack_into(">I", out, begins, ends - begins + end - start)
    return bytes(out)


@pytest.mark.parametrize("kind", [*ALONE, b"stsd", b"stsz"])
def test_what_describes_a_picture_is_there_but_once(kind):
    assert read(SEQUENCE).frames == 4
    assert refusal_of(doubled(SEQUENCE, kind)) == "corrupt_header"


def infe(number: int, kind: bytes) -> bytes:
    return making.full(b"infe", 2, 0, struct.pack(">HH", number, 0), kind, b"\0")


@pytest.mark.parametrize(
    ("list_of", "entry", "count"),
    [
        (b"iinf", infe(1, b"grid"), 12),
        (b"iloc", struct.pack(">HHHII", 1, 0, 1, 0, 8), 14),
    ],
)
def test_an_item_that_is_described_twice_is_refused(list_of, entry, count):
    """The entry stands behind the one that is there; the file's sizes say so."""
    whole = making.heic()
    start, end = box_at(whole, list_of)
    data = bytearray(whole[:end] + entry + whole[end:])
    for outer in (b"meta", list_of):
        begins, ends = box_at(whole, outer)
        struct.pack_into(">I", data, begins, ends - begins + len(entry))
    assert struct.unpack_from(">H", data, start + count)[0] == 1
    struct.pack_into(">H", data, start + count, 2)

    assert refusal_of(bytes(data)) == "corrupt_header"


def test_there_may_be_several_lists_of_properties():
    assert read(doubled(SEQUENCE, b"ipma")).frames == 4


def with_extents(count: int) -> bytes:
    """A picture that lies in so many places, of which neither where nor how long is said: in all of the file."""
    whole = making.heic()
    start, end = box_at(whole, b"iloc")
    unsaid = making.full(b"iloc", 0, 0, bytes(2), struct.pack(">HHHH", 1, 1, 0, count))
    return whole[:start] + unsaid + making.box(b"free", bytes(end - start - len(unsaid) - 8)) + whole[end:]


def test_an_item_lies_not_in_many_places_of_which_nothing_is_said():
    assert read(with_extents(1)).width == 7
    assert {refusal_of(with_extents(count)) for count in (2, 0xFFFF)} == {"corrupt_header"}
