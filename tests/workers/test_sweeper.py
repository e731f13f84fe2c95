"""The sweeper, over the ledger's twin and job servers that the test turns off and on."""

import pytest

from jobs.errors import BrokerUnavailable, LedgerUnavailable
from jobs.job import Order
from jobs.memory import MemoryLedger
from workers.sweeper import Sweeper


class Brokers:
    """Job servers as `BrokerWatch` and `Dispatcher` see them: up or down, and forgetful."""

    def __init__(self):
        self.up = True
        self.refuses = False
        self.queue = []
        self.taken = lambda: None
        self._seen = False

    def restart(self):
        self.queue.clear()
        self._seen = False

    def returned(self):
        returned = ["broker:4730"] if self.up and not self._seen else []
        self._seen = self.up
        return returned

    def reachable(self):
        return self.up

    def send(self, tickets):
        if not self.up or self.refuses:
            raise BrokerUnavailable("down")
        self.queue += tickets
        self.taken()


class World:
    def __init__(self):
        self.ledger = MemoryLedger()
        self.brokers = Brokers()
        self.asked_to_stop = False
        self.sweeper = Sweeper(self.ledger, self.brokers, self.brokers, keep_going=lambda: not self.asked_to_stop)

    def submit(self, count):
        return {
            self.ledger.submit(Order(owner_id=7, key=f"{number}", source_key="o/1")).job_id for number in range(count)
        }

    @property
    def queued(self):
        return {ticket.job_id for ticket in self.brokers.queue}


@pytest.fixture
def world():
    return World()


def test_a_new_sweeper_brings_what_was_submitted_before_it_began(world):
    jobs = world.submit(3)

    assert world.sweeper.sweep() == 3
    assert world.queued == jobs


def test_more_than_one_batch_is_brought_in_one_sweep(world, monkeypatch):
    monkeypatch.setattr("workers.sweeper.BATCH", 4)
    jobs = world.submit(11)

    assert world.sweeper.sweep() == 11
    assert world.queued == jobs


def test_a_long_queue_is_recalled_in_batches(world, monkeypatch):
    monkeypatch.setattr("workers.sweeper.RECALL_BATCH", 4)
    jobs = world.submit(11)

    assert world.sweeper.sweep() == 11
    assert world.queued == jobs


def test_a_request_to_stop_is_heard_between_two_batches_of_a_long_sweep(world, monkeypatch):
    monkeypatch.setattr("workers.sweeper.BATCH", 4)
    world.submit(11)
    world.brokers.taken = lambda: setattr(world, "asked_to_stop", True)

    assert world.sweeper.sweep() == 4


def test_leases_are_swept_even_while_every_recall_fails(world):
    def fail(limit):
        raise LedgerUnavailable("canceling statement due to statement timeout")

    (job_id,) = world.submit(1)
    world.ledger.claim(job_id, "worker", lease_seconds=0)
    world.ledger.recall = fail

    with pytest.raises(LedgerUnavailable):
        world.sweeper.sweep()
    assert world.queued == {job_id}


def test_what_was_brought_is_not_brought_again_at_once(world):
    world.submit(3)
    world.sweeper.sweep()

    assert world.sweeper.sweep() == 0


def test_a_job_server_that_was_restarted_gets_everything_again(world):
    jobs = world.submit(3)
    world.sweeper.sweep()
    world.brokers.restart()

    assert world.sweeper.sweep() == 3
    assert world.queued == jobs


def test_what_a_frontend_kept_back_while_it_had_not_noticed_the_return_is_brought_soon(world, monkeypatch):
    monkeypatch.setattr("workers.sweeper.NOTICED_SECONDS", (0.0, 60.0))
    world.sweeper.sweep()
    late = world.submit(3)

    assert world.sweeper.sweep() == 3
    assert world.queued == late


def test_that_is_looked_after_once(world, monkeypatch):
    monkeypatch.setattr("workers.sweeper.NOTICED_SECONDS", (0.0, 60.0))
    world.sweeper.sweep()
    world.sweeper.sweep()
    world.submit(3)

    assert world.sweeper.sweep() == 0


def test_that_is_looked_after_again_for_who_lets_a_server_be_that_hung(world, monkeypatch):
    monkeypatch.setattr("workers.sweeper.NOTICED_SECONDS", (0.0, 0.0))
    world.sweeper.sweep()
    world.sweeper.sweep()
    late = world.submit(3)

    assert world.sweeper.sweep() == 3
    assert world.queued == late


def test_that_is_not_looked_after_before_everybody_can_have_noticed(world):
    world.sweeper.sweep()
    world.submit(3)

    assert world.sweeper.sweep() == 0


def test_tickets_whose_sweep_was_carried_out_and_not_answered_are_brought_by_the_next(world):
    jobs, sweep = world.submit(3), world.ledger.sweep

    def cut(limit):
        sweep(limit)
        raise LedgerUnavailable("server closed the connection unexpectedly")

    world.sweeper.sweep()
    world.brokers.queue.clear()
    world.ledger.recall(10)
    world.ledger.sweep = cut
    with pytest.raises(LedgerUnavailable):
        world.sweeper.sweep()
    world.ledger.sweep = sweep

    assert world.sweeper.sweep() == 3
    assert world.queued == jobs


def test_nothing_is_swept_while_no_job_server_is_there_and_all_of_it_when_one_comes(world):
    jobs = world.submit(3)
    world.brokers.up = False

    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            world.sweeper.sweep()
    world.brokers.up = True

    assert world.sweeper.sweep() == 3
    assert world.queued == jobs


def test_tickets_that_a_job_server_refused_are_brought_again(world):
    jobs = world.submit(3)
    world.brokers.refuses = True

    with pytest.raises(BrokerUnavailable):
        world.sweeper.sweep()
    world.brokers.refuses = False

    assert world.sweeper.sweep() == 3
    assert world.queued == jobs
