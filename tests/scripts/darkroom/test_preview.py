"""`darkroom preview`: the worker's bytes without a server, and what it says about what is wrong."""

import json
import subprocess
from io import BytesIO

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from config import CLIP_LADDERS, LADDERS, Limits
from filters.compile import compile_recipe
from filters.recipe import parse_recipe
from jobs.job import OwnLook
from pipeline.clip.render import render_clip
from pipeline.photo import render_photo
from pipeline.scratch import ORIGINAL, OUT
from pipeline.services import Edits
from scripts.darkroom.app import App
from scripts.darkroom.main import darkroom
from scripts.sample import sample_photo

SIZE = 120, 170
TINTS = ("rr=.5:gg=.5:bb=1", "rr=1:gg=.5:bb=.5", "rr=.5:gg=.5:bb=1")
INVERTED = "LUT_1D_SIZE 2\n1 1 1\n0 0 0\n"


@pytest.fixture
def photo(tmp_path):
    """A small photo that lies on its side."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(sample_photo(*SIZE, orientation=6))
    return file


@pytest.fixture
def inverted(tmp_path):
    """A .cube file that turns colours into their opposites."""
    file = tmp_path / "inverted.cube"
    file.write_text(INVERTED)
    return file


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No settings, no stack, and a folder of its own to write to."""
    for name in ("DATABASE_URL", "GEARMAN_SERVERS", "S3_BUCKET"):
        monkeypatch.delenv(f"DARKROOM_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*words, code=0):
    result = CliRunner().invoke(darkroom, ["--dir", "none", "preview", *map(str, words)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def workers_bytes(photo, recipe, name="w1080"):
    images = render_photo(
        photo.read_bytes(), LADDERS["standard"], Limits(), compile_recipe(parse_recipe(recipe))
    ).images
    return next(bytes(image.data) for image in images if image.name == name)


def pixels(file):
    return np.asarray(Image.open(file), np.float64)


@pytest.mark.parametrize(("width", "name"), [((), "w1080"), (("--width", 640), "w640"), (("--width", 320), "w320")])
def test_its_file_has_the_workers_bytes(photo, tmp_path, width, name):
    run(photo, "--edit", "warmth=40", "--edit", "crop=0.1,0.1,0.5,0.8", "-o", "out.jpg", *width)

    recipe = {
        "adjustments": {"warmth": 40},
        "geometry": {"crop": {"left": 0.1, "top": 0.1, "width": 0.5, "height": 0.8}},
    }
    assert (tmp_path / "out.jpg").read_bytes() == workers_bytes(photo, recipe, name)


def test_a_program_is_told_what_was_written_as_json(photo, tmp_path):
    answer = json.loads(run(photo, "--json", "-o", "out.jpg"))

    assert answer == {"file": "out.jpg", "bytes": (tmp_path / "out.jpg").stat().st_size}


def test_any_other_width_is_made_for_itself(photo, tmp_path):
    run(photo, "--width", 57, "-o", "out.jpg")

    assert Image.open("out.jpg").size == (57, 81)


def test_a_look_is_the_workers_too(photo):
    run(photo, "--look", "clarendon", "--strength", 60)

    recipe = {"look": {"name": "clarendon", "strength": 60}}
    assert photo.with_name("photo-clarendon.jpg").read_bytes() == workers_bytes(photo, recipe)


def test_a_cube_file_is_a_look(photo, inverted):
    run(photo, "-o", "plain.jpg")
    run(photo, "--look", inverted, "-o", "out.jpg")

    assert np.abs(pixels("out.jpg") + pixels("plain.jpg") - 255).mean() < 4


def test_before_and_after_stand_side_by_side(photo, inverted):
    run(photo, "--look", inverted, "--edit", "rotate=90", "--compare", "-o", "both.jpg")

    both = pixels("both.jpg")
    assert both.shape == (SIZE[0], 2 * SIZE[1] + round(SIZE[1] / 60), 3)
    assert np.abs(both[:, : SIZE[1]] + both[:, -SIZE[1] :] - 255).mean() < 6


def test_a_look_of_the_ledger_is_asked_of_the_ledger(photo, inverted, monkeypatch):
    class Ledger:
        def looks(self):
            return [OwnLook(name="dusk", bytes=1, sha256="", added_at=None)]

        def look(self, name):
            from filters.cube import pack, read_cube

            return {"dusk": pack(read_cube(INVERTED, "dusk"))}[name]

    monkeypatch.setattr(App, "ledger", Ledger())
    run(photo, "--look", "dusk", "-o", "kept.jpg")
    run(photo, "--look", inverted, "-o", "file.jpg")

    assert photo.with_name("kept.jpg").read_bytes() == photo.with_name("file.jpg").read_bytes()
    assert "did you mean dusk" in run(photo, "--look", "dusc", code=4)


# Clips


@pytest.fixture
def clip(tmp_path):
    """Two seconds of blue with one of red between them, all in detail, as no poster frame is plain."""
    file = tmp_path / "clip.mp4"
    seconds = [f"testsrc2=s=160x120:r=10:d=1,hue=s=0,colorchannelmixer={tint}[{n}]" for n, tint in enumerate(TINTS)]
    graph = f"{';'.join(seconds)};[0][1][2]concat=n=3,format=yuv420p"
    subprocess.run(["ffmpeg", "-v", "error", "-filter_complex", graph, "-g", "5", file], check=True)
    return file


def is_red(file):
    red, _, blue = pixels(file).mean(axis=(0, 1))
    assert abs(red - blue) > 40
    return red > blue


@pytest.mark.parametrize(
    ("options", "red"),
    [
        (["--trim", "1-2"], True),
        (["--trim", "2-"], False),
        (["--cover", 1.5], True),
        (["--cover", 0], False),
        (["--trim", "1-2", "--cover", 1], True),
    ],
)
def test_of_a_clip_a_frame_is_shown_that_the_cut_keeps(clip, options, red):
    run(clip, *options, "-o", "cut.jpg")

    assert is_red("cut.jpg") == red


def test_a_recipes_cut_counts_as_the_options_do(clip, tmp_path):
    (tmp_path / "recipe.json").write_text('{"cut": {"start": 1, "end": 2}}')

    run(clip, "--recipe", "recipe.json", "-o", "cut.jpg")

    assert is_red("cut.jpg")


def test_a_clips_preview_has_the_bytes_of_the_workers_poster(clip, tmp_path):
    recipe = parse_recipe({"cut": {"start": 0.5}, "look": {"name": "juno"}, "adjustments": {"lux": 60}})
    folder = tmp_path / "job"
    (folder / OUT).mkdir(parents=True)
    (folder / ORIGINAL).symlink_to(clip)
    ladder = CLIP_LADDERS["standard"]
    made = render_clip(folder, ladder, Limits(), Edits(recipe=recipe), (), lambda _: None, lambda _: None)

    run(clip, "--trim", "0.5-", "--look", "juno", "--edit", "lux=60", "--width", 320, "-o", "poster.jpg")

    poster = next(file.file for file in made.files if file.name == "w320")
    assert (tmp_path / "poster.jpg").read_bytes() == (folder / OUT / poster).read_bytes()


def test_before_and_after_of_a_clip_are_one_frame(clip, inverted):
    run(clip, "--look", inverted, "--compare", "-o", "both.jpg")

    both = pixels("both.jpg")
    assert np.abs(both[:, :160] + both[:, -160:] - 255).mean() < 6


def test_what_lies_outside_a_clip_is_refused_with_the_range(clip):
    assert "leaves nothing of 3.00 s" in run(clip, "--trim", "8-9", code=1)


@pytest.mark.parametrize(
    ("trim", "inside", "outside", "kept"),
    [("1-2", 2, 2.01, "from 1 s to 2 s"), ("1-2", 1, 0.99, "from 1 s to 2 s"), ("1-", 1, 0, "from 1 s on")],
)
def test_a_cover_that_the_cut_leaves_out_is_refused(clip, trim, inside, outside, kept):
    run(clip, "--trim", trim, "--cover", inside)

    told = run(clip, "--trim", trim, "--cover", outside, code=1)
    assert f"cut.cover: {outside:g} s lies outside what the cut keeps, {kept}" in told


def test_no_other_kind_of_file_is_written_than_its_name_says(photo):
    assert "is to be a .jpg" in run(photo, "-o", "preview.png", code=2)


def test_a_file_that_cannot_be_written_is_named_without_an_errors_number(photo):
    told = run(photo, "-o", "/proc/preview.jpg", code=1)

    assert "'/proc/preview.jpg' cannot be read or written: No such file or directory." in told
    assert "Errno" not in told


@pytest.mark.parametrize("options", [["--trim", "0-1"], ["--cover", 0], ["--mute"]])
def test_a_photo_has_no_cut(photo, options):
    assert "it is for clips" in run(photo, *options, code=1)


def test_a_photo_that_is_not_there_is_named(tmp_path):
    assert "'nowhere.jpg' does not exist" in run("nowhere.jpg", code=2)


def test_a_file_that_is_no_photo_is_refused_as_by_a_worker(tmp_path):
    (tmp_path / "text.jpg").write_text("no photo at all")

    assert "looks like text" in run("text.jpg", code=1)
    assert not (tmp_path / "text-edited.jpg").exists()


def test_an_unknown_look_comes_with_the_nearest_names(photo):
    assert "did you mean clarendon" in run(photo, "--look", "clarendn", code=4)


def test_a_folder_that_is_not_there_is_named_before_any_work(photo):
    assert "There is no folder 'nowhere'" in run(photo, "-o", "nowhere/out.jpg", code=2)


def test_a_folder_cannot_be_written_like_a_file(photo, tmp_path):
    assert "is a folder" in run(photo, "-o", tmp_path, code=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [("LUT_1D_SIZE 2\n0 0 0\n1 nan 1\n", "broken.cube: line 3:"), ("hello", "broken.cube: line 1:"), ("", "no size")],
)
def test_a_broken_cube_file_is_explained(photo, tmp_path, text, message):
    (tmp_path / "broken.cube").write_text(text)

    assert message in run(photo, "--look", "broken.cube", code=2)


def test_a_cube_file_that_is_not_there_is_named(photo):
    assert "There is no file 'nowhere.cube'" in run(photo, "--look", "nowhere.cube", code=2)


def test_what_a_strength_without_a_look_means_is_asked(photo):
    assert "name one with --look" in run(photo, "--strength", 50, code=2)


def test_a_comparison_is_a_jpeg_without_metadata(photo):
    run(photo, "--compare", "-o", "both.jpg")

    assert Image.open(BytesIO(photo.with_name("both.jpg").read_bytes())).getexif() == {}


@pytest.mark.parametrize(
    ("name", "options"), [("huge.jpg", ["huge.jpg"]), ("huge.cube", ["small.jpg", "--look", "huge.cube"])]
)
def test_a_file_of_gigabytes_is_refused_without_being_read(tmp_path, name, options):
    (tmp_path / "small.jpg").write_bytes(sample_photo(8, 8))
    with (tmp_path / name).open("wb") as file:
        file.truncate(20 << 30)  # a hole: it takes no room

    assert "bytes" in run(*options, code=1 if name.endswith("jpg") else 2)
