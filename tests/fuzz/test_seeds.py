"""What fuzzing has found and reached, and changes of it by chance: read again in every run."""

import random

import pytest

from scripts.fuzzing import kept
from scripts.fuzzing.targets import TARGETS, Target

CHANGED = 300  # inputs a target
INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_seed_by_code_is_what_its_parser_takes(target):
    assert any(is_taken(target, data) for data in target.seeds())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_fuzzing_has_reached_is_kept_and_breaks_nothing(target):
    inputs = kept.read(target)

    for data in inputs:
        target.read(data)

    assert inputs


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_fuzzing_has_reached_breaks_nothing_when_it_is_changed(target):
    chance = random.Random(target.name)
    inputs = [*kept.read(target), *target.seeds()]

    for _ in range(CHANGED):
        target.read(changed(chance.choice(inputs), chance))


def is_taken(target: Target, data: bytes) -> bool:
    try:
        target.run(data)
    except target.refusals:
        return False
    return True


def changed(data: bytes, chance: random.Random) -> bytes:
    """Some bytes replaced, and perhaps a part cut out or doubled."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 8) if out else 0):
        out[chance.randrange(len(out))] = chance.choice((*INTERESTING, chance.randrange(256)))
    start, end = sorted(chance.randrange(len(out) + 1) for _ in range(2))
    return bytes(chance.choice((out, out[:start] + out[end:], out[:end] + out[start:])))
