"""What every ledger promises of looks of one's own."""

import hashlib

import pytest

from jobs.errors import Rejected
from jobs.looks import LOOK_BYTES

DATA = bytes(range(256)) * 3


@pytest.fixture
def name(subject):
    """A name that no other test uses."""
    return f"look-{subject.owner_id:x}"


def refused(ask, *arguments):
    with pytest.raises(Rejected) as refusal:
        ask(*arguments)
    return refusal.value.code


def test_a_look_comes_back_as_it_was_added(subject, name):
    subject.ledger.add_look(name, DATA)

    assert subject.beside.look(name) == DATA
    assert subject.beside.has_look(name)
    (listed,) = [look for look in subject.ledger.looks() if look.name == name]
    assert (listed.bytes, listed.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert listed.added_at is not None


def test_looks_are_listed_by_name(subject, name):
    for suffix in ("b", "c", "a"):
        subject.ledger.add_look(f"{name}-{suffix}", DATA)

    listed = [look.name for look in subject.ledger.looks() if look.name.startswith(name)]
    assert listed == [f"{name}-{suffix}" for suffix in "abc"]


def test_the_same_look_may_be_added_again_and_another_under_its_name_may_not(subject, name):
    for _ in range(2):
        subject.ledger.add_look(name, DATA)

    assert refused(subject.beside.add_look, name, b"another") == "look_exists"
    assert subject.ledger.look(name) == DATA


def test_a_built_in_look_cannot_be_replaced(subject):
    assert refused(subject.ledger.add_look, "clarendon", DATA) == "look_exists"


def test_the_longest_look_under_the_longest_name_is_kept(subject, name):
    name, data = name.ljust(40, "x"), b"x" * LOOK_BYTES
    subject.ledger.add_look(name, data)

    assert subject.ledger.look(name) == data


@pytest.mark.parametrize(
    ("wrong", "data"),
    [
        ("", DATA),
        ("-x", DATA),
        ("Summer", DATA),
        ("a b", DATA),
        ("a/../b", DATA),
        ("x\n", DATA),
        ("nul\0", DATA),
        ("x" * 41, DATA),
        ("empty", b""),
        ("huge", b"x" * (LOOK_BYTES + 1)),
    ],
)
def test_what_no_look_can_be_is_refused(subject, wrong, data):
    assert refused(subject.ledger.add_look, wrong, data) == "bad_look"


def test_a_look_that_is_not_there_is_unknown(subject, name):
    assert refused(subject.ledger.look, name) == "unknown_look"
    assert not subject.ledger.has_look(name)
