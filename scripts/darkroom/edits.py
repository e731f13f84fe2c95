"""`--look`, `--strength`, `--edit`, `--recipe`, and a clip's `--trim`, `--mute`, `--cover`: how a recipe is given."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
        help="A recipe's JSON file, or - for standard input. Every other option is put over it, and wins.",
    ),
)


class Span(click.ParamType[Mapping[str, float]]):
    """A part of a clip, `START-END` in seconds; without one of them from its beginning or to its end."""

    name = "span"

    def convert(
        self, value: str | Mapping[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> Mapping[str, float]:
        """The cut's start and end, as far as they are given."""
        if not isinstance(value, str):
            return value
        start, dash, end = value.partition("-")
        try:
            given = {name: float(text) for name, text in (("start", start), ("end", end)) if text.strip()}
        except ValueError:
            given = {}
        if not (dash and given):
            self.fail(f"{value!r} is no part of a clip, such as 1.5-6 (seconds), 1.5- or -6.", param, ctx)
        return given


CUT_OPTIONS = (
    click.option(
        "--trim", type=Span(), metavar="START-END", help="Of a clip: keep from START to END, in seconds, such as 1.5-6."
    ),
    click.option("--mute", is_flag=True, help="Of a clip: leave the sound out."),
    click.option(
        "--cover", type=float, metavar="SECONDS", help="Of a clip: the time of its poster frame.  [default: chosen]"
    ),
)


def edit_options(command: Decorated) -> Decorated:
    """The four options, as arguments of `recipe_of_options`: `look`, `strength`, `edits`, `file`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def cut_options(command: Decorated) -> Decorated:
    """The three options of a clip, as arguments of `cut_data`."""
    for option in reversed(CUT_OPTIONS):
        command = option(command)
    return command


def cut_data(trim: Mapping[str, float] | None, *, mute: bool, cover: float | None) -> dict[str, Any]:
    """The cut's fields that the options name."""
    data: dict[str, Any] = dict(trim or {})
    if mute:
        data["mute"] = True
    return data if cover is None else {**data, "cover": cover}


def recipe_of_options(
    look: str | None,
    strength: float | None,
    edits: Sequence[str],
    file: Path | None,
    own_looks: Iterable[str] | None = (),
    cut: Mapping[str, Any] | None = None,
) -> Recipe:
    """The recipe that the options spell; without any the identity. `own_looks` as `parse_recipe` takes them.

    `cut` is what `cut_data` makes of a clip's options.

    Raises:
        click.UsageError: a field is wrong, or there is no look that a strength could be of.
        Rejected: `unknown_look`, with the nearest names.
    """
    with usage_errors():
        return parse_recipe(recipe_data(look, strength, edits, file, cut or {}), own_looks)


def recipe_data(
    look: str | None, strength: float | None, edits: Sequence[str], file: Path | None, cut: Mapping[str, Any]
) -> Any:
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
    before = data.get("cut", {})
    if cut and isinstance(before, dict):
        data = {**data, "cut": {**before, **cut}}
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
