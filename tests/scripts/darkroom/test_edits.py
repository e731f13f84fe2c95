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
from scripts.darkroom.edits import cut_data, cut_options, edit_options, recipe_of_options
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


@click.command()
@cut_options
def cut_of(trim, mute, cover):
    """What a command with a clip's options is given."""
    click.echo(json.dumps(cut_data(trim, mute=mute, cover=cover)))


def spelt(*words):
    return CliRunner().invoke(cut_of, list(words))


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ((), {}),
        (("--trim", "1.5-6"), {"start": 1.5, "end": 6}),
        (("--trim", "1.5-"), {"start": 1.5}),
        (("--trim", "-6"), {"end": 6}),
        (("--trim", " 1 - 2 "), {"start": 1, "end": 2}),
        (("--mute", "--cover", "0"), {"mute": True, "cover": 0}),
        (("--cover", "2.25", "--trim", "0-60"), {"start": 0, "end": 60, "cover": 2.25}),
    ],
)
def test_a_clips_options_spell_its_cut(words, data):
    assert json.loads(spelt(*words).stdout) == data


@pytest.mark.parametrize("wrong", ["", "-", "6", "a-b", "1.5-6-7", "1,5-6"])
def test_a_part_that_is_none_is_a_usage_error_that_shows_how_to_spell_one(wrong):
    result = spelt("--trim", wrong)

    assert result.exit_code == 2
    assert "such as 1.5-6" in result.stderr


def test_a_cut_is_put_over_a_files_and_the_rest_of_it_stays(tmp_path):
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps({"cut": {"start": 1, "end": 9, "mute": True}, "adjustments": {"fade": 5}}))

    made = recipe_of_options(None, None, ("warmth=20",), file, cut={"end": 6, "cover": 2})

    cut = {"start": 1, "end": 6, "mute": True, "cover": 2}
    assert made == parse_recipe({"cut": cut, "adjustments": {"fade": 5, "warmth": 20}})


@pytest.mark.parametrize(
    ("cut", "says"),
    [({"start": 6, "end": 1.5}, "end 1.5 is not after start 6"), ({"cover": -1}, "cut.cover: -1 is out of range")],
)
def test_a_cut_that_keeps_nothing_is_a_usage_error(cut, says):
    with pytest.raises(click.UsageError, match=says):
        recipe_of_options(None, None, (), None, cut=cut)


def test_a_files_cut_that_is_no_object_is_refused_as_such(tmp_path):
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps({"cut": 5}))

    with pytest.raises(click.UsageError, match="cut: 5 is no object"):
        recipe_of_options(None, None, (), file, cut={"end": 6})
