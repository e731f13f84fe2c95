"""`darkroom preview`: what a worker would make of a photo and a recipe, without any server."""

from io import BytesIO
from pathlib import Path

import click
from PIL import Image

from config import LADDERS, Limits
from config.presets import PhotoPreset
from filters.compile import compile_recipe
from filters.cube import CubeLook
from filters.recipe import Recipe
from pipeline.photo import render_photo
from scripts.darkroom.app import App, Command
from scripts.darkroom.edits import edit_options
from scripts.darkroom.looks import recipe_and_look
from scripts.darkroom.options import PHOTO, OutFile, read_photo
from scripts.darkroom.show import size

LADDER = LADDERS["standard"]
WIDEST = 8192  # pixels
GUTTER = 1 / 60  # between before and after, as a share of their width
PAPER = (250, 250, 248)
COMPARED_QUALITY = 90  # of a picture that is encoded a second time


@click.command(cls=Command)
@click.argument("photo", type=PHOTO)
@edit_options
@click.option("-o", "--out", type=OutFile(), help="Where to.  [default: the photo's name, the look's, .jpg]")
@click.option(
    "--width",
    default=LADDER[0].width,
    show_default=True,
    type=click.IntRange(1, WIDEST),
    help="Pixels across; a smaller photo is not enlarged.",
)
@click.option("--compare", is_flag=True, help="Show the photo without its colours changed beside it, on the left.")
@click.option("--open", "open_it", is_flag=True, help="Open what was written.")
@click.pass_obj
def preview(
    app: App,
    photo: Path,
    *,
    look: str | None,
    strength: float | None,
    edits: tuple[str, ...],
    file: Path | None,
    out: Path | None,
    width: int,
    compare: bool,
    open_it: bool,
) -> None:
    """Make a photo's rendition here and now: the same bytes as a worker's. No server is needed.

    \b
    darkroom preview cat.jpg --look clarendon --strength 80 --edit warmth=20
    darkroom preview cat.jpg --look dusk.cube --compare -o dusk.jpg --open
    """
    recipe, own_look = recipe_and_look(app, look, strength, edits, file)
    data = read_photo(photo)
    drawn = rendition(data, width, recipe, own_look)
    if compare:
        drawn = side_by_side(rendition(data, width, Recipe(geometry=recipe.geometry), None), drawn)
    target = out or Path(f"{photo.stem}-{recipe.look.name if recipe.look else 'edited'}.jpg")
    target.write_bytes(drawn)
    click.echo(f"{target}  {size(len(drawn))}")
    if open_it:
        click.launch(str(target))


def rendition(data: bytes, width: int, recipe: Recipe, own_look: CubeLook | None) -> bytes:
    """The JPEG of one width. A width of the standard ladder comes out of all of it, as in a worker.

    Raises:
        Rejected: it is not a photo, or one over a limit.
    """
    named = [preset for preset in LADDER if preset.shape == "whole" and preset.width == width]
    preset = named[0] if named else PhotoPreset(name=f"w{width}", width=width)
    ladder = LADDER if named else (preset,)
    images = render_photo(data, ladder, Limits(), compile_recipe(recipe, own_look)).images
    return next(bytes(image.data) for image in images if image.name == preset.name)


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
