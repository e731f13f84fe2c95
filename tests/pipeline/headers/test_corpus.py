"""Real files: every photo is let in and read as its decoder reads it; every hostile file is met as expected."""

import csv
import io
import warnings
from dataclasses import replace
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import Format, Header, read_header
from tests.pipeline.headers import making

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")]

CHANNELS = {"1": 1, "L": 1, "I;16": 1, "P": 3, "RGB": 3, "RGBA": 3, "CMYK": 4}  # by Pillow's mode, without alpha

# Where the reference counts further pictures as frames; nobody would see them as an animation or pages.
COLLECTIONS = {
    "libavif__apple_gainmap_new.jpg": "an MPO: the second picture is a gain map",
    "libheif__example.heic": "two pictures in one file, of which one is primary",
    "pheif__alpha.heic": "three pictures in one file, of which one is primary",
}

# Clips among the hostile files that the clip function takes; as photos they are refused as clips.
CLIPS = (".mp4", ".mov", ".mkv", ".webm", ".avi")

# Hostile files whose header is sound, and why only a decoder can tell.
FOR_THE_DECODER = {
    "made__jpeg_truncated_25pct.jpg": "entropy-coded data break off",
    "made__jpeg_truncated_50pct.jpg": "entropy-coded data break off",
    "pillow__truncated_jpeg.jpg": "entropy-coded data break off",
    "pillow__ultrahdr.jpg": "entropy-coded data break off",
    "sharp__truncated.jpg": "entropy-coded data break off",
    "gofuzz__b2e79f6d59bcb2c222734b46491b35745baea4ee-1.jpg": "entropy-coded data are broken",
    "gofuzz__06b7cc4b5ba1118810c3b7d4e7b7af62bfd2babf-1.gif": "compressed data break off between two blocks",
    "gofuzz__0a6b5e50664a1887d985f8d545cb52ec0bd39c23-5.tif": "compressed data are broken",
    "gofuzz__0cbc9775d8263af863b0b60aa13c61a4f69aec6a-2.tif": "compressed data are broken",
    "gofuzz__59470c6a5fd4c8c56d4d767cc7233b3a8f8b0dbc-5.tif": "compressed data are broken",
    "gofuzz__dc84e90ef3c21f0accfd60f9d7d939e726e505b9-1.tif": "its resolution lies outside the file",
    "imgrs__Bad_unusual_extend_buffer_usage.bmp": "run-length data are too short",
    "imgrspng__x_consecutive_idat.png": "pixels are missing from whole chunks",
    "libavif__alpha_noispe.avif": "the alpha picture does not say its size, which only libavif insists on",
    "mp4parse__no-alpha-ispe.avif": "the alpha picture does not say its size, which only libavif insists on",
    "mp4parse__invalid-avif-colr-multiple-rICC.avif": "two profiles, which only libavif minds",
    "mp4parse__imir-before-clap.avif": "the coded data are no AV1 picture",
    "mp4parse__transformation-before-ispe.avif": "the coded data are no AV1 picture",
    "pheif__truncated.heic": "the primary picture is whole, another breaks off",
    "pillow__rgb32bf.bmp": "a sound bitfield layout that only Pillow lacks",
    "pillow__sequence_gap.png": "the first frame is sound, a later one is misnumbered",
    "pillow__syntax_num_frames_high.png": "the first frame is sound, later ones are missing",
    "pillow__unknown_compression_method.png": "the profile's compression is unknown, which only Pillow minds",
}


def rows(corpus: Path, name: str) -> list[dict[str, str]]:
    with (corpus / f"{name}.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def by_the_decoder(data: bytes, kind: Format) -> tuple[Header, str]:
    """What Pillow or pillow-heif say, and the mode of the pixels that they give."""
    if kind is Format.HEIC:
        heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        header = Header(format=kind, width=heif.size[0], height=heif.size[1], frames=len(heif))
        return replace(header, profile=heif.info.get("icc_profile")), heif.mode
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
        frames, profile = getattr(image, "n_frames", 1), image.info.get("icc_profile")
        image.seek(0)
        orientation = orientation_by_pillow(image)
        turned = kind is Format.TIFF and orientation >= 5  # Pillow gives the size of the page that it will turn
        width, height = reversed(image.size) if turned else image.size
        return Header(
            format=kind, width=width, height=height, orientation=orientation, frames=frames, profile=profile
        ), image.mode


def orientation_by_pillow(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(making.ORIENTATION, 1)
    except ValueError:  # Pillow gives up on some EXIF in PNG texts
        return 1
    return orientation if orientation in range(1, 9) else 1


def test_every_photo_is_read_as_its_decoder_reads_it(corpus):
    wrong = {}
    for row in rows(corpus, "photos"):
        data = (corpus / "photos" / row["file"]).read_bytes()
        header = read_header(data, Limits())
        expected, mode = by_the_decoder(data, header.format)
        if row["file"] in COLLECTIONS:
            expected = replace(expected, frames=1)
        fields = ("width", "height", "orientation", "frames", "profile")
        ours, theirs = ([getattr(h, field) for field in fields] for h in (header, expected))
        if ours != theirs or header.components != CHANNELS[mode] or (mode == "RGBA" and not header.alpha):
            wrong[row["file"]] = (ours[:4], theirs[:4], header.components, mode)

    assert wrong == {}


def test_every_hostile_file_is_met_as_expected(corpus):
    wrong = {}
    for row in rows(corpus, "hostile"):
        met = "accept"
        try:
            read_header((corpus / "hostile" / row["file"]).read_bytes(), Limits())
        except Rejected as refusal:
            met = refusal.code
        if row["file"].endswith(CLIPS) and row["expected"] == "accept":
            expected = met == "video_not_photo"
        elif row["expected"] == "accept" or row["file"] in FOR_THE_DECODER:
            expected = met == "accept"
        else:
            expected = met != "accept"
        if not expected:
            wrong[row["file"]] = (met, row["expected"], row["why"])

    assert wrong == {}


def test_every_clip_is_refused_as_a_clip(corpus):
    for row in rows(corpus, "clips"):
        with pytest.raises(Rejected) as refusal:
            read_header((corpus / "clips" / row["file"]).read_bytes(), replace(Limits(), photo_bytes=1 << 30))
        assert refusal.value.code == "video_not_photo", row["file"]


def test_the_time_of_capture_is_that_of_the_camera(corpus):
    with_time = 0
    for row in rows(corpus, "photos"):
        data = (corpus / "photos" / row["file"]).read_bytes()
        header = read_header(data, Limits())
        if header.format is Format.JPEG:
            with Image.open(io.BytesIO(data)) as image:
                stamp = str(image.getexif().get_ifd(making.EXIF).get(making.TAKEN, "")).rstrip("\0")
            if header.capture.taken_at is None:
                assert stamp == "" or stamp.startswith(("0000", " ")), row["file"]
            else:
                assert header.capture.taken_at[:19].replace("-", ":").replace("T", " ") == stamp
                with_time += 1

    assert with_time >= 5
