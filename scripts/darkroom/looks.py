"""Which look a command line means: a built-in one, one of the ledger's, or a `.cube` file."""

from collections.abc import Sequence
from pathlib import Path

import click

from config import MisconfiguredError
from filters.cube import CubeError, CubeLook, pack, read_cube, unpack
from filters.cube_text import MOST_BYTES
from filters.recipe import Recipe
from jobs.errors import Rejected
from jobs.recipes import own_look, read_recipe
from scripts.darkroom.app import App
from scripts.darkroom.edits import recipe_of_options

FILE_LOOK = "cube"  # what a recipe calls a look that is a file


def recipe_and_look(
    app: App, look: str | None, strength: float | None, edits: Sequence[str], file: Path | None
) -> tuple[Recipe, CubeLook | None]:
    """The recipe of the options, and its look if that is not a built-in one. No server is asked for the forty.

    Raises:
        click.UsageError: a field is wrong, or a `.cube` file is not there or broken.
        Rejected: `unknown_look`, with the nearest names.
    """
    if look and look.lower().endswith(".cube"):
        return recipe_of_options(FILE_LOOK, strength, edits, file, None), as_kept(read_cube_file(Path(look), FILE_LOOK))
    recipe = recipe_of_options(look, strength, edits, file, None)
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


def own_names(app: App) -> list[str]:
    """The names of the ledger's looks; none if no ledger is set."""
    try:
        return [look.name for look in app.ledger.looks()]
    except MisconfiguredError:
        return []


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
