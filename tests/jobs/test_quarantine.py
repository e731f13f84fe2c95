"""What is decided about originals that kill renderers: versions, causes, and who is let in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from jobs.errors import LedgerUnavailable, Rejected
from jobs.job import Crash, Order
from jobs.memory import MemoryLedger
from jobs.quarantine import (
    LIST_SECONDS,
    LONGEST_LIST,
    Cause,
    Death,
    Gate,
    Quarantined,
    ended,
    is_before,
    of_cause,
    reason,
)
from jobs.quarantine_memory import MemoryQuarantine

CRASH = Crash(
    stage="decode heic", signal="SIGSEGV", limit=None, words="", libraries={"libheif": "1.20.2", "libde265": "1.0.15"}
)
SHA256 = "5e" * 32


@pytest.mark.parametrize(
    ("version", "bound"),
    [
        ("1.9", "1.22"),
        ("1.21.99", "1.22"),
        ("1.22", "1.22.1"),
        ("1", "1.0.1"),
        ("7.1.5-0+deb13u1", "7.2"),
        ("n6.1", "7"),
        ("0", "0.1"),
    ],
)
def test_a_lower_version_is_before_a_higher_and_not_the_other_way_round(version, bound):
    assert is_before(version, bound)
    assert not is_before(bound, version)


@pytest.mark.parametrize(("version", "bound"), [("1.22", "1.22.0"), ("1.22", "1.22"), ("2.0rc1", "2.0"), ("", "1")])
def test_an_equal_version_and_one_that_is_unknown_are_not_before(version, bound):
    assert not is_before(version, bound)


@pytest.mark.parametrize(
    ("cause", "explains"),
    [
        (Cause(), True),
        (Cause(library="libheif", before="1.22"), True),
        (Cause(library="libheif", before="1.20.2"), False),
        (Cause(library="libheif"), True),
        (Cause(library="libtiff", before="99"), False),
        (Cause(stage="decode"), True),
        (Cause(stage="decode heic"), True),
        (Cause(stage="dec"), False),
        (Cause(stage="encode"), False),
        (Cause(signal="SIGSEGV"), True),
        (Cause(signal="SIGKILL"), False),
        (Cause(limit="memory"), False),
        (Cause(stage="decode", signal="SIGSEGV", library="libde265"), True),
    ],
)
def test_a_cause_explains_a_death_if_every_part_of_it_does(cause, explains):
    assert cause.explains(CRASH) is explains


def entry(*crashes, sha256=SHA256):
    moment = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    facts = {"sha256": sha256, "job_id": 1, "media_id": 2, "owner_id": 7, "function": "photo", "release": "1"}
    deaths = [
        Death(**facts, fence=number, died_at=moment, released_at=None, crash=crash)
        for number, crash in enumerate(crashes)
    ]
    return Quarantined(sha256=sha256, since=moment, deaths=tuple(deaths))


def test_an_original_that_once_died_otherwise_is_not_of_the_cause():
    newer = replace(CRASH, libraries={"libheif": "1.22.0"})
    fixed, broken = entry(CRASH, CRASH, CRASH), entry(CRASH, CRASH, newer)

    assert of_cause([fixed, broken], Cause(library="libheif", before="1.22")) == [fixed]


@pytest.mark.parametrize(
    ("signal", "limit", "words"),
    [
        ("SIGSEGV", None, "SIGSEGV"),
        ("SIGXCPU", "cpu", "cpu limit"),
        (None, "stall", "stall limit"),
        (None, None, "its exit"),
    ],
)
def test_what_ended_a_renderer_is_told_by_its_limit_or_else_its_signal(signal, limit, words):
    assert ended(replace(CRASH, signal=signal, limit=limit)) == words


def test_the_reason_says_since_when_why_and_what_an_operator_can_do():
    tokyo = timezone(timedelta(hours=9))
    said = reason(replace(entry(CRASH, CRASH, CRASH), since=datetime(2026, 2, 3, 4, 5, tzinfo=tokyo)))

    for part in (
        "since 2026-02-02 19:05 UTC",
        "3 times",
        "SIGSEGV at decode heic",
        f"quarantine release {SHA256[:12]}",
    ):
        assert part in said


class World:
    """A gate over a quarantine in memory that counts what it is asked, and a clock that the test turns."""

    def __init__(self):
        self.now, self.asked, self.away = 100.0, [], False
        self.ledger = MemoryLedger()
        self.truth = MemoryQuarantine(self.ledger)
        self.gate = Gate(self, clock=lambda: self.now)

    def __getattr__(self, name):
        def ask(*arguments):
            self.asked.append(name)
            if self.away:
                raise LedgerUnavailable("away")
            return getattr(self.truth, name)(*arguments)

        return ask

    def job(self, key):
        receipt = self.ledger.submit(Order(owner_id=7, key=key, source_key="o/7/1"))
        return self.ledger.claim(receipt.job_id, "worker", 15)

    def quarantine(self, note=None):
        for number in range(3):
            (note or self.truth.note)(self.job(f"{number}"), SHA256, CRASH, *([] if note else ["1"]))


def test_an_original_that_is_not_in_quarantine_costs_a_question_every_few_seconds():
    world = World()
    job = world.job("x")
    for _ in range(100):
        world.gate.admit_job(job, SHA256)
        world.now += LIST_SECONDS / 40

    assert world.asked == ["held"] * 3


def test_a_quarantine_is_known_within_seconds_and_a_release_at_once():
    world = World()
    world.gate.admit(SHA256)
    world.quarantine()
    world.gate.admit(SHA256)  # by the list that it has

    world.now += LIST_SECONDS
    with pytest.raises(Rejected) as refused:
        world.gate.admit(SHA256)
    assert refused.value.code == "quarantined"

    world.truth.release([SHA256])
    world.gate.admit(SHA256)


def test_who_noted_the_third_death_refuses_the_next_job_at_once():
    world = World()
    world.gate.admit(SHA256)
    world.quarantine(note=world.gate.note)
    job = world.job("next")

    with pytest.raises(Rejected, match="SIGSEGV at decode heic"):
        world.gate.admit_job(job, SHA256)


def test_no_original_is_shown_to_a_renderer_while_nobody_knows():
    world = World()
    world.away = True

    for _ in range(2):
        with pytest.raises(LedgerUnavailable):
            world.gate.admit_job(world.job("x"), SHA256)


def test_a_ledger_that_is_away_keeps_no_original_from_being_stored():
    world = World()
    world.away = True

    world.gate.admit(SHA256)

    assert world.asked == ["held"]


def test_a_death_that_cannot_be_noted_is_told_in_the_log(caplog):
    world = World()
    world.away = True

    world.gate.note(world.job("x"), SHA256, CRASH)

    (line,) = caplog.records
    assert (line.getMessage(), line.sha256, line.ended) == ("crash.unnoted", SHA256, "SIGSEGV")


def test_of_more_than_the_list_holds_each_original_is_asked_for():
    world = World()
    world.quarantine()
    world.truth.held = lambda limit: frozenset(f"{number:064x}" for number in range(limit))

    with pytest.raises(Rejected):
        world.gate.admit(SHA256)
    world.gate.admit("0b" * 32)
    assert len(world.truth.held(LONGEST_LIST)) == LONGEST_LIST
