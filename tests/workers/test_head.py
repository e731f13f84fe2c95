"""What a worker makes of a ticket, over twins."""

import hashlib
import json
import logging
import zlib
from dataclasses import replace

import pytest

from config import LADDERS, Settings
from jobs.errors import HandsDied, LedgerUnavailable, Rejected, StoreUnavailable, Unavailable
from jobs.job import Crash, JobState, Order
from jobs.memory import MemoryLedger
from jobs.quarantine import Gate
from jobs.quarantine_memory import MemoryQuarantine
from pipeline.memory import MemoryStore
from pipeline.services import Encoded, Rendered, Services, StoredObject
from workers.exits import LEFT
from workers.head import Head, worker_name
from workers.heartbeat import DroppedError, Heartbeat
from workers.log import JsonLines
from workers.signals import Signals

SETTINGS = Settings(database_url="", gearman_servers=(), s3_bucket="")


class ScriptedHands:
    """Hands that do what the test says; by default they render."""

    def __init__(self, act=lambda: None):
        self.act = act
        self.begin = lambda: None

    def start(self, on_wait):
        self.begin()

    def render(self, original, ladder, edits, on_wait):
        self.act()
        images = tuple(
            Encoded(name=preset.name, width=5, height=7, content_type="image/jpeg", extension="jpg", data=b"pixels")
            for preset in LADDERS[ladder]
        )
        return Rendered(width=5, height=7, facts={}, images=images, timings={"decode_cpu_ms": 1.0})


def fail_with(error):
    def act():
        raise error

    return act


class World:
    """A worker, and everything around it, in memory."""

    def __init__(self, act=lambda: None):
        store = MemoryStore()
        store.write_all([StoredObject(key="o/1", data=b"photo", content_type="image/jpeg", crc32=zlib.crc32(b"photo"))])
        self.ledger = MemoryLedger()
        self.signals = Signals()
        self.hands = ScriptedHands(act)
        self.quarantine = MemoryQuarantine(self.ledger)
        services = Services(store=store, ledger=self.ledger, hands=self.hands, quarantine=Gate(self.quarantine))
        self.heartbeat = Heartbeat(self.ledger, SETTINGS.lease_seconds)
        self.head = Head(
            name="worker", services=services, settings=SETTINGS, heartbeat=self.heartbeat, signals=self.signals
        )
        self.receipt = self.ledger.submit(Order(owner_id=7, key="k", source_key="o/1"))

    def work(self, times=1):
        for _ in range(times):
            self.head.work(self.receipt.ticket)
        return self.ledger.status(self.receipt.job_id)


def events(caplog):
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


@pytest.fixture(autouse=True)
def _log_everything(caplog):
    caplog.set_level(logging.INFO)


def test_a_photo_is_published_and_its_job_done_with_one_line_in_the_log(caplog):
    world = World()

    assert world.work().state is JobState.DONE

    assert world.ledger.media(world.receipt.media_id).state == "ready"
    (line,) = events(caplog)
    assert (line["event"], line["job_id"], line["attempt"]) == ("job.done", world.receipt.job_id, 1)
    assert {"seconds", "fetch_wall_ms", "decode_cpu_ms", "store_cpu_ms", "publish_cpu_ms"} <= set(line)


def test_a_second_ticket_for_a_job_that_is_done_changes_nothing():
    world = World()
    world.work()

    status = world.work()

    assert (status.state, status.attempts) == (JobState.DONE, 1)
    assert world.ledger.media(world.receipt.media_id).generation == 1


def test_a_corrupt_photo_is_rejected_at_once_and_not_tried_again(caplog):
    world = World(fail_with(Rejected("corrupt", "no photo")))

    status = world.work(times=3)

    assert (status.state, status.code, status.reason, status.attempts) == (JobState.REJECTED, "corrupt", "no photo", 1)
    assert events(caplog)[0]["event"] == "job.rejected"


def test_a_renderer_that_does_not_come_up_costs_no_photo_an_attempt(monkeypatch):
    class LeftError(Exception):
        """Instead of the end of this process."""

    def leave(status):
        raise LeftError(status)

    monkeypatch.setattr("workers.head.os._exit", leave)
    world = World()
    world.hands.begin = fail_with(Unavailable("the renderer does not come up"))

    with pytest.raises(LeftError, match=str(LEFT)):
        world.work()

    status = world.ledger.status(world.receipt.job_id)
    assert (status.state, status.attempts) == (JobState.QUEUED, 0)


@pytest.mark.parametrize("error", [HandsDied("SIGSEGV"), StoreUnavailable("busy"), ZeroDivisionError("ours")])
def test_what_may_help_is_tried_again_later(error):
    world = World(fail_with(error))

    status = world.work()

    assert (status.state, status.attempts) == (JobState.QUEUED, 1)
    assert status.due_at > status.submitted_at


def test_only_a_mistake_of_our_own_brings_its_traceback_into_the_log(caplog):
    World(fail_with(ZeroDivisionError("ours"))).work()
    World(fail_with(HandsDied("SIGSEGV"))).work()

    ours, theirs = events(caplog)
    assert (ours["code"], theirs["code"]) == ("internal_error", "renderer_died")
    assert "ZeroDivisionError: ours" in ours["traceback"]
    assert "traceback" not in theirs


def test_a_job_that_was_taken_over_meanwhile_is_dropped_and_nothing_of_it_is_written(caplog):
    def lose():
        world.ledger.release("worker")
        world.ledger.claim(world.receipt.job_id, "another", 15)

    world = World(lose)

    status = world.work()

    assert (status.state, status.attempts) == (JobState.RUNNING, 2)
    assert world.ledger.media(world.receipt.media_id).generation == 0
    assert [line["event"] for line in events(caplog)] == ["job.dropped"]


def test_a_failure_after_the_job_was_taken_over_is_not_noted():
    def lose_and_fail():
        world.ledger.release("worker")
        world.ledger.claim(world.receipt.job_id, "another", 15)
        raise HandsDied("SIGKILL")

    world = World(lose_and_fail)

    assert world.work().state is JobState.RUNNING


def test_a_job_that_was_cancelled_is_dropped(caplog):
    def cancel():
        world.ledger.cancel(world.receipt.job_id)
        raise DroppedError("cancelled")

    world = World(cancel)

    assert world.work().state is JobState.CANCELLED
    assert [line["event"] for line in events(caplog)] == ["job.dropped"]


def test_a_function_that_nobody_knows_is_a_mistake_of_ours_not_the_workers_end():
    world = World()
    world.receipt = world.ledger.submit(replace(Order(owner_id=7, key="other", source_key="o/1"), function="hologram"))

    assert world.work().code == "internal_error"


def away_for(calls, answer):
    """A ledger's call that fails so many times before it answers."""

    def call(*arguments, **keywords):
        nonlocal calls
        calls -= 1
        if calls >= 0:
            raise LedgerUnavailable("away")
        return answer(*arguments, **keywords)

    return call


def test_a_worker_waits_with_its_ticket_until_the_ledger_answers(monkeypatch):
    monkeypatch.setattr("workers.loop.sleep", lambda *_: None)
    world = World()
    monkeypatch.setattr(world.ledger, "claim", away_for(3, world.ledger.claim))

    assert world.work().state is JobState.DONE


def test_a_failure_is_noted_as_soon_as_the_ledger_answers(monkeypatch):
    monkeypatch.setattr("workers.loop.sleep", lambda *_: None)
    world = World(fail_with(Rejected("corrupt", "no photo")))
    monkeypatch.setattr(world.ledger, "fail", away_for(3, world.ledger.fail))

    assert world.work().state is JobState.REJECTED


def test_asked_to_stop_without_a_ledger_a_worker_gives_up_its_ticket_and_the_job_stays_as_it_was(monkeypatch):
    world = World()
    monkeypatch.setattr(world.ledger, "claim", away_for(1, world.ledger.claim))
    world.signals.ask()

    with pytest.raises(LedgerUnavailable):
        world.work()
    assert world.ledger.status(world.receipt.job_id).state is JobState.QUEUED


def test_the_lease_is_kept_only_while_the_job_runs():
    held = []
    world = World(lambda: held.append(world.heartbeat.held_seconds > 0))

    world.work()

    assert held == [True]
    assert world.heartbeat.held_seconds == 0


def test_a_workers_name_has_no_spaces_and_is_of_one_life_of_one_process():
    assert " " not in worker_name(7, "abc")
    assert len({worker_name(7, "abc"), worker_name(8, "abc"), worker_name(7, "abd")}) == 3


CRASH = Crash(stage="decode heic", signal="SIGSEGV", limit=None, words="", libraries={"libheif": "1.20.2"})


def test_a_death_is_noted_with_its_attempt_and_the_third_turns_the_original_away_from_the_hands():
    world = World(fail_with(HandsDied("SIGSEGV", CRASH)))
    sha256 = hashlib.sha256(b"photo").hexdigest()
    for _ in range(3):
        world.work()
        world.ledger.cancel(world.receipt.job_id)
        world.ledger.retry(world.receipt.job_id)

    assert [death.fence for death in world.quarantine.deaths(sha256)] == [1, 2, 3]

    world.hands.act = lambda: pytest.fail("the hands saw it")
    status = world.work()
    assert (status.state, status.code) == (JobState.REJECTED, "quarantined")
    assert world.quarantine.stranded([sha256]) == [world.receipt.job_id]


def test_a_death_that_is_not_the_originals_fault_is_not_counted():
    world = World(fail_with(HandsDied("SIGKILL")))

    world.work()

    assert world.quarantine.deaths(hashlib.sha256(b"photo").hexdigest()) == []


def test_a_job_is_settled_as_ever_if_its_death_cannot_be_noted(monkeypatch):
    world = World(fail_with(HandsDied("SIGSEGV", CRASH)))
    monkeypatch.setattr(world.quarantine, "note", lambda *_: fail_with(LedgerUnavailable("away"))())

    status = world.work()

    assert (status.state, status.code) == (JobState.QUEUED, "renderer_died")
