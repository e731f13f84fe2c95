"""What commands do with colours and pixels. Imported where a command runs: the kernels take a second to load."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from config import LADDERS, Limits
from config.presets import PhotoPreset
from filters.character import character
from filters.compile import colour_operations, compile_recipe
from filters.cube import CubeError, CubeLook, pack, read_cube, unpack, write_cube
from filters.cube_text import MOST_BYTES
from filters.look import AnyLook, find_look
from filters.recipe import BUILT_IN_LOOKS, Recipe
from jobs.errors import LedgerUnavailable, Rejected
from jobs.job import PHOTO
from jobs.recipes import check_cut, own_look, read_recipe
from pipeline.clip.plan import plan_span
from pipeline.clip.render import open_clip, take_poster
from pipeline.clip.sniff import HEAD_BYTES
from pipeline.photo import render_photo, render_picture
from pipeline.scratch import ORIGINAL
from scripts.darkroom.app import App
from scripts.darkroom.edits import recipe_of_options
from scripts.darkroom.kind import told_function
from scripts.darkroom.looks import own_names
from scripts.darkroom.options import read_photo
from scripts.darkroom.sheet import Sheet, draw_sheet, fitted, photo_pixels

Choice = tuple[Recipe, CubeLook | None]
Pixels = NDArray[np.uint8]
Still = bytes | Pixels  # a photo as it was uploaded, or a clip's poster frame

LADDER = LADDERS["standard"]
FILE_LOOK = "cube"  # what a recipe calls a look that is a file
GUTTER = 1 / 60  # between before and after, as a share of their width
PAPER = (250, 250, 248)
COMPARED_QUALITY = 90  # of a picture that is encoded a second time


@dataclass(frozen=True, kw_only=True)
class ListedLook:
    """A look as `darkroom look list` tells it."""

    name: str
    title: str
    own: bool  # one of the ledger's
    character: tuple[str, ...]


def recipe_and_look(
    app: App,
    look: str | None,
    strength: float | None,
    edits: Sequence[str],
    file: Path | None,
    cut: Mapping[str, Any] | None = None,
) -> tuple[Recipe, CubeLook | None]:
    """The recipe of the options, and its look if that is not a built-in one. No server is asked for the forty.

    Raises:
        click.UsageError: a field is wrong, or a `.cube` file is not there or broken.
        Rejected: `unknown_look`, with the nearest names.
    """
    if look and look.lower().endswith(".cube"):
        recipe = recipe_of_options(FILE_LOOK, strength, edits, file, None, cut)
        return recipe, as_kept(read_cube_file(Path(look), FILE_LOOK))
    recipe = recipe_of_options(look, strength, edits, file, None, cut)
    name = own_look(recipe)
    if name is None:
        return recipe, None
    read_recipe(recipe, own_names(app))  # says which looks there are
    return recipe, kept_look(app, name)


def kept_look(app: App, name: str) -> CubeLook:
    """A look of the ledger.

    Raises:
        Rejected: `unknown_look`; or `bad_look` for bytes that no `darkroom look add` has put there.
    """
    try:
        return unpack(name, app.ledger.look(name))
    except CubeError as error:
        raise Rejected("bad_look", f"the ledger's look {name} cannot be read: {error}") from error


def read_cube_file(path: Path, name: str) -> CubeLook:
    """The look of a `.cube` file.

    Raises:
        click.UsageError: it is not there, or not such a file.
    """
    if not path.is_file():
        raise click.UsageError(f"There is no file {str(path)!r} here ({Path.cwd()}).")
    try:
        with path.open("rb") as file:
            return read_cube(file.read(MOST_BYTES + 1), name)
    except CubeError as error:
        raise click.UsageError(f"{path}: {error}.") from error


def as_kept(look: CubeLook) -> CubeLook:
    """The look as the ledger would give it back, so that a preview shows what a worker will."""
    return unpack(look.name, pack(look))


def listed_looks(app: App) -> list[ListedLook]:
    """The built-in looks, then the ledger's."""
    built_in = [describe(find_look(name), own=False) for name in BUILT_IN_LOOKS]
    return built_in + [describe(look, own=True) for look in own_looks(app)]


def own_looks(app: App) -> Iterator[CubeLook]:
    """The ledger's looks; none where no ledger is set. What cannot be listed is said."""
    try:
        for name in own_names(app):
            try:
                yield kept_look(app, name)
            except Rejected as error:
                click.echo(f"Not listed: {error}", err=True)
    except LedgerUnavailable:
        click.echo("The ledger does not answer: looks of your own are not listed.", err=True)


def describe(look: AnyLook, *, own: bool) -> ListedLook:
    """A look's line in the list."""
    return ListedLook(name=look.name, title=look.title, own=own, character=character(look.operations(1.0)))


def title(recipe: Recipe, own_look: CubeLook | None) -> str:
    """What a person calls the recipe's look."""
    if own_look:
        return own_look.title
    return find_look(recipe.look.name).title if recipe.look else "Recipe"


def read_still(file: Path, width: int, recipe: Recipe) -> Still:
    """What a rendition of this width is made of: a photo's bytes, or a clip's poster frame.

    Raises:
        Rejected: a photo's recipe has a cut; the clip or its cut is at fault.
        Unavailable: ffmpeg was killed, or ran out of memory or time.
    """
    with file.open("rb") as opened:
        function = told_function(opened.read(HEAD_BYTES))
    check_cut(recipe, function)
    return read_photo(file) if function == PHOTO else poster_frame(file, width, recipe)


def poster_frame(file: Path, width: int, recipe: Recipe) -> Pixels:
    """The frame that stands for a clip, (h, w, 3) uint8 sRGB, as a worker takes it."""
    with TemporaryDirectory(prefix="darkroom-preview-") as folder:
        original = Path(folder) / ORIGINAL
        original.symlink_to(file.resolve())
        source = open_clip(original, Limits())
        span, geometry = plan_span(source, recipe.cut), recipe.geometry
        _, frame = take_poster(source, span, recipe.cut, geometry, ladder_for(width), Limits(), Path(folder))
    return frame


def ladder_for(width: int) -> Sequence[PhotoPreset]:
    """The standard ladder if that width is one of its, so that a rendition comes out of all of it, as in a worker."""
    named = any(preset.shape == "whole" and preset.width == width for preset in LADDER)
    return LADDER if named else (PhotoPreset(name=f"w{width}", width=width),)


def rendition(still: Still, width: int, recipe: Recipe, own_look: CubeLook | None) -> bytes:
    """The JPEG of one width.

    Raises:
        Rejected: it is not a photo, or one over a limit.
    """
    ladder, program = ladder_for(width), compile_recipe(recipe, own_look)
    if isinstance(still, bytes):
        images = render_photo(still, ladder, Limits(), program).images
    else:
        images = render_picture(still, ladder, program).images
    shown = next(preset.name for preset in ladder if preset.shape == "whole" and preset.width == width)
    return next(bytes(image.data) for image in images if image.name == shown)


def side_by_side(before: bytes, after: bytes) -> bytes:
    """One JPEG of two of equal size."""
    left, right = (Image.open(BytesIO(data)) for data in (before, after))
    gutter = max(2, round(left.width * GUTTER))
    sheet = Image.new("RGB", (left.width + gutter + right.width, max(left.height, right.height)), PAPER)
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + gutter, 0))
    buffer = BytesIO()
    sheet.save(buffer, "JPEG", quality=COMPARED_QUALITY)
    return buffer.getvalue()


def contact_sheet(app: App, photo: Path, names: Sequence[str], columns: int, tile: int) -> Image.Image:
    """The photo under each look, the untouched photo first."""
    chosen = [recipe_and_look(app, name, None, (), None) for name in names or BUILT_IN_LOOKS]
    plan = Sheet(count=len(chosen), columns=columns, tile=tile)
    pixels = photo_pixels(read_photo(photo), max(plan.first))
    square = fitted(pixels, tile, tile)
    tiles = [(title(*choice), compile_recipe(*choice).apply(square)) for choice in followed(chosen)]
    return draw_sheet(plan, ("Original", fitted(pixels, *plan.first)), tiles)


def followed(chosen: Sequence[Choice]) -> Iterable[Choice]:
    """The same, with a progress bar where a person watches."""
    screen = Console(stderr=True)
    return track(chosen, "Drawing", console=screen, transient=True, disable=not screen.is_terminal)


def cube_text(recipe: Recipe, own_look: CubeLook | None, size: int) -> str:
    """The recipe's colours as a `.cube` file."""
    return write_cube(colour_operations(recipe, own_look), title(recipe, own_look), size)


def packed_cube(path: Path, name: str) -> bytes:
    """A `.cube` file in the form that a ledger keeps."""
    return pack(read_cube_file(path, name))
