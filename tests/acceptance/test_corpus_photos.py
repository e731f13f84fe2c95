"""Every photo of the corpus comes out upright, in its right colours and sizes, against Pillow and lcms.

The reference decodes in full, turns, converts and flattens with Pillow alone, scales with Pillow's Lanczos, and goes
through Pillow's JPEG encoder at our quality, so that what remains is not the loss that every JPEG has.
"""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps

from config import LADDERS, Limits, PhotoPreset
from pipeline.photo import render_photo

CORPUS = Path(os.environ.get("DARKROOM_CORPUS", Path(__file__).resolve().parents[3] / "shared" / "corpus"))
SRGB = ImageCms.createProfile("sRGB")
FARTHEST = {  # mean difference in levels
    "whole": 3.0,  # the worst is 2.4: fine leaves, reduced in steps
    "square": 3.5,  # the worst is 3.0, of the same kind
}
THIN = {"synth__panorama_20000x100.jpg": 4.0}  # renditions 2 to 5 pixels high, each from the larger one's rounded rows

pytestmark = pytest.mark.corpus
pillow_heif.register_heif_opener()


def photos() -> list[str]:
    table = CORPUS / "photos.tsv"
    if not table.is_file():
        return []
    with table.open(newline="") as rows:
        return [row["file"] for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)]


def reference(data: bytes) -> Image.Image:
    """The whole photo, upright, sRGB, on white, by Pillow."""
    image = Image.open(io.BytesIO(data))
    image.load()
    profile = image.info.get("icc_profile")
    image = in_srgb(on_white(upright(image)), profile)
    return image.convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except ValueError:  # metadata that Pillow cannot read
        return image


def on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image if image.mode in ("L", "CMYK") else image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile is None:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):  # a profile that is none, or not for such pixels
        return image


def through_jpeg(image: Image.Image) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=LADDERS["standard"][0].quality, subsampling="4:2:0")
    return np.asarray(Image.open(file).convert("RGB"), np.int16)


def fitted(image: Image.Image, preset: PhotoPreset) -> Image.Image:
    if preset.shape == "square":
        side = min(image.size)
        if side > preset.width:
            return ImageOps.fit(image, (preset.width, preset.width), Image.Resampling.LANCZOS)
        left, top = (image.width - side) // 2, (image.height - side) // 2  # whole pixels, as they are
        return image.crop((left, top, left + side, top + side))
    width = min(preset.width, image.width)
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)


def turned(pixels: np.ndarray) -> list[np.ndarray]:
    """The seven wrong ways to hold a picture."""
    quarters = [np.rot90(pixels, turns) for turns in range(4)]
    return [*quarters[1:], *(quarter[:, ::-1] for quarter in quarters)]


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mean absolute difference in levels of 0 to 255."""
    return float(np.abs(ours - theirs).mean()) if ours.shape == theirs.shape else float("inf")


@pytest.mark.skipif(not photos(), reason=f"no media corpus at {CORPUS}: set DARKROOM_CORPUS")
@pytest.mark.parametrize("name", photos())
def test_a_photo_comes_out_upright_and_in_its_colours(name):
    data = (CORPUS / "photos" / name).read_bytes()
    whole = reference(data)

    rendered = render_photo(data, LADDERS["standard"], Limits())

    assert (rendered.width, rendered.height) == whole.size
    for preset, image in zip(LADDERS["standard"], rendered.images, strict=True):
        expected = through_jpeg(fitted(whole, preset))
        pixels = np.asarray(Image.open(io.BytesIO(image.data)), np.int16)
        assert pixels.shape == expected.shape == (image.height, image.width, 3)
        away = distance(pixels, expected)
        assert away <= THIN.get(name, FARTHEST[preset.shape]), f"{preset.name} is {away:.2f} levels away"
        assert away <= min(distance(pixels, wrong) for wrong in turned(expected)), f"{preset.name} is not upright"
