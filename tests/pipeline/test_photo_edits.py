"""The whole way of a photo that is edited, against Pillow's own turning, cutting and rotating."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from config import LADDERS, Limits
from filters.geometry import edited_size
from filters.program import Program
from filters.recipe.model import Crop, Geometry
from filters.resample import resample
from pipeline import photo
from pipeline.decode import decode
from pipeline.encode import encode
from pipeline.headers import read_header
from pipeline.photo import base_size, decode_scale, draw, render_photo, render_picture

LADDER = LADDERS["standard"]
LIMITS = Limits()


def scene(height, width):
    """Soft waves, and a corner of each colour, so that a turned picture shows it."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([120 + 60 * np.sin(x / 90 + c) * np.cos(y / 70) for c in range(3)], axis=-1)
    pixels[: height // 3, : width // 3] = (220, 30, 30)
    pixels[-(height // 4) :, : width // 4] = (30, 200, 40)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def original(height=900, width=1300, orientation=1, kind="JPEG"):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    Image.fromarray(scene(height, width)).save(buffer, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    return buffer.getvalue()


def opened(image):
    return np.asarray(Image.open(BytesIO(image.data)).convert("RGB"), np.int16)


def sizes(rendered):
    return {image.name: (image.width, image.height) for image in rendered.images}


def difference(image, reference):
    """Mean absolute levels between a rendition and a Pillow image."""
    expected = reference.convert("RGB").resize((image.width, image.height), Image.Resampling.LANCZOS)
    return np.abs(opened(image) - np.asarray(expected, np.int16)).mean()


class Noted:
    """A step that inverts, and notes what it was given."""

    def __init__(self):
        self.seen = []

    def apply(self, pixels):
        self.seen.append(pixels.shape[:2])
        return 255 - pixels


def test_without_edits_it_is_the_bytes_of_the_plain_flow():
    data = original(1501, 2003, orientation=6)
    header = read_header(data, LIMITS)
    picture = decode(data, header, 1080 / 1501)
    base = resample(picture.pixels, round(2003 * 1080 / 1501), 1080, orientation=6)
    expected = [
        encode(pixels, preset).data for pixels, preset in zip(draw(base, 2003, 1501, LADDER), LADDER, strict=True)
    ]

    for program in (None, Program()):
        rendered = render_photo(data, LADDER, LIMITS, program)
        assert [bytes(image.data) for image in rendered.images] == [bytes(image) for image in expected]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_turned_and_cropped_photo_is_what_pillow_turns_and_crops(orientation, kind):
    data = original(1300, 1700, orientation, kind)
    upright = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    turned = ImageOps.mirror(upright.transpose(Image.Transpose.ROTATE_270))  # Pillow counts the other way round
    width, height = turned.size
    crop = Crop(left=0.05, top=0.1, width=0.9, height=0.85)
    box = (0.05 * width, 0.1 * height, 0.95 * width, 0.95 * height)
    program = Program(geometry=Geometry(rotate=90, flip="horizontal", crop=crop))

    rendered = render_photo(data, LADDER, LIMITS, program)

    assert (rendered.width, rendered.height) == upright.size
    long, short = round(0.9 * width), round(0.85 * height)
    first = (min(1080, long), round(short * min(1, 1080 / long)))
    assert sizes(rendered)["w1080"] == pytest.approx(first, abs=1)
    assert sizes(rendered)["w320"] == pytest.approx((320, 320 * short / long), abs=1)
    assert sizes(rendered)["s150"] == (150, 150)
    assert max(difference(image, turned.crop(box)) for image in rendered.images[:3]) < 3


def test_a_small_crop_is_neither_enlarged_nor_blurred():
    data = original(1200, 1600, kind="PNG")
    crop = Crop(left=900 / 1600, top=600 / 1200, width=300 / 1600, height=200 / 1200)

    rendered = render_photo(data, LADDER, LIMITS, Program(geometry=Geometry(crop=crop)))

    assert sizes(rendered) == {"w1080": (300, 200), "w640": (300, 200), "w320": (300, 200), "s150": (150, 150)}
    expected = encode(np.ascontiguousarray(scene(1200, 1600)[600:800, 900:1200]), LADDER[0])
    assert bytes(rendered.images[0].data) == bytes(expected.data)


def test_a_crop_is_decoded_as_fine_as_it_is_drawn():
    header = read_header(original(2400, 3200), LIMITS)
    scales = {}
    for share in (1.0, 0.6, 0.3):
        frame = edited_size(2400, 3200, Geometry(crop=Crop(width=share, height=share)))
        scales[share] = decode_scale(header, frame, base_size(*frame, LADDER))

    assert scales == {1.0: pytest.approx(1080 / 3200), 0.6: pytest.approx(1080 / 1920), 0.3: 1.0}


def test_a_crop_of_an_original_that_is_too_large_to_be_decoded_whole_is_drawn_from_half_of_it(monkeypatch):
    monkeypatch.setattr(photo, "MOST_WHOLE", 1_000_000)
    data = original(1200, 1600)
    crop = Crop(left=0.5, top=0.5, width=0.25, height=0.25)

    rendered = render_photo(data, LADDER, LIMITS, Program(geometry=Geometry(crop=crop)))

    assert sizes(rendered)["w1080"] == (400, 300)
    upright = Image.fromarray(scene(1200, 1600)).crop((800, 600, 1200, 900))
    assert difference(rendered.images[0], upright) < 3


def test_no_limit_decides_the_bytes_because_keys_know_of_none():
    data, program = original(1200, 1600), Program(geometry=Geometry(crop=Crop(width=0.25, height=0.25)))

    made = [render_photo(data, LADDER, Limits(pixels=pixels), program).images for pixels in (1_000_000, 100_000_000)]

    assert [bytes(image.data) for image in made[0]] == [bytes(image.data) for image in made[1]]


@pytest.mark.parametrize("degrees", [-8, 15])
def test_a_straightened_photo_is_what_pillow_rotates_and_crops(degrees):
    data = original(1300, 1700)
    rotated = Image.open(BytesIO(data)).rotate(-degrees, Image.Resampling.BICUBIC)  # Pillow counts the other way round
    height, width = edited_size(1300, 1700, Geometry(straighten=degrees))
    left, top = (1700 - width) / 2, (1300 - height) / 2

    rendered = render_photo(data, LADDER, LIMITS, Program(geometry=Geometry(straighten=degrees)))

    assert sizes(rendered)["w640"] == (640, round(height * 640 / width))
    assert (
        max(difference(image, rotated.crop((left, top, left + width, top + height))) for image in rendered.images[:3])
        < 3
    )


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (1, 3000), (3000, 2)])
@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(straighten=25, perspective_horizontal=-100),
        Geometry(rotate=270, crop=Crop(left=0.9, top=0.9, width=0.01, height=0.01)),
    ],
)
def test_the_smallest_and_thinnest_photos_can_be_edited(height, width, geometry):
    rendered = render_photo(original(height, width, kind="PNG"), LADDER, LIMITS, Program(geometry=geometry))

    edited_height, edited_width = edited_size(height, width, geometry)
    assert [image.width for image in rendered.images[:3]] == [min(edited_width, w) for w in (1080, 640, 320)]
    assert rendered.images[3].width == min(edited_height, edited_width, 150)


def test_the_edit_runs_once_and_what_depends_on_the_size_on_every_rendition():
    edit, finish = Noted(), Noted()

    rendered = render_photo(original(1500, 2000), LADDER, LIMITS, Program(steps=(edit,), finishing=(finish,)))

    assert edit.seen == [(810, 1080)]
    assert finish.seen == [(810, 1080), (480, 640), (240, 320), (150, 150)]
    plain = Image.fromarray(scene(1500, 2000))
    assert max(difference(image, plain) for image in rendered.images[:3]) < 2.5  # inverted twice


def test_placeholders_and_hashes_show_the_edited_photo():
    data = original()
    inverted = render_photo(data, LADDER, LIMITS, Program(steps=(Noted(),))).facts
    plain = render_photo(data, LADDER, LIMITS).facts

    colours = [np.array([*bytes.fromhex(facts["dominant"][1:])], int) for facts in (inverted, plain)]
    assert np.abs(255 - colours[0] - colours[1]).max() <= 60
    assert inverted["thumbhash"] != plain["thumbhash"]
    assert inverted["orientation"] == plain["orientation"]


def test_a_decoded_picture_is_edited_as_a_photo_with_its_pixels():
    crop = Crop(left=0.1, top=0.2, width=0.7, height=0.6)
    program = Program(geometry=Geometry(rotate=90, straighten=3, crop=crop), steps=(Noted(),), finishing=(Noted(),))

    of_photo = render_photo(original(1300, 1700, kind="PNG"), LADDER, LIMITS, program)
    of_picture = render_picture(scene(1300, 1700), LADDER, program)

    assert [bytes(image.data) for image in of_picture.images] == [bytes(image.data) for image in of_photo.images]
