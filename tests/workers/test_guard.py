"""The guard: when it ends a worker, and in which order."""

import pytest

from jobs.errors import LedgerUnavailable
from workers.exits import LEFT
from workers.guard import Guard
from workers.signals import Signals

LONGEST_JOB_SECONDS = 600.0


class EndedError(Exception):
    """Instead of the end of this process."""


class Surroundings:
    """A guard's signals, heartbeat, ledger and hands, all as the test says; notes what is done to them."""

    def __init__(self, monkeypatch, *, held_seconds=0.0, drain_seconds=25.0, hangs=False):
        self.done = []
        self.held_seconds = held_seconds
        self.signals = Signals()
        self._hangs = hangs
        monkeypatch.setattr("workers.guard.os._exit", self._exit)
        self.guard = Guard(
            worker="worker",
            drain_seconds=drain_seconds,
            longest_job_seconds=LONGEST_JOB_SECONDS,
            heartbeat=self,
            ledger=self,
            hands=self,
            signals=self.signals,
        )

    def release(self, worker, *, counted):
        self.done.append(f"release {worker}, which {'counts' if counted else 'does not count'}")
        if self._hangs:
            raise LedgerUnavailable("no answer in time")

    def kill(self):
        self.done.append("kill")

    def _exit(self, status):
        self.done.append(status)
        raise EndedError


def watch(surroundings):
    with pytest.raises(EndedError):
        surroundings.guard.run()
    return surroundings.done


def test_asked_twice_it_gives_the_lease_back_and_only_then_kills_the_hands(monkeypatch):
    surroundings = Surroundings(monkeypatch)
    surroundings.signals.ask()
    surroundings.signals.ask()

    assert watch(surroundings) == ["release worker, which does not count", "kill", LEFT]


def test_a_drain_that_takes_too_long_ends(monkeypatch):
    surroundings = Surroundings(monkeypatch, drain_seconds=0.1)
    surroundings.signals.ask()

    assert watch(surroundings)[-1] == LEFT


def test_a_job_that_is_held_for_too_long_ends_the_worker(monkeypatch):
    assert watch(Surroundings(monkeypatch, held_seconds=LONGEST_JOB_SECONDS + 1))[-1] == LEFT


def test_a_ledger_that_hangs_does_not_keep_it(monkeypatch):
    surroundings = Surroundings(monkeypatch, held_seconds=LONGEST_JOB_SECONDS + 1, hangs=True)

    assert watch(surroundings) == ["release worker, which counts", "kill", LEFT]
