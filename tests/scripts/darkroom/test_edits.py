"""A recipe as a command line gives it."""

import io
import json
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from filters.recipe import Recipe, parse_recipe, recipe_hash, schema
from jobs.errors import Rejected
from scripts.darkroom.edits import edit_options, recipe_of_options
from scripts.darkroom.main import darkroom
from scripts.darkroom.submit import edited_key


@pytest.fixture
def file(tmp_path):
    """A recipe's file."""
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"look": {"name": "juno", "strength": 60}, "adjustments": {"fade": 5, "warmth": 1}}))
    return path


def run(*words, stdin=None):
    return CliRunner().invoke(darkroom, list(map(str, words)), input=stdin)


def test_no_option_is_the_identity():
    assert recipe_of_options(None, None, (), None) == Recipe()


def test_look_strength_and_edits_make_a_recipe():
    made = recipe_of_options("clarendon", 80, ("warmth=20", "tint_shadows=blue:40"), None)

    assert made == parse_recipe(
        {
            "look": {"name": "clarendon", "strength": 80},
            "adjustments": {"warmth": 20, "tint_shadows": {"colour": "blue", "strength": 40}},
        }
    )


def test_options_are_put_over_a_file_and_win(file):
    made = recipe_of_options(None, 30, ("warmth=20",), file)

    assert made == parse_recipe({"look": {"name": "juno", "strength": 30}, "adjustments": {"fade": 5, "warmth": 20}})


def test_another_look_than_the_files_comes_with_its_own_strength(file):
    assert recipe_of_options("aden", None, (), file).look.strength == 100


def test_a_recipe_may_come_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"look": {"name": "aden"}}')))

    assert recipe_of_options(None, None, (), Path("-")).look.name == "aden"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((None, 80, (), None), "name one with --look"),
        ((None, None, ("warmth=120",), None), "adjustments.warmth: 120 is out of range; it goes from -100 to 100"),
        (("aden", 101, (), None), "look.strength: 101 is out of range; it goes from 0 to 100"),
        ((None, None, ("glow=1",), None), "there is no such edit"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_names_the_field(options, says):
    with pytest.raises(click.UsageError, match=says):
        recipe_of_options(*options)


def test_an_unknown_look_is_rejected_with_the_nearest_name():
    with pytest.raises(Rejected, match="did you mean clarendon") as rejected:
        recipe_of_options("clarendn", None, (), None)

    assert rejected.value.code == "unknown_look"
    assert recipe_of_options("clarendn", None, (), None, own_looks=None).look.name == "clarendn"


def test_a_document_that_never_ends_is_not_read_to_its_end():
    with pytest.raises(click.UsageError, match="too long"):
        recipe_of_options(None, None, (), Path("/dev/zero"))


def test_a_command_gets_the_options_as_the_arguments_of_the_function():
    @click.command()
    @edit_options
    def show(**options):
        click.echo(recipe_hash(recipe_of_options(**options)))

    said = CliRunner().invoke(show, ["--look", "aden", "--strength", "50", "--edit", "fade=1", "--edit", "rotate=90"])

    data = {"look": {"name": "aden", "strength": 50}, "adjustments": {"fade": 1}, "geometry": {"rotate": 90}}
    assert said.output.strip() == recipe_hash(parse_recipe(data))


def test_the_schema_is_printed():
    assert json.loads(run("recipe", "schema").stdout) == schema()


def test_a_recipe_is_checked_and_shown_in_its_canonical_form(file):
    said = run("recipe", "check", file)
    data = run("recipe", "check", file, "--json")

    written = '{"adjustments":{"fade":5,"warmth":1},"look":{"name":"juno","strength":60}}'
    assert said.stdout.splitlines() == [written, recipe_hash(parse_recipe(json.loads(written)))]
    assert json.loads(data.stdout) == {"recipe": json.loads(written), "sha256": said.stdout.splitlines()[1]}


@pytest.mark.parametrize(
    ("document", "code", "says"),
    [
        ('{"adjustments": {"warmth": 120}}', 1, "adjustments.warmth: 120 is out of range"),
        ("{", 2, "not JSON"),
        ('{"look": {"name": "Lo-Fi"}}', 4, "did you mean lofi"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused_with_the_documented_exit_code(document, code, says):
    said = run("recipe", "check", "-", stdin=document)

    assert said.exit_code == code
    assert says in said.stderr


def test_another_recipe_is_another_job_on_the_same_original():
    keys = {edited_key("a" * 64 + "-standard", parse_recipe({"adjustments": {"fade": n}})) for n in (0, 1, 2)}

    assert len(keys) == 3
    assert "a" * 64 + "-standard" in keys
    assert max(map(len, keys)) <= 200
