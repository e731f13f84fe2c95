"""`darkroom look …` where no server is, and with a ledger in memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from filters.compile import colour_operations
from filters.cube import pack, read_cube, unpack
from filters.place import at_place
from filters.recipe import BUILT_IN_LOOKS, parse_recipe
from jobs.errors import LedgerUnavailable
from jobs.memory import MemoryLedger
from scripts.darkroom.app import App
from scripts.darkroom.main import darkroom
from scripts.darkroom.sheet import Sheet, draw_sheet
from scripts.sample import sample_photo

INVERTED = 'TITLE "Upside down"\nLUT_1D_SIZE 2\n1 1 1\n0 0 0\n'
ROOT = Path(__file__).resolve().parents[3]
COLOURS = np.random.default_rng(4).random((500, 3))


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No settings, no stack, and a folder of its own to write to."""
    for name in ("DATABASE_URL", "GEARMAN_SERVERS", "S3_BUCKET"):
        monkeypatch.delenv(f"DARKROOM_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ledger(monkeypatch):
    """A ledger in memory instead of one that is set."""
    memory = MemoryLedger()
    monkeypatch.setattr(App, "ledger", memory)
    return memory


@pytest.fixture
def photo(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(sample_photo(90, 120))
    return file


@pytest.fixture
def inverted(tmp_path):
    file = tmp_path / "inverted.cube"
    file.write_text(INVERTED)
    return file


def run(*words, code=0):
    result = CliRunner().invoke(darkroom, ["--dir", "none", "look", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def said(*words, code):
    return " ".join(run(*words, code=code).output.split())


def test_no_other_command_waits_for_the_kernels_to_load():
    code = "import sys, scripts.darkroom.main; sys.exit(bool({'numba', 'cv2', 'numpy'} & sys.modules.keys()))"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# list


def test_the_forty_are_listed_without_a_server():
    listed = json.loads(run("list", "--json").stdout)

    assert [look["name"] for look in listed] == list(BUILT_IN_LOOKS)
    assert not any(look["own"] for look in listed)
    assert "black and white" in next(look["character"] for look in listed if look["name"] == "inkwell")
    assert all(name in run("list").stdout for name in BUILT_IN_LOOKS)


def test_the_ledgers_looks_are_listed_after_the_forty(ledger):
    ledger.add_look("dusk", pack(read_cube("LUT_1D_SIZE 2\n0 0 0\n0.6 0.6 0.6\n", "dusk")))

    listed = json.loads(run("list", "--json").stdout)

    assert listed[40] == {"name": "dusk", "title": "dusk", "own": True, "character": ["muted", "dark", "soft contrast"]}


def test_a_look_that_cannot_be_read_hides_only_itself(ledger):
    ledger.add_look("broken", b"no look at all")
    ledger.add_look("dusk", pack(read_cube("LUT_1D_SIZE 2\n0 0 0\n0.6 0.6 0.6\n", "dusk")))

    listed = run("list", "--json")

    assert [look["name"] for look in json.loads(listed.stdout)][40:] == ["dusk"]
    assert "Not listed: the ledger's look broken cannot be read" in listed.stderr


def test_a_ledger_that_does_not_answer_hides_only_its_own_looks(monkeypatch):
    class Silent:
        def looks(self):
            raise LedgerUnavailable("no answer")

    monkeypatch.setattr(App, "ledger", Silent())

    result = run("list", "--json")

    assert len(json.loads(result.stdout)) == 40
    assert "does not answer" in result.stderr


# sheet


def test_every_look_has_its_tile(photo):
    run("sheet", photo, "-o", "sheet.png", "--tile", 60)

    plan = Sheet(count=40, columns=7, tile=60)
    assert Image.open("sheet.png").size == plan.size[::-1]
    assert (plan.span, plan.rows) == (3, 7)


def test_only_the_looks_that_are_named_are_drawn(photo, inverted):
    run("sheet", photo, "-o", "sheet.png", "--tile", 60, "--look", "clarendon", "--look", inverted, "--columns", 3)

    sheet = np.asarray(Image.open("sheet.png"), np.float64)
    plan = Sheet(count=2, columns=3, tile=60)
    assert sheet.shape[:2] == plan.size
    (_, (top, left)), middle = plan.corners(), slice(20, 40)
    first, last = sheet[plan.margin :, plan.margin :][middle, middle], sheet[top:, left:][middle, middle]
    assert np.abs(first + last - 255).max() <= 1


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 6, 7, 8, 11, 40])
@pytest.mark.parametrize("count", [1, 2, 5, 40, 41])
def test_no_two_pictures_of_a_sheet_touch_and_none_leaves_it(columns, count):
    sheet = Sheet(count=count, columns=columns, tile=60)
    white = np.full((60, 60, 3), 255, np.uint8)
    picture = draw_sheet(sheet, ("", np.full((*sheet.first, 3), 255, np.uint8)), [("", white)] * count)

    lit = (np.asarray(picture) == 255).all(axis=-1)
    corners = count * (lit_corner(white, sheet)) + lit_corner(np.full((*sheet.first, 3), 255, np.uint8), sheet)
    assert lit.sum() == corners
    assert lit.shape == sheet.size


def lit_corner(white, sheet):
    """How many white pixels one white picture leaves on a sheet of its own."""
    height, width, _ = white.shape
    alone = draw_sheet(Sheet(count=0, columns=1, tile=sheet.tile), ("", white[: sheet.tile, : sheet.tile]), [])
    rounded = sheet.tile**2 - (np.asarray(alone) == 255).all(axis=-1).sum()
    return height * width - rounded


def test_a_sheet_of_another_kind_of_file_is_refused_by_name(photo):
    assert "sheet.gif: a sheet is written as .jpg" in said("sheet", photo, "-o", "sheet.gif", code=2)


# export


@pytest.mark.parametrize(
    ("words", "recipe"),
    [
        (["clarendon"], {"look": {"name": "clarendon"}}),
        (["sutro", "--strength", 40], {"look": {"name": "sutro", "strength": 40}}),
        (["--edit", "warmth=40", "--edit", "fade=30"], {"adjustments": {"warmth": 40, "fade": 30}}),
    ],
)
def test_what_is_exported_is_the_recipes_colours(words, recipe):
    run("export", *words, "-o", "x.cube")

    (operation,) = read_cube(Path("x.cube").read_text(), "x").operations(1.0)
    expected = at_place(colour_operations(parse_recipe(recipe)), COLOURS)
    assert np.abs(operation(COLOURS) - expected).mean() < 0.5 / 255


def test_a_recipes_file_is_exported_under_its_looks_name(tmp_path):
    (tmp_path / "mine.json").write_text('{"look": {"name": "juno", "strength": 50}}')

    run("export", "--recipe", "mine.json", "--size", 5)

    assert read_cube((tmp_path / "juno.cube").read_text(), "x").table.samples.shape == (5, 5, 5, 3)


def test_an_export_of_nothing_asks_what_is_meant():
    assert "Name a look, or give a recipe" in said("export", code=2)


def test_an_unknown_look_is_answered_with_the_nearest_names():
    assert "did you mean valencia" in said("export", "valensia", code=4)


def test_a_folder_that_is_not_there_is_named():
    assert "There is no folder 'nowhere'" in said("export", "juno", "-o", "nowhere/x.cube", code=2)


# add


def test_a_cube_file_becomes_a_look_of_ones_own(ledger, inverted):
    run("add", inverted, "--name", "upside-down")

    kept = unpack("upside-down", ledger.look("upside-down"))
    assert kept.title == "Upside down"
    np.testing.assert_allclose(kept.operations(1.0)[0](COLOURS), 1 - COLOURS, atol=1e-4)
    assert "upside-down" in run("list").stdout


def test_the_same_look_may_be_added_again_and_another_under_its_name_not(ledger, inverted, tmp_path):
    run("add", inverted, "--name", "mine")
    run("add", inverted, "--name", "mine")
    inverted.write_text(INVERTED.replace("1 1 1", "1 1 0"))

    assert "mine" in said("add", inverted, "--name", "mine", code=1)


@pytest.mark.parametrize("name", ["clarendon", "Dusk", "-dusk", "a" * 41, "ä"])
def test_a_name_that_no_own_look_can_have_is_refused(ledger, inverted, name):
    run("add", "--name", name, "--", inverted, code=1)

    assert ledger.looks() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LUT_3D_SIZE 256\n0 0 0\n", "announces 16,777,216 rows"),
        ("LUT_1D_SIZE 2\n0 0 0\n", "ends after 1 of the 2 rows"),
    ],
)
def test_a_broken_file_is_explained_and_not_kept(ledger, tmp_path, text, message):
    (tmp_path / "broken.cube").write_text(text)

    assert message in said("add", "broken.cube", "--name", "broken", code=2)
    assert ledger.looks() == []


def test_a_file_that_is_not_there_is_named(ledger):
    assert "There is no file 'nowhere.cube'" in said("add", "nowhere.cube", "--name", "x", code=2)


def test_without_a_ledger_it_says_what_to_start(inverted):
    assert "darkroom up" in said("add", inverted, "--name", "mine", code=2)
