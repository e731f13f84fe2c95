"""`darkroom preview`: what a worker would make of a photo and a recipe, without any server."""

from pathlib import Path

import click

from config import LADDERS
from filters.recipe import Recipe
from scripts.darkroom.app import App, Command, json_option, print_json
from scripts.darkroom.edits import edit_options
from scripts.darkroom.options import PHOTO, OutFile, read_photo
from scripts.darkroom.show import size

WIDEST = 8192  # pixels


@click.command(cls=Command)
@click.argument("photo", type=PHOTO)
@edit_options
@click.option("-o", "--out", type=OutFile(), help="Where to.  [default: the photo's name, the look's, .jpg]")
@click.option(
    "--width",
    default=LADDERS["standard"][0].width,
    show_default=True,
    type=click.IntRange(1, WIDEST),
    help="Pixels across; a smaller photo is not enlarged.",
)
@click.option("--compare", is_flag=True, help="Show the photo without its colours changed beside it, on the left.")
@click.option("--open", "open_it", is_flag=True, help="Open what was written.")
@json_option
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
    as_json: bool,
) -> None:
    """Make a photo's rendition here and now: the same bytes as a worker's. No server is needed.

    \b
    darkroom preview cat.jpg --look clarendon --strength 80 --edit warmth=20
    darkroom preview cat.jpg --look dusk.cube --compare -o dusk.jpg --open
    """
    from scripts.darkroom.drawing import recipe_and_look, rendition, side_by_side  # noqa: PLC0415 - brings the kernels

    recipe, own_look = recipe_and_look(app, look, strength, edits, file)
    data = read_photo(photo)
    drawn = rendition(data, width, recipe, own_look)
    if compare:
        drawn = side_by_side(rendition(data, width, Recipe(geometry=recipe.geometry), None), drawn)
    target = out or Path(f"{photo.stem}-{recipe.look.name if recipe.look else 'edited'}.jpg")
    target.write_bytes(drawn)
    if as_json:
        print_json({"file": target, "bytes": len(drawn)})
    else:
        click.echo(f"{target}  {size(len(drawn))}")
    if open_it:
        click.launch(str(target))
