"""Whether an original is submitted as a photo or as a clip."""

import subprocess

import pytest

from jobs.job import CLIP, PHOTO
from scripts.darkroom.kind import first_bytes, told_function
from scripts.sample import sample_photo


def made(tmp_path, ending, *options):
    """The first bytes of what ffmpeg makes of five pictures."""
    file = tmp_path / f"made.{ending}"
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.5"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *source, *options, file], check=True)
    return file.read_bytes()[: 1 << 16]


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm", "avi", "ts", "3gp"])
def test_what_ffmpeg_writes_as_a_film_is_a_clip(tmp_path, ending):
    small = ("-s", "176x144") if ending == "3gp" else ()

    assert told_function(made(tmp_path, ending, *small)) == CLIP


@pytest.mark.parametrize("ending", ["gif", "apng", "webp", "png", "jpg", "bmp"])
def test_what_could_be_a_photo_is_one_even_if_it_moves(tmp_path, ending):
    still = ("-frames:v", "1") if ending in ("png", "jpg", "bmp") else ()

    assert told_function(made(tmp_path, ending, *still)) == PHOTO


@pytest.mark.parametrize("head", [b"", b"text", b"%PDF-1.7", b"ID3\4", bytes(1000), b"\0\0\0\x18ftyp"])
def test_what_is_neither_is_left_to_the_photos_worker_and_nothing_fails(head):
    assert told_function(head) in (PHOTO, CLIP)
    assert told_function(b"%PDF-1.7") == PHOTO


def test_a_picture_of_a_phone_shares_the_container_of_its_films_and_is_a_photo():
    brands = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"

    assert told_function(brands + bytes(64)) == PHOTO
    assert told_function(brands.replace(b"heic", b"isom").replace(b"mif1", b"mp42") + bytes(64)) == CLIP


def test_the_name_of_a_file_is_not_asked(tmp_path):
    (tmp_path / "film.mp4").write_bytes(sample_photo(20, 30))

    assert told_function(first_bytes(None, str(tmp_path / "film.mp4"))) == PHOTO


@pytest.mark.parametrize(("folder", "function"), [("photos", PHOTO), ("clips", CLIP)])
def test_every_file_of_the_corpus_is_told_by_its_bytes(corpus, folder, function):
    files = sorted(file for file in (corpus / folder).iterdir() if file.is_file())

    assert files
    assert [file.name for file in files if told_function(first_bytes(None, str(file))) != function] == []
