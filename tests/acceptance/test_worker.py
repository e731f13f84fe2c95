"""One worker on real servers: what it does with photos, with its hands' deaths, and when it is asked to stop."""

import time

import psutil
import pytest

from jobs.job import JobState
from tests.acceptance.fleet import Fleet, runs, wait_for
from workers.exits import LEFT, UNABLE


@pytest.fixture
def fleet(stack, tmp_path):
    fleet = Fleet(stack, tmp_path)
    yield fleet
    fleet.close()


def test_a_corrupt_photo_is_rejected_at_once_not_tried_again_and_the_next_photo_is_done(fleet):
    fleet.worker()

    corrupt = fleet.submit(b"\xff\xd8\xff\xe0 this is no photo")
    whole = fleet.submit()

    status = fleet.wait_until(corrupt, JobState.REJECTED)
    assert (status.attempts, status.code is not None, status.reason != "") == (1, True, True)
    assert fleet.wait_until(whole, JobState.DONE).attempts == 1
    assert fleet.client.media(corrupt.media_id).state == "failed"


def test_an_original_that_is_not_there_is_rejected(fleet):
    fleet.worker()

    receipt = fleet.client.submit(7, "o/7/" + "0" * 32)

    assert fleet.wait_until(receipt, JobState.REJECTED).code == "missing_original"


def test_hands_that_are_killed_cost_an_attempt_and_not_the_worker(fleet):
    worker, _ = fleet.worker(), fleet.start("workers.sweeper")
    receipt = fleet.freeze_a_job(worker)

    worker.hands.kill()

    assert fleet.wait_until(receipt, JobState.DONE).attempts == 2
    (failure,) = worker.events("job.queued")
    assert (failure["code"], failure["reason"]) == ("renderer_died", "SIGKILL")
    assert worker.process.poll() is None


def test_hands_that_hang_are_killed_at_the_wall_limit_and_the_job_is_done_by_the_next(fleet):
    worker, _ = fleet.worker(limit_photo_wall_seconds=5), fleet.start("workers.sweeper")
    receipt = fleet.freeze_a_job(worker)

    assert fleet.wait_until(receipt, JobState.DONE).attempts == 2
    assert worker.events("job.queued")[0]["reason"] == "wall limit of 5 s"


def test_a_cancelled_job_is_dropped_within_a_beat(fleet):
    worker = fleet.worker(lease_seconds=3)
    receipt = fleet.freeze_a_job(worker)
    hands = worker.hands

    fleet.client.cancel(receipt.job_id)

    wait_for(lambda: worker.events("job.dropped"), 15)
    assert not hands.is_running()
    assert fleet.client.status(receipt.job_id).state is JobState.CANCELLED


def test_a_job_that_outlasts_its_lease_is_kept_by_beats(fleet):
    worker = fleet.worker(lease_seconds=4)
    receipt = fleet.freeze_a_job(worker)
    fleet.start("workers.sweeper")

    time.sleep(9)
    worker.hands.resume()

    assert fleet.wait_until(receipt, JobState.DONE).attempts == 1


def test_a_worker_that_was_stopped_past_its_lease_writes_nothing_when_it_comes_back(fleet):
    stopped = fleet.worker(lease_seconds=2, limit_photo_wall_seconds=120)  # which goes on while it is stopped
    receipt = fleet.freeze_a_job(stopped)
    psutil.Process(stopped.process.pid).suspend()
    fleet.worker()
    fleet.start("workers.sweeper")
    done = fleet.wait_until(receipt, JobState.DONE)
    published = fleet.client.media(receipt.media_id)

    stopped.hands.resume()
    psutil.Process(stopped.process.pid).resume()

    wait_for(lambda: stopped.events("job.dropped"), 15)
    assert not stopped.events("job.done")
    assert fleet.client.media(receipt.media_id) == published
    assert fleet.client.status(receipt.job_id) == done


def test_asked_to_stop_a_worker_ends_its_job_and_takes_no_other(fleet):
    worker = fleet.worker()
    at_hand = fleet.freeze_a_job(worker)
    waiting = fleet.submit()

    worker.process.terminate()
    worker.hands.resume()

    assert worker.wait() == 0
    assert fleet.client.status(at_hand.job_id).state is JobState.DONE
    assert fleet.client.status(waiting.job_id).state is JobState.QUEUED


def test_an_idle_worker_leaves_at_once_with_its_hands(fleet):
    worker = fleet.worker()
    hands = worker.hands

    worker.process.terminate()

    assert worker.wait(10) == 0
    assert not hands.is_running()


@pytest.mark.parametrize(("times", "drain_seconds"), [(2, 25), (1, 1)], ids=["asked twice", "drained for too long"])
def test_a_worker_that_cannot_end_its_job_gives_it_back_and_leaves(fleet, times, drain_seconds):
    worker = fleet.worker(drain_seconds=drain_seconds)
    receipt = fleet.freeze_a_job(worker)
    hands = worker.hands

    for _ in range(times):
        worker.process.terminate()
        time.sleep(1)  # two signals at once are one

    assert worker.wait(15) == LEFT
    status = fleet.client.status(receipt.job_id)
    assert (status.state, status.code) == (JobState.QUEUED, "released")  # no failure of the photo's
    wait_for(lambda: not hands.is_running(), 15)


def test_a_worker_that_is_asked_twice_leaves_also_while_the_ledger_hangs(fleet):
    worker = fleet.worker()
    fleet.freeze_a_job(worker)
    pooler = psutil.Process(fleet.stack.pgbouncer.status().pid)

    pooler.suspend()
    try:
        for _ in range(2):
            worker.process.terminate()
            time.sleep(1)
        assert worker.wait(15) == LEFT
    finally:
        pooler.resume()


def test_a_killed_pool_takes_everything_it_started_along(fleet):
    pool = fleet.start("workers.supervisor", "--photo", "1", "--clip", "0")
    pool.wait_for_event("worker.ready")
    members = psutil.Process(pool.process.pid).children()

    pool.process.kill()

    assert len(members) == 4
    wait_for(lambda: not any(map(runs, members)), 30)


@pytest.mark.parametrize(
    "module", ["workers.head", "workers.supervisor", "workers.sweeper", "workers.relay", "workers.janitor"]
)
def test_without_a_setting_nothing_begins_and_the_log_says_which(fleet, module):
    program = fleet.start(module, drain_seconds="soon")

    assert program.wait() == UNABLE
    assert "DARKROOM_DRAIN_SECONDS must be a number" in program.log.read_text()
