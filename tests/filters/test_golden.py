"""Recipes of earlier versions, with the hash and the pixels that they had: neither may change behind people's backs.

`golden/NAME.json` holds a recipe, the version that it was written for and its hash; `golden/NAME.png` what it made of
the picture below; `golden/looks.png` what each look makes of it at half the size. After a change of pixels that is
meant (a tool's comes with another `TOOLS` in `pipeline.keys`; a look's numbers are part of every key), look at what
`pytest tests/filters/test_golden.py --regenerate-golden` writes, and commit it. A hash is never regenerated, because
media are kept under it; the switch fills it in only where a new recipe has none yet.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from filters.compile import compile_recipe
from filters.geometry import edited_size, reframe
from filters.recipe import BUILT_IN_LOOKS, canonical, parse_recipe, recipe_hash
from pipeline.keys import TOOLS
from scripts.benches.ciede2000 import ciede2000, lab_of

Pixels = NDArray[np.uint8]

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
HEIGHT, WIDTH = 64, 96
# Mean and greatest CIEDE2000, of which 1 is about what an eye can just see: room for the rounding of another processor
# or of a better kernel, none for another look.
MEAN_DIFFERENCE, GREATEST_DIFFERENCE = 0.25, 2.5


def golden_picture() -> Pixels:
    """(64, 96, 3): gradients above, patches of colour in the middle, texture below; whole numbers only."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ramp, patch = x * 255 // (WIDTH - 1), x // 8 + 12 * (y // 8)
    grey = np.stack([ramp, ramp, ramp], axis=-1)
    hues = np.clip(np.abs((ramp[..., None] * 6 + np.array([0, 1020, 510])) % 1530 - 765) - 255, 0, 255)
    patches = np.stack([patch * 37 % 256, patch * 101 % 256, patch * 197 % 256], axis=-1)
    noise = ((x * 7 + y * 13) ^ (x * y)) % 128
    texture = np.stack([noise + 64, noise + 48, noise + 32], axis=-1)
    row = y[..., None]
    return np.select([row < 10, row < 20, row < 40], [grey, hues, patches], texture).astype(np.uint8)


def rendered(golden: dict[str, Any]) -> Pixels:
    program = compile_recipe(parse_recipe(golden["recipe"]))
    height, width = edited_size(HEIGHT, WIDTH, program.geometry)
    framed = reframe(golden_picture(), height, width, program.geometry)
    return program.finish(program.apply(framed))


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What one file holds, its pixels included; written anew first, if that is asked for."""
    document = GOLDEN / f"{request.param}.json"
    held: dict[str, Any] = json.loads(document.read_text())
    if request.config.getoption("--regenerate-golden"):
        Image.fromarray(rendered(held)).save(document.with_suffix(".png"), optimize=True)
        held["hash"] = held.get("hash") or recipe_hash(parse_recipe(held["recipe"]))
        document.write_text(json.dumps(held, indent=2) + "\n")
    return held | {"pixels": np.asarray(Image.open(document.with_suffix(".png")))}


def test_a_recipe_keeps_its_hash(golden: dict[str, Any]) -> None:
    assert recipe_hash(parse_recipe(golden["recipe"])) == golden["hash"]


def test_a_recipe_in_its_canonical_form_has_the_same_hash(golden: dict[str, Any]) -> None:
    assert recipe_hash(parse_recipe(canonical(parse_recipe(golden["recipe"])))) == golden["hash"]


def test_a_recipe_keeps_its_pixels(golden: dict[str, Any]) -> None:
    pixels = rendered(golden)

    assert pixels.shape == golden["pixels"].shape
    difference = ciede2000(lab_of(golden["pixels"]), lab_of(pixels))
    assert difference.mean() <= MEAN_DIFFERENCE
    assert difference.max() <= GREATEST_DIFFERENCE


def test_every_golden_recipe_changes_the_picture_visibly(golden: dict[str, Any]) -> None:
    pixels, picture = golden["pixels"], golden_picture()

    assert pixels.shape != picture.shape or ciede2000(lab_of(pixels), lab_of(picture)).mean() > 4 * MEAN_DIFFERENCE


def test_there_is_a_golden_recipe_of_every_version() -> None:
    versions = {json.loads((GOLDEN / f"{name}.json").read_text())["version"] for name in NAMES}

    assert versions == set(range(1, TOOLS + 1))


@pytest.fixture
def golden_looks(request: pytest.FixtureRequest) -> dict[str, Pixels]:
    """The kept tile of each look; written anew first, if that is asked for."""
    file = GOLDEN / "looks.png"
    if request.config.getoption("--regenerate-golden"):
        Image.fromarray(np.vstack([looked(name) for name in BUILT_IN_LOOKS])).save(file, optimize=True)
    tiles = np.vsplit(np.asarray(Image.open(file)), len(BUILT_IN_LOOKS))
    return dict(zip(BUILT_IN_LOOKS, tiles, strict=True))


def looked(name: str) -> Pixels:
    return compile_recipe(parse_recipe({"look": {"name": name}})).apply(
        np.ascontiguousarray(golden_picture()[::2, ::2])
    )


@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
def test_a_look_keeps_its_pixels(golden_looks: dict[str, Pixels], name: str) -> None:
    difference = ciede2000(lab_of(golden_looks[name]), lab_of(looked(name)))

    assert difference.mean() <= MEAN_DIFFERENCE
    assert difference.max() <= GREATEST_DIFFERENCE
