"""`darkroom look …`: the looks there are, how they look, and those of one's own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from scripts.darkroom.app import App, Decorated, Group, json_option, print_json
from scripts.darkroom.edits import OPTIONS
from scripts.darkroom.options import PHOTO, OutFile
from scripts.darkroom.show import console, size

if TYPE_CHECKING:
    from scripts.darkroom.drawing import ListedLook

PICTURES: Mapping[str, Mapping[str, Any]] = {
    ".jpg": {"quality": 88},
    ".jpeg": {"quality": 88},
    ".png": {},
    ".webp": {"quality": 88},
}


@click.group(cls=Group)
def look() -> None:
    """The looks there are: list them, see them on a photo, export them, add one's own."""


def recipe_options(command: Decorated) -> Decorated:
    """The options of a recipe whose look is an argument."""
    for option in reversed(OPTIONS[1:]):
        command = option(command)
    return command


@look.command("list")
@json_option
@click.pass_obj
def list_looks(app: App, *, as_json: bool) -> None:
    """List the looks and what they do.

    The built-in ones, then those of the ledger if one is set. What each does is measured.
    """
    from scripts.darkroom.drawing import listed_looks  # noqa: PLC0415 - brings the kernels

    listed = listed_looks(app)
    if as_json:
        print_json(listed)
    else:
        console().print(look_table(listed))


@look.command("sheet")
@click.argument("photo", type=PHOTO)
@click.option(
    "-o", "--out", type=OutFile(), default="sheet.jpg", show_default=True, help="Where to: .jpg, .png, .webp."
)
@click.option("--columns", default=7, show_default=True, type=click.IntRange(1, 40), help="Tiles in a row.")
@click.option("--tile", default=300, show_default=True, type=click.IntRange(40, 1000), help="A tile's side in pixels.")
@click.option("--look", "names", multiple=True, help="Only this look; may be given many times.  [default: the forty]")
@click.option("--open", "open_it", is_flag=True, help="Open what was written.")
@click.pass_obj
def sheet(app: App, photo: Path, *, out: Path, columns: int, tile: int, names: tuple[str, ...], open_it: bool) -> None:
    """Draw a photo under every look on one sheet.

    The untouched photo comes first. No server is needed.
    """
    if out.suffix.lower() not in PICTURES:
        raise click.UsageError(f"{out.name}: a sheet is written as {', '.join(PICTURES)}.")
    from scripts.darkroom.drawing import contact_sheet  # noqa: PLC0415 - brings the kernels

    picture = contact_sheet(app, photo, names, columns, tile)
    picture.save(out, **PICTURES[out.suffix.lower()])
    click.echo(f"{out}  {picture.width} x {picture.height}  {size(out.stat().st_size)}")
    if open_it:
        click.launch(str(out))


@look.command("export")
@click.argument("name", required=False)
@recipe_options
@click.option("-o", "--out", type=OutFile(), help="Where to.  [default: the look's name, .cube]")
@click.option("--size", "side", default=33, show_default=True, type=click.IntRange(2, 129), help="Points a side.")
@click.pass_obj
def export(
    app: App,
    name: str | None,
    *,
    strength: float | None,
    edits: tuple[str, ...],
    file: Path | None,
    out: Path | None,
    side: int,
) -> None:
    """Write a look as a .cube file, or the colours of any recipe.

    Lightroom, DaVinci, ffmpeg and others read it. What depends on the place in the frame is left out.

    \b
    darkroom look export clarendon -o clarendon.cube
    darkroom look export --recipe mine.json --size 65 -o mine.cube
    """
    if not (name or edits or file):
        raise click.UsageError("Name a look, or give a recipe with --recipe or --edit.")
    from scripts.darkroom.drawing import cube_text, recipe_and_look  # noqa: PLC0415 - brings the kernels

    recipe, own_look = recipe_and_look(app, name, strength, edits, file)
    target = out or Path(f"{recipe.look.name if recipe.look else 'recipe'}.cube")
    target.write_text(cube_text(recipe, own_look, side))
    click.echo(f"{target}  {size(target.stat().st_size)}")


@look.command("add")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What recipes will call it: a-z, 0-9 and -. It is never changed again.")
@click.pass_obj
def add_look(app: App, file: Path, *, name: str) -> None:
    """Keep a .cube file as a look. Every worker then knows it by its name."""
    from scripts.darkroom.drawing import packed_cube  # noqa: PLC0415 - brings the kernels

    kept = packed_cube(file, name)
    app.ledger.add_look(name, kept)
    click.echo(f"{name} is a look now ({size(len(kept))}). Try it: darkroom preview PHOTO --look {name}")


def look_table(listed: "Sequence[ListedLook]") -> Table:
    """A line a look."""
    table = Table("look", "title", "character", box=None)
    for listing in listed:
        mark = " [dim](own)[/]" if listing.own else ""
        table.add_row(escape(listing.name) + mark, escape(listing.title), ", ".join(listing.character))
    return table
