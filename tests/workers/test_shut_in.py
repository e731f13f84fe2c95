"""Real hands, shut in: nothing that a photo or a recipe can ask for needs a file that they have not loaded before."""

import pytest

from config import Limits
from filters import cube
from filters.recipe import BUILT_IN_LOOKS, parse_recipe
from pipeline.services import Edits
from scripts.fuzzing import seeds
from scripts.sample import sample_photo
from workers.hands import PhotoHands

SLIDERS = ("lux", "structure", "brightness", "contrast", "warmth", "saturation", "fade", "highlights", "shadows")
TOOLS = (
    *({slider: 30} for slider in (*SLIDERS, "vignette", "sharpen")),
    {"tint_shadows": {"colour": "blue"}},
    {"tint_highlights": {"colour": "yellow"}},
    {"tilt_shift": {"strength": 50}},
)
GEOMETRIES = (
    {"rotate": 90},
    {"flip": "horizontal"},
    {"straighten": 12},
    {"perspective": {"vertical": 20}},
    {"crop": {"left": 0.2, "top": 0.2, "width": 0.5, "height": 0.3}},
)
RECIPES = (
    *({"look": {"name": name}} for name in BUILT_IN_LOOKS),
    *({"adjustments": tool} for tool in TOOLS),
    *({"geometry": geometry} for geometry in GEOMETRIES),
)
FORMATS = (seeds.jpegs, seeds.pngs, seeds.gifs, seeds.webps, seeds.heifs, seeds.tiffs, seeds.bmps)


@pytest.fixture(scope="module")
def hands():
    hands = PhotoHands(Limits(), jobs=1000, memory_bytes=1 << 30)
    yield hands
    hands.close()


def render(hands, photo, **edits):
    return hands.render(photo, "standard", Edits(**edits), lambda *_: None)


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_a_photo_is_edited(hands, recipe):
    assert len(render(hands, sample_photo(30, 40), recipe=parse_recipe(recipe)).images) == 4


@pytest.mark.parametrize("table", seeds.cubes(), ids=("curves", "grid", "both"))
def test_a_photo_gets_a_look_of_ones_own(hands, table):
    look = cube.pack(cube.read_cube(table, "mine"))
    recipe = parse_recipe({"look": {"name": "mine"}}, own_looks=["mine"])

    assert len(render(hands, sample_photo(30, 40), recipe=recipe, look=look).images) == 4


@pytest.mark.parametrize("make", FORMATS, ids=lambda make: make.__name__)
def test_a_photo_of_every_format_is_read(hands, make):
    for photo in make():
        assert len(render(hands, photo).images) == 4
