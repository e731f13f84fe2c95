"""The loop of the sweeper and the relay."""

import logging

import pytest

from jobs.errors import LedgerUnavailable
from workers import loop
from workers.signals import Signals


class Steps:
    """Steps that end as the test says; after the last of them the loop is asked to stop."""

    def __init__(self, signals, *ends):
        self.signals = signals
        self.ends = list(ends)

    def __call__(self):
        end = self.ends.pop(0)
        if not self.ends:
            self.signals.ask()
        if isinstance(end, Exception):
            raise end
        return end


@pytest.fixture
def rests(monkeypatch):
    rests = []
    monkeypatch.setattr(loop, "sleep", lambda seconds, signals: rests.append(seconds))
    return rests


def run(*ends):
    signals = Signals()
    loop.repeat(Steps(signals, *ends), signals, name="sweep")


def test_a_step_says_how_long_to_rest_after_it(rests):
    run(1.0, 0.25, 0.0)

    assert rests == [1.0, 0.25, 0.0]


def test_during_an_outage_the_rests_double_up_to_ten_seconds_and_start_anew_after_it(rests):
    away = LedgerUnavailable("away")

    run(*[away] * 7, 1.0, away, 1.0)

    assert rests == [0.5, 1, 2, 4, 8, 10, 10, 1.0, 0.5, 1.0]


def test_an_outage_costs_two_lines_in_the_log_however_long_it_is(rests, caplog):
    caplog.set_level(logging.INFO)

    run(*[LedgerUnavailable("away")] * 50, 1.0)

    assert [record.message for record in caplog.records] == ["sweep.failing", "sweep.recovered"]


def test_a_mistake_of_ours_ends_the_process_where_the_pool_sees_it(rests):
    with pytest.raises(ZeroDivisionError):
        run(ZeroDivisionError(), 1.0)


def test_a_rest_ends_when_asked_to_stop():
    signals = Signals()
    signals.ask()

    loop.sleep(600, signals)  # or this test would never end
