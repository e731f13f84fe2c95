"""`darkroom recipe …`: what a recipe may hold, and whether one holds it."""

from pathlib import Path

import click

from filters.recipe import canonical, canonical_json, recipe_hash, schema
from jobs.recipes import own_look, read_recipe
from scripts.darkroom.app import App, Group, json_option, print_json
from scripts.darkroom.edits import RECIPE_FILE, read_document
from scripts.darkroom.looks import own_names


@click.group(cls=Group)
def recipe() -> None:
    """See what a recipe may hold, and check one."""


@recipe.command("schema")
def show_schema() -> None:
    """The JSON schema (2020-12) of a recipe: every field with its range and what it does."""
    print_json(schema())


@recipe.command("check")
@click.argument("file", type=RECIPE_FILE)
@json_option
@click.pass_obj
def check(app: App, file: Path, *, as_json: bool) -> None:
    """Check a recipe's file (- for standard input). Prints its canonical form and that one's SHA-256.

    No server is asked, unless the look is one of your own.
    """
    checked = read_recipe(read_document(file))
    if own_look(checked):
        read_recipe(checked, own_names(app))
    if as_json:
        print_json({"recipe": canonical(checked), "sha256": recipe_hash(checked)})
    else:
        click.echo(f"{canonical_json(checked)}\n{recipe_hash(checked)}")
