"""How long a job server is let be that went away."""

import pytest

from jobs import outages as module
from jobs.outages import LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, PROBE_SECONDS, Outages

SERVER = "a:4730"


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def lose(outages, clock, waited_seconds):
    def nobody_answers():
        clock.now += waited_seconds
        raise TimeoutError

    with pytest.raises(TimeoutError), outages.trial(SERVER):
        nobody_answers()


def let_be_seconds(outages, clock):
    began = clock.now
    while not outages.worth_trying(SERVER, 3.0):
        clock.now += 0.01
    return clock.now - began


@pytest.mark.parametrize(("waited", "longest"), [(0.0, PAUSE_SECONDS), (3.0, LONGEST_PAUSE_SECONDS)])
def test_a_server_is_let_be_for_longer_if_it_kept_us_waiting_but_never_for_long(clock, waited, longest):
    outages = Outages()
    lose(outages, clock, waited)

    assert longest / 2 - 0.01 <= let_be_seconds(outages, clock) <= longest + 0.01


def test_a_lost_server_has_less_time_to_answer_until_it_did(clock):
    outages = Outages()
    assert outages.patience_seconds(SERVER, 3.0) == 3.0

    lose(outages, clock, 3.0)
    assert outages.patience_seconds(SERVER, 3.0) == PROBE_SECONDS
    assert outages.patience_seconds(SERVER, 0.5) == 0.5

    with outages.trial(SERVER):
        pass
    assert outages.patience_seconds(SERVER, 3.0) == 3.0


def test_asking_a_silent_server_takes_about_a_fifth_of_the_time(clock):
    outages, waited, began = Outages(), 0.0, clock.now
    lose(outages, clock, 3.0)
    for _ in range(100):
        let_be_seconds(outages, clock)
        lose(outages, clock, PROBE_SECONDS)
        waited += PROBE_SECONDS

    assert waited / (clock.now - began) < 0.25
