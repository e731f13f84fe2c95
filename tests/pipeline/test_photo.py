"""The whole way from a photo's bytes to its renditions."""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from config import LADDERS, Limits, PhotoPreset
from jobs.errors import Rejected
from pipeline.photo import base_size, covering_size, render_photo, render_picture

LADDER = LADDERS["standard"]
LIMITS = Limits()
ROOT = Path(__file__).resolve().parents[2]


def scene(height, width):
    """A corner of each colour, so that a turned picture shows it, on soft waves."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([120 + 60 * np.sin(x / 90 + c) * np.cos(y / 70) for c in range(3)], axis=-1)
    pixels[: height // 3, : width // 3] = (220, 30, 30)
    pixels[-(height // 4) :, : width // 4] = (30, 200, 40)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def original(height=900, width=1300, orientation=None, kind="JPEG", **saving):
    image = Image.fromarray(scene(height, width))
    if orientation:
        saving["exif"] = Image.Exif()
        saving["exif"][0x0112] = orientation
    buffer = BytesIO()
    image.save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}), **saving)
    return buffer.getvalue()


def opened(image):
    return Image.open(BytesIO(image.data)).convert("RGB")


def sizes(rendered):
    return {image.name: (image.width, image.height) for image in rendered.images}


def difference(image, reference):
    """Mean absolute levels between a rendition and a Pillow image."""
    expected = reference.convert("RGB").resize((image.width, image.height), Image.Resampling.LANCZOS)
    return np.abs(np.asarray(opened(image), np.int16) - np.asarray(expected, np.int16)).mean()


def test_a_photo_comes_out_at_every_size_of_the_ladder_in_its_order():
    rendered = render_photo(original(1500, 2000), LADDER, LIMITS)

    assert [*sizes(rendered).items()] == [
        ("w1080", (1080, 810)),
        ("w640", (640, 480)),
        ("w320", (320, 240)),
        ("s150", (150, 150)),
    ]
    assert (rendered.width, rendered.height) == (2000, 1500)
    assert {(image.content_type, image.extension) for image in rendered.images} == {("image/jpeg", "jpg")}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_rendition_is_upright_whatever_the_orientation(orientation):
    data = original(1300, 1700, orientation=orientation)
    upright = ImageOps.exif_transpose(Image.open(BytesIO(data)))

    rendered = render_photo(data, LADDER, LIMITS)

    assert (rendered.width, rendered.height) == upright.size
    assert max(difference(image, upright) for image in rendered.images[:3]) < 2.5
    assert difference(rendered.images[3], ImageOps.fit(upright, (1300, 1300))) < 3
    assert rendered.facts["orientation"] == orientation


def test_nothing_is_enlarged():
    rendered = render_photo(original(90, 500), LADDER, LIMITS)

    assert sizes(rendered) == {"w1080": (500, 90), "w640": (500, 90), "w320": (320, 58), "s150": (90, 90)}


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (1, 3000), (3000, 2)])
def test_the_smallest_and_thinnest_photos_come_through(height, width):
    rendered = render_photo(original(height, width, kind="PNG"), LADDER, LIMITS)

    assert [image.width for image in rendered.images[:3]] == [min(width, w) for w in (1080, 640, 320)]
    assert rendered.images[3].width == rendered.images[3].height == min(height, width, 150)


def test_colours_of_a_wide_profile_come_home_and_the_profile_is_gone(corpus):
    data = (corpus / "bench" / "phone-p3-rot6.jpg").read_bytes()
    photo = Image.open(BytesIO(data))
    photo.draft("RGB", (2016, 1512))
    source = ImageCms.ImageCmsProfile(BytesIO(photo.info["icc_profile"]))
    home = ImageCms.profileToProfile(ImageOps.exif_transpose(photo), source, ImageCms.createProfile("sRGB"))

    rendered = render_photo(data, LADDER, LIMITS)

    assert rendered.facts["profile"] == "Display P3"
    assert max(difference(image, home) for image in rendered.images[:3]) < 5  # its noise, through the encoder
    means = [np.asarray(picture, np.float64).mean(axis=(0, 1)) for picture in (opened(rendered.images[0]), home)]
    assert np.abs(means[0] - means[1]).max() < 0.5
    assert all("icc_profile" not in Image.open(BytesIO(image.data)).info for image in rendered.images)


def original_with_all_metadata(kind):
    """A photo that says where, by whom and with what it was taken, and its own profile."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x013B] = 6, "my secret garden", "secret artist"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.25), 3: "E", 4: (13.0, 24.0, 17.5), 29: "2019:05:01"})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta><exif:GPSLatitude>52,31.2N</exif:GPSLatitude><dc:creator>secret</dc:creator></x:xmpmeta>"
    buffer = BytesIO()
    Image.fromarray(scene(900, 1300)).save(buffer, kind, exif=exif, icc_profile=profile, xmp=xmp)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_no_rendition_carries_metadata(kind):
    data = original_with_all_metadata(kind)
    assert {"icc_profile", "xmp"} <= Image.open(BytesIO(data)).info.keys()
    assert Image.open(BytesIO(data)).getexif().get_ifd(0x8825)[1] == "N"

    for image in render_photo(data, LADDER, LIMITS).images:
        rendition = Image.open(BytesIO(image.data))
        assert rendition.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not rendition.getexif()
        for trace in (b"Exif", b"ICC_PROFILE", b"adobe", b"GPS", b"secret"):
            assert trace not in bytes(image.data)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_record_does_not_tell_where_the_photo_was_taken_or_by_whom(kind):
    facts = render_photo(original_with_all_metadata(kind), LADDER, LIMITS).facts

    looks = {"thumbhash", "blurhash", "phash", "dominant"}
    assert {name: fact for name, fact in facts.items() if name not in looks} == {
        "format": kind.lower(),
        "frames": 1,
        "orientation": 6,
        "alpha": False,
        "bits": 8,
        "profile": "sRGB built-in",
        "taken_at": None,
        "make": None,
        "model": None,
    }


DIGEST = """
import hashlib, sys
from config import LADDERS, Limits
from pipeline.photo import render_photo

rendered = render_photo(sys.stdin.buffer.read(), LADDERS["standard"], Limits())
print(hashlib.sha256(b"".join(bytes(image.data) for image in rendered.images)).hexdigest(), rendered.facts)
"""


def test_the_same_bytes_in_give_the_same_bytes_out_of_every_process():
    data = original(orientation=8)
    environments = [{**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed} for seed in ("1", "2")]

    digests = [
        subprocess.run([sys.executable, "-c", DIGEST], input=data, env=env, capture_output=True, check=True).stdout
        for env in environments
    ]

    assert len(digests[0]) > 64
    assert digests[0] == digests[1]


def test_the_record_tells_how_the_photo_was_made_and_how_it_looks():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = 6, "Maker", "Model 7"
    buffer = BytesIO()
    Image.new("RGB", (400, 300), (200, 40, 10)).save(buffer, "JPEG", quality=95, exif=exif)

    facts = render_photo(buffer.getvalue(), LADDER, LIMITS).facts

    assert {name: facts[name] for name in ("format", "frames", "orientation", "alpha", "bits", "profile")} == {
        "format": "jpeg",
        "frames": 1,
        "orientation": 6,
        "alpha": False,
        "bits": 8,
        "profile": None,
    }
    assert (facts["make"], facts["model"], facts["taken_at"]) == ("Maker", "Model 7", None)
    assert np.abs(np.array([*bytes.fromhex(facts["dominant"][1:])], int) - (200, 40, 10)).max() <= 3
    assert (len(facts["phash"]), len(facts["blurhash"])) == (16, 28)
    assert facts["thumbhash"]


def test_each_stage_is_timed():
    stages = ("header", "decode", "resample", "color", "edit", "encode", "placeholders", "verify")

    timings = render_photo(original(), LADDER, LIMITS).timings

    assert set(timings) == {f"{stage}_{clock}_ms" for stage in stages for clock in ("cpu", "wall")}
    assert timings["decode_wall_ms"] > 0


def test_a_damaged_photo_is_rejected_with_a_code():
    data = original()

    with pytest.raises(Rejected) as rejection:
        render_photo(data[: len(data) // 2], LADDER, LIMITS)

    assert rejection.value.code == "corrupt_media"


def test_a_square_is_the_centre_and_nothing_beside_it():
    pixels = np.zeros((1440, 1080, 3), np.uint8)
    pixels[180:1260] = 255  # the centred square, exactly
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")

    square = opened(render_photo(buffer.getvalue(), LADDER, LIMITS).images[3])

    assert np.asarray(square).min() > 200


@pytest.mark.parametrize(
    ("shape", "width", "expected"),
    [("whole", 1080, (1440, 1080)), ("square", 150, (200, 150)), ("whole", 9000, (4032, 3024))],
)
def test_a_preset_is_covered_by_the_smallest_picture_it_can_be_cut_from(shape, width, expected):
    assert covering_size(4032, 3024, PhotoPreset(name="p", width=width, shape=shape)) == expected


def test_the_base_is_large_enough_for_a_square_of_a_panorama():
    assert base_size(100, 20_000, LADDER) == (100, 20_000)
    assert base_size(3024, 4032, LADDER) == (810, 1080)


def test_a_decoded_picture_has_the_renditions_of_a_photo_with_its_pixels():
    pixels = scene(1300, 1700)

    of_photo, of_picture = (
        render_photo(original(1300, 1700, kind="PNG"), LADDER, LIMITS),
        render_picture(pixels, LADDER),
    )

    assert [bytes(image.data) for image in of_picture.images] == [bytes(image.data) for image in of_photo.images]
    assert sizes(of_picture) == sizes(of_photo)
    assert (of_picture.width, of_picture.height) == (1700, 1300)
    assert of_picture.facts == {name: of_photo.facts[name] for name in ("thumbhash", "blurhash", "phash", "dominant")}
