"""From a photo and its edits to renditions."""

from collections.abc import Sequence
from dataclasses import replace

from config import Limits, PhotoPreset
from filters.compile import compile_recipe
from filters.cube import CubeError, unpack
from filters.program import Program
from filters.recipe import Recipe
from jobs.errors import Rejected
from jobs.recipes import own_look
from pipeline.photo import render_photo
from pipeline.services import Edits, Rendered
from pipeline.stopwatch import Stopwatch


def render_edited(data: bytes, ladder: Sequence[PhotoPreset], limits: Limits, edits: Edits) -> Rendered:
    """Make every rendition of the ladder of the edited photo. The same in gives the same bytes out.

    Raises:
        Rejected: what `render_photo` refuses, `unknown_look` or `bad_look`.
    """
    if edits.recipe == Recipe():
        return render_photo(data, ladder, limits)
    watch = Stopwatch()
    with watch.stage("compile"):
        program = compile_edits(edits)
    rendered = render_photo(data, ladder, limits, program)
    return replace(rendered, timings={**watch.timings, **rendered.timings})


def compile_edits(edits: Edits) -> Program:
    """The program of the recipe with its look, built in or one's own.

    Raises:
        Rejected: `unknown_look` for one's own without its bytes, `bad_look` for bytes that are no look.
    """
    name = own_look(edits.recipe)
    if name is None:
        return compile_recipe(edits.recipe)
    if not edits.look:
        raise Rejected("unknown_look", f"there is no built-in look {name}, and the bytes of one's own are missing")
    try:
        return compile_recipe(edits.recipe, unpack(name, edits.look))
    except CubeError as error:
        raise Rejected("bad_look", f"the look {name} is no look that this release can read: {error}") from error
