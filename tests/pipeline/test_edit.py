"""Photos with their edits, without a worker around them."""

import io

import numpy as np
import pytest
from PIL import Image

from config import LADDERS, Limits
from filters.cube import pack, read_cube
from filters.recipe import parse_recipe
from jobs.errors import Rejected
from pipeline.edit import render_edited
from pipeline.photo import render_photo
from pipeline.services import Edits
from scripts.sample import sample_photo

PHOTO = sample_photo(height=35, width=49)
SWAPPED = "LUT_3D_SIZE 2\n" + "\n".join(f"{b} {g} {r}" for b in (0, 1) for g in (0, 1) for r in (0, 1))


def render(own_look=b"", **recipe):
    return render_edited(PHOTO, LADDERS["standard"], Limits(), Edits(recipe=parse_recipe(recipe, None), look=own_look))


def pixels(rendered):
    return np.asarray(Image.open(io.BytesIO(rendered.images[0].data))).astype(int)


def test_without_edits_the_bytes_are_those_of_the_plain_photo_and_nothing_is_compiled():
    plain, unedited = render_photo(PHOTO, LADDERS["standard"], Limits()), render()

    assert unedited.images == plain.images
    assert "compile_wall_ms" not in unedited.timings


def test_a_recipe_is_drawn_and_its_compilation_is_timed():
    edited = render(geometry={"rotate": 90}, adjustments={"saturation": -100})

    assert pixels(edited).shape == (49, 35, 3)
    assert np.ptp(pixels(edited), axis=2).max() <= 2
    assert (edited.height, edited.width) == (35, 49)  # the original's
    assert {"compile_wall_ms", "decode_wall_ms"} <= set(edited.timings)


def test_a_look_of_ones_own_is_drawn_from_its_bytes():
    look = pack(read_cube(SWAPPED, "swapped"))

    swapped = render(look, look={"name": "swapped"})

    assert np.abs(pixels(swapped) - pixels(render())[..., ::-1]).mean() < 6  # both went through JPEG


@pytest.mark.parametrize("look", [b"no look", pack(read_cube(SWAPPED, "swapped"))[:-1]])
def test_bytes_that_are_no_look_are_rejected_by_its_name(look):
    with pytest.raises(Rejected, match="swapped") as rejected:
        render(look, look={"name": "swapped"})

    assert rejected.value.code == "bad_look"


def test_a_look_that_is_not_built_in_and_has_no_bytes_is_unknown():
    with pytest.raises(Rejected, match="no built-in look swapped") as rejected:
        render(look={"name": "swapped"})

    assert rejected.value.code == "unknown_look"
