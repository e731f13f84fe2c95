"""`--look`, `--strength`, `--edit` and `--recipe`: how every command that takes a recipe takes it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from filters.recipe import TEXT_BYTES, Recipe, RecipeError, apply_edits, parse_document, parse_recipe
from jobs.errors import Rejected

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

RECIPE_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
OPTIONS = (
    click.option("--look", help="A look, such as clarendon; `darkroom look list` names them."),
    click.option("--strength", type=float, help="How much of the look: 0 to 100.  [default: 100]"),
    click.option(
        "--edit",
        "edits",
        multiple=True,
        metavar="NAME=VALUE",
        help="An edit: warmth=20, tint_shadows=blue:40, crop=0.1,0.1,0.8,0.8 (left, top, width, height), rotate=90. "
        "May be given many times; `darkroom recipe schema` names them all.",
    ),
    click.option(
        "--recipe",
        "file",
        type=RECIPE_FILE,
        help="A recipe's JSON file, or - for standard input. The options above are put over it, and win.",
    ),
)


def edit_options(command: Decorated) -> Decorated:
    """The four options, as arguments of `recipe_of_options`: `look`, `strength`, `edits`, `file`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def recipe_of_options(
    look: str | None,
    strength: float | None,
    edits: Sequence[str],
    file: Path | None,
    own_looks: Iterable[str] | None = (),
) -> Recipe:
    """The recipe that the options spell; without any the identity. `own_looks` as `parse_recipe` takes them.

    Raises:
        click.UsageError: a field is wrong, or there is no look that a strength could be of.
        Rejected: `unknown_look`, with the nearest names.
    """
    with usage_errors():
        return parse_recipe(recipe_data(look, strength, edits, file), own_looks)


def recipe_data(look: str | None, strength: float | None, edits: Sequence[str], file: Path | None) -> Any:
    """The options' data, not yet checked."""
    data = read_document(file) if file else {}
    if not isinstance(data, dict):
        return data  # which no recipe is: the check says so
    if look is not None:
        data = {**data, "look": {"name": look}}
    if strength is not None:
        if not isinstance(data.get("look"), dict):
            raise click.UsageError("--strength is of a look: name one with --look.")
        data = {**data, "look": {**data["look"], "strength": strength}}
    return apply_edits(data, edits)


def read_document(file: Path) -> Any:
    """The data of a recipe's file, or of standard input; no more is read than it takes to see that it is too much.

    Raises:
        click.UsageError: it is too long or not JSON.
    """
    with usage_errors(), click.open_file(str(file), "rb") as opened:
        return parse_document(opened.read(TEXT_BYTES + 1))


@contextmanager
def usage_errors() -> Iterator[None]:
    """What is wrong with a recipe is wrong with the command line; an unknown look is unknown wherever it is named."""
    try:
        yield
    except RecipeError as error:
        if error.code == "unknown_look":
            raise Rejected(error.code, str(error)) from error
        raise click.UsageError(str(error)) from error
