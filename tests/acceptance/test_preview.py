"""What `darkroom preview` writes is what a worker makes, and a look that was added is everybody's."""

import json

import pytest
from click.testing import CliRunner

from scripts.darkroom.main import darkroom
from scripts.sample import sample_photo

pytestmark = pytest.mark.server

DUSK = 'TITLE "Dusk"\nLUT_1D_SIZE 3\n0 0 0.1\n0.5 0.4 0.5\n1 0.9 0.8\n'


@pytest.fixture
def run(staffed_stack):
    """Run a command on a stack with workers; returns what it printed, as JSON if it was asked for that."""

    def invoke(*words):
        result = CliRunner().invoke(darkroom, ["--dir", str(staffed_stack.directory), *map(str, words)])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return invoke


@pytest.mark.parametrize(
    "options",
    [
        ["--look", "sutro", "--strength", 70, "--edit", "sharpen=40", "--edit", "straighten=4"],
        ["--edit", "lux=50", "--edit", "tilt_shift=linear", "--edit", "vignette=30"],
    ],
)
def test_a_preview_has_the_bytes_of_the_workers_rendition(run, tmp_path, options):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(sample_photo(240, 333, orientation=6) + repr(options).encode())

    (submitted,) = run("submit", photo, "--owner", 7, "--wait", "--json", *options)
    run("media", "fetch", submitted["media"]["media_id"], "-o", tmp_path / "made")
    run("preview", photo, "-o", tmp_path / "preview.jpg", *options)

    (made,) = (tmp_path / "made").glob("*-w1080.jpg")
    assert (tmp_path / "preview.jpg").read_bytes() == made.read_bytes()


def test_an_added_look_is_listed_previewed_and_made_by_workers_alike(run, tmp_path):
    photo, cube = tmp_path / "photo.jpg", tmp_path / "dusk.cube"
    photo.write_bytes(sample_photo(200, 300) + b"dusk")
    cube.write_text(DUSK)

    run("look", "add", cube, "--name", "dusk")
    (submitted,) = run("submit", photo, "--owner", 7, "--look", "dusk", "--wait", "--json")
    run("media", "fetch", submitted["media"]["media_id"], "-o", tmp_path / "made")
    run("preview", photo, "--look", "dusk", "-o", tmp_path / "by-name.jpg")
    run("preview", photo, "--look", cube, "-o", tmp_path / "by-file.jpg")

    (made,) = (tmp_path / "made").glob("*-w1080.jpg")
    assert (tmp_path / "by-name.jpg").read_bytes() == made.read_bytes()
    assert (tmp_path / "by-file.jpg").read_bytes() == made.read_bytes()
    assert "Dusk" in [look["title"] for look in run("look", "list", "--json")]
