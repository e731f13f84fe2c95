"""`darkroom preview`: what a worker would make of a photo, or of a clip's poster frame, without any server."""

from collections.abc import Mapping
from pathlib import Path

import click

from config import LADDERS
from filters.recipe import Recipe
from scripts.darkroom.app import App, Command, json_option, print_json
from scripts.darkroom.edits import cut_data, cut_options, edit_options
from scripts.darkroom.options import PHOTO, OutFile
from scripts.darkroom.show import size

WIDEST = 8192  # pixels


@click.command(cls=Command)
@click.argument("photo", type=PHOTO)
@edit_options
@cut_options
@click.option(
    "-o", "--out", type=OutFile(".jpg", ".jpeg"), help="Where to.  [default: the photo's name, the look's, .jpg]"
)
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
    trim: Mapping[str, float] | None,
    mute: bool,
    cover: float | None,
    out: Path | None,
    width: int,
    compare: bool,
    open_it: bool,
    as_json: bool,
) -> None:
    """Make a photo's rendition here and now: the same bytes as a worker's. No server is needed.

    Of a clip it is the poster frame's: the one at --cover, or else one that is chosen of what the cut keeps.

    \b
    darkroom preview cat.jpg --look clarendon --strength 80 --edit warmth=20
    darkroom preview cat.jpg --look dusk.cube --compare -o dusk.jpg --open
    darkroom preview cat.mp4 --look juno --trim 1.5-6 --cover 2
    """
    from scripts.darkroom.drawing import (  # noqa: PLC0415 - brings the kernels
        read_still,
        recipe_and_look,
        rendition,
        side_by_side,
    )

    cut = cut_data(trim, mute=mute, cover=cover)
    recipe, own_look = recipe_and_look(app, look, strength, edits, file, cut)
    still = read_still(photo, width, recipe)
    drawn = rendition(still, width, recipe, own_look)
    if compare:
        drawn = side_by_side(rendition(still, width, Recipe(geometry=recipe.geometry), None), drawn)
    target = out or Path(f"{photo.stem}-{recipe.look.name if recipe.look else 'edited'}.jpg")
    write(target, drawn, as_json=as_json)
    if open_it:
        click.launch(str(target))


def write(target: Path, drawn: bytes, *, as_json: bool) -> None:
    """Write the picture, and say where it is."""
    target.write_bytes(drawn)
    if as_json:
        print_json({"file": target, "bytes": len(drawn)})
    else:
        click.echo(f"{target}  {size(len(drawn))}")
