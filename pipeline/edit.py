"""From a photo and its edits to renditions."""

from collections.abc import Sequence
from dataclasses import replace

from config import Limits, PhotoPreset
from filters.compile import compile_recipe
from filters.cube import CubeError, unpack
from filters.program import Program
from filters.recipe import Recipe
from jobs.errors import Rejected
from pipeline.photo import render_photo
from pipeline.services import Edits, Rendered
from pipeline.stopwatch import Stopwatch


def render_edited(data: bytes, ladder: Sequence[PhotoPreset], limits: Limits, edits: Edits) -> Rendered:
    """Make every rendition of the ladder of the edited photo. The same in gives the same bytes out.

    Raises:
        Rejected: what `render_photo` refuses, or `bad_look`.
    """
    if edits.recipe == Recipe():
        return render_photo(data, ladder, limits)
    watch = Stopwatch()
    with watch.stage("compile"):
        program = compile_edits(edits)
    rendered = render_photo(data, ladder, limits, program)
    return replace(rendered, timings={**watch.timings, **rendered.timings})


def compile_edits(edits: Edits) -> Program:
    """The program of the recipe with its look, built in or one's own."""
    if not (edits.look and edits.recipe.look):
        return compile_recipe(edits.recipe)
    name = edits.recipe.look.name
    try:
        return compile_recipe(edits.recipe, unpack(name, edits.look))
    except CubeError as error:
        raise Rejected("bad_look", f"the look {name} is no look that this release can read: {error}") from error
