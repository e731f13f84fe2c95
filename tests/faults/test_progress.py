"""What a run of faults says while it goes on: how far it is, and what holds each minute."""

import json
import math
from types import SimpleNamespace

import psycopg2
import pytest

from scripts.faulting import minutes as watch
from scripts.faulting.books import Books
from scripts.faulting.minutes import MINUTE, Minutes
from scripts.faulting.model import Fault, Tally
from scripts.faulting.progress import Teller, clock, left_seconds

FAULTS = [Fault(name=f"fault {number}", group="steps", run=lambda _: None) for number in range(3)]
KEPT = Tally(fault="kill after put", group="kills", seconds=8.25)
BROKEN = Tally(fault="kill after post", group="kills", lost=1, findings=("job 1 is lost",))
NOTHING = Books(jobs=[], attempts=[], media=[], generations=[], events=[], stored={}, unknown=[])


def test_what_is_left_takes_as_long_as_what_is_done_did():
    assert left_seconds(3, 12, elapsed_seconds=30.0) == 90.0
    assert left_seconds(12, 12, elapsed_seconds=30.0) == 0.0
    assert left_seconds(0, 12, elapsed_seconds=30.0) == math.inf


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (187, "3:07"), (3725, "1:02:05"), (math.inf, "?")]
)
def test_a_time_is_told_in_minutes_and_seconds(seconds, text):
    assert clock(seconds) == text


def test_each_fault_is_told_as_it_ends_with_its_number_of_how_many_and_the_time_that_is_left(capsys):
    teller = Teller(faults=3)
    with teller.watching():
        for _, tally in zip(teller.follow(FAULTS), (KEPT, BROKEN, KEPT), strict=True):
            teller.tell(tally)

    first, second, finding, third = capsys.readouterr().out.splitlines()
    assert " 1/3 " in first
    assert "kill after put" in first
    assert "8.2 s  kept" in first
    assert " left)" in first
    assert " 2/3 " in second
    assert "BROKEN" in second
    assert finding.strip() == "job 1 is lost"
    assert " 3/3 " in third
    assert "about 0:00 left" in third


def test_a_run_that_goes_on_for_some_time_tells_how_long_that_is(capsys):
    teller = Teller(faults=None, seconds=1800.0)
    teller.tell(KEPT)

    assert "(0:00 of 30:00)" in capsys.readouterr().out


@pytest.fixture
def clocked(monkeypatch):
    """The monotonic clock of the looks, which a test moves on."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    monkeypatch.setattr(watch, "read", lambda *_: NOTHING)
    return now


@pytest.fixture
def said():
    return []


@pytest.fixture
def minutes(clocked, said):
    return Minutes(SimpleNamespace(stack=None, receiver=SimpleNamespace(events=[])), said.append)


def test_everything_is_looked_at_once_a_minute_between_two_faults(minutes, clocked, said):
    minutes.add(KEPT, [])
    clocked.seconds += MINUTE
    minutes.add(BROKEN, [])
    minutes.add(KEPT, [])

    (line,) = said
    assert json.loads(line[: line.index("}") + 1])["faults_run"] == 2
    assert line.endswith("} kept")
    assert [look.fault for look in minutes.looks] == ["all until now"]


def test_a_fault_that_lasts_has_a_line_each_minute_beside_it(minutes, clocked, said, monkeypatch):
    clocked.seconds += MINUTE
    minutes.glance()
    minutes.glance()
    minutes.add(KEPT, [])
    monkeypatch.setattr(watch, "reread_books", lambda *_: NOTHING)
    clocked.seconds += MINUTE
    minutes.glance()

    assert [line[line.index("}") + 2 :] for line in said] == [
        "no fault has ended before this minute did",
        "kept",
        "kept",
    ]


def test_a_ledger_that_is_away_is_told_in_that_minutes_line(minutes, clocked, said, monkeypatch):
    def away(*_):
        raise psycopg2.OperationalError("refused")

    monkeypatch.setattr(watch, "reread_books", away)
    clocked.seconds += MINUTE
    minutes.add(KEPT, [])
    clocked.seconds += MINUTE
    minutes.glance()

    assert "the ledger is away" in said[-1]


def test_what_a_look_beside_a_fault_finds_lost_is_told_and_counted(minutes, clocked, said, monkeypatch):
    asked = SimpleNamespace(
        receipt=SimpleNamespace(job_id=1), owner_id=7, function="photo", key="k", expected=frozenset()
    )
    monkeypatch.setattr(watch, "reread_books", lambda *_: NOTHING)
    clocked.seconds += MINUTE
    minutes.add(KEPT, [asked])

    assert "BROKEN; job 1 was acknowledged and is not in the ledger" in said[-1]
    assert json.loads(said[-1][: said[-1].index("}") + 1])["lost"] == 1
