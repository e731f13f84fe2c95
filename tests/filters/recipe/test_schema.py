"""The schema that a frontend gets says what the parser takes."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.recipe import BUILT_IN_LOOKS, RecipeError, parse_recipe, schema
from filters.recipe.fields import COLOURS

SCHEMA = schema()


def nodes(node, path=""):
    """Every part of the schema with its path in a recipe."""
    yield path, node
    for name, member in node.get("properties", {}).items():
        yield from nodes(member, f"{path}.{name}".lstrip("."))


def accepts(node, value):
    """What JSON schema 2020-12 says of a value, for the keywords that this schema has."""
    if "enum" in node:
        return not isinstance(value, bool) and value in node["enum"]
    if node["type"] == "number":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and node["minimum"] <= value <= node["maximum"]
    if node["type"] == "boolean":
        return isinstance(value, bool)
    if node["type"] == "string":
        return isinstance(value, str) and bool(re.search(node["pattern"], value))
    members = node["properties"]
    return (
        isinstance(value, dict)
        and set(node.get("required", ())) <= set(value) <= set(members)
        and all(accepts(members[name], item) for name, item in value.items())
    )


def values(node):
    """Values that fit a part of the schema, and some that nearly do."""
    wrong = st.none() | st.booleans() | st.just("20") | st.just([])
    if "enum" in node:
        return st.sampled_from([*node["enum"], "lilac", 45]) | wrong
    if node["type"] == "number":
        low, high = node["minimum"], node["maximum"]
        return st.floats(low, high) | st.sampled_from([low, high, low - 0.001, high + 0.001]) | wrong
    if node["type"] == "boolean":
        return st.sampled_from([0, 1, "true"]) | wrong
    if node["type"] == "string":
        return st.sampled_from(["aden", "xpro2", 7]) | wrong
    members = {name: values(member) for name, member in node["properties"].items()}
    return st.fixed_dictionaries({}, optional={**members, "glow": st.just(1)}) | wrong


def fits(node):
    """Values that fit a part of the schema."""
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node["type"] == "number":
        return st.floats(node["minimum"], node["maximum"]) | st.sampled_from([node["minimum"], node["maximum"]])
    if node["type"] == "boolean":
        return st.booleans()
    if node["type"] == "string":
        return st.sampled_from(node["examples"])
    members = {name: fits(member) for name, member in node["properties"].items()}
    required = {name: members.pop(name) for name in node.get("required", ())}
    return st.fixed_dictionaries(required, optional=members)


def outside(error):
    """The two rules that a schema cannot say, and its text does."""
    return any(says in str(error) for says in ("reach outside of the picture", "is not after start"))


@given(fits(SCHEMA))
def test_what_the_schema_accepts_is_parsed(data):
    assert accepts(SCHEMA, data)
    try:
        parse_recipe(data)
    except RecipeError as error:
        if not outside(error):
            raise


@given(values(SCHEMA))
def test_what_the_schema_refuses_is_refused(data):
    if accepts(SCHEMA, data):
        return
    with pytest.raises(RecipeError):
        parse_recipe(data)


def test_every_object_is_closed_and_every_field_is_described():
    for path, node in nodes(SCHEMA):
        assert node["description"].endswith("."), path
        assert node.get("additionalProperties") is (False if "properties" in node else None), path


def test_every_number_has_its_range_and_its_default_within():
    numbers = {path: node for path, node in nodes(SCHEMA) if node.get("type") == "number"}

    assert len(numbers) == 29
    assert {path for path, node in numbers.items() if "default" not in node} == {"cut.end", "cut.cover"}
    for path, node in numbers.items():
        assert node["minimum"] <= node.get("default", 0) <= node["maximum"], path


def test_it_names_its_dialect_the_colours_and_the_looks_and_is_json():
    look = SCHEMA["properties"]["look"]["properties"]["name"]
    tint = SCHEMA["properties"]["adjustments"]["properties"]["tint_shadows"]

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert look["examples"] == list(BUILT_IN_LOOKS)
    assert tint["properties"]["colour"]["enum"] == list(COLOURS)
    assert tint["required"] == ["colour"]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
