"""The lease of the job at hand."""

import pytest

from jobs.errors import LedgerUnavailable
from jobs.job import Job, Lane
from workers.heartbeat import AGAIN_SECONDS, DroppedError, Heartbeat

JOB = Job(
    job_id=1, media_id=2, owner_id=3, function="photo", source_key="o/1", ladder="standard", lane=Lane.BATCH, fence=4
)


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr("workers.heartbeat.time.monotonic", lambda: self.now)


class Answers:
    """A ledger that knows only beats, and answers them from a list."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.beats = []

    def beat(self, job, lease_seconds, progress):
        self.beats.append((job, lease_seconds, progress))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def tick_every_second(heartbeat, clock, seconds):
    for _ in range(seconds):
        clock.now += 1
        heartbeat.tick()


def test_the_lease_is_renewed_every_third_of_it(clock):
    ledger = Answers(*[True] * 10)
    heartbeat = Heartbeat(ledger, 15)

    with heartbeat.holding(JOB) as check:
        tick_every_second(heartbeat, clock, 20)
        check()

    assert ledger.beats == [(JOB, 15, None)] * 4


def test_a_short_job_costs_no_beat(clock):
    ledger = Answers()
    heartbeat = Heartbeat(ledger, 15)

    with heartbeat.holding(JOB):
        tick_every_second(heartbeat, clock, 4)
    tick_every_second(heartbeat, clock, 60)

    assert ledger.beats == []


def test_a_lost_lease_drops_the_job_and_is_not_asked_for_again(clock):
    ledger = Answers(False)
    heartbeat = Heartbeat(ledger, 15)

    with heartbeat.holding(JOB) as check:
        tick_every_second(heartbeat, clock, 30)
        with pytest.raises(DroppedError):
            check()

    assert len(ledger.beats) == 1


def test_a_beat_that_does_not_get_through_is_repeated_soon_and_drops_nothing(clock):
    ledger = Answers(LedgerUnavailable("away"), LedgerUnavailable("away"), True)
    heartbeat = Heartbeat(ledger, 15)

    with heartbeat.holding(JOB) as check:
        tick_every_second(heartbeat, clock, round(5 + 2 * AGAIN_SECONDS))
        check()

    assert len(ledger.beats) == 3


def test_the_time_a_job_is_held_is_known_and_ends_with_it(clock):
    heartbeat = Heartbeat(Answers(), 1000)

    with heartbeat.holding(JOB):
        clock.now += 7
        assert heartbeat.held_seconds == 7
    assert heartbeat.held_seconds == 0


def test_a_clips_lease_is_renewed_more_often_and_each_beat_tells_the_newest_progress(clock):
    ledger = Answers(*[True] * 10)
    heartbeat = Heartbeat(ledger, 15, beat_seconds=1.0)

    with heartbeat.holding(JOB) as check:
        for hundredths in (0, 10, 20, 30):
            check(hundredths / 100)
            check()  # which knows of no progress, and leaves it as it was
            tick_every_second(heartbeat, clock, 1)

    assert [progress for _, _, progress in ledger.beats] == [0.0, 0.1, 0.2, 0.3]


def test_beats_are_never_rarer_than_a_third_of_the_lease(clock):
    ledger = Answers(*[True] * 10)
    heartbeat = Heartbeat(ledger, 3, beat_seconds=60.0)

    with heartbeat.holding(JOB):
        tick_every_second(heartbeat, clock, 5)

    assert len(ledger.beats) == 5
