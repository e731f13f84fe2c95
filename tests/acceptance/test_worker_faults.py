"""What becomes of jobs when workers and servers are killed: each ends once, and its media is right."""

import time
import zlib

import psutil
import pytest
import urllib3

from jobs.errors import LedgerUnavailable
from jobs.job import JobState
from jobs.s3 import connect_s3
from pipeline.s3 import S3Store
from tests.acceptance.fleet import Fleet, wait_for

PROMISE_SECONDS = 30
MANY_SECONDS = 120  # for a hundred jobs and more


@pytest.fixture
def fleet(second_stack, tmp_path):
    second_stack.up()
    fleet = Fleet(second_stack, tmp_path)
    yield fleet
    fleet.close()


def assert_right(fleet, receipt):
    """The job is done, its media is published once, and every rendition can be fetched as the record says."""
    assert fleet.client.status(receipt.job_id).state is JobState.DONE
    media = fleet.client.media(receipt.media_id)
    assert (media.state, media.generation, len(media.renditions)) == ("ready", 1, 4)
    settings = fleet.stack.settings
    store = S3Store(connect_s3(settings), settings.s3_bucket)
    for rendition in media.renditions:
        data = urllib3.request("GET", store.url(rendition.key, seconds=60)).data
        assert (len(data), zlib.crc32(data)) == (rendition.bytes, rendition.crc32)


def is_final(fleet, receipt):
    try:
        return fleet.client.status(receipt.job_id).state.final
    except LedgerUnavailable:  # as any frontend, we ask again
        return False


def wait_until_all_done(fleet, receipts, seconds):
    """Return once nothing is left to do."""
    wait_for(lambda: all(is_final(fleet, receipt) for receipt in receipts), seconds)
    states = [fleet.client.status(receipt.job_id).state for receipt in receipts]
    assert states == [JobState.DONE] * len(receipts)


def test_a_job_whose_worker_is_killed_in_the_middle_is_done_again_within_seconds(fleet):
    pool = fleet.pool()
    receipt, hands = fleet.freeze_a_job(pool), pool.hands
    worker = psutil.Process(int(pool.wait_for_event("worker.ready")["worker"].split(":")[1]))

    worker.kill()

    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts == 2
    assert_right(fleet, receipt)
    assert not hands.is_running()


def test_a_job_whose_whole_machine_is_lost_is_done_by_another_within_half_a_minute(fleet):
    machine = fleet.pool(limit_photo_wall_seconds=120)  # which goes on while the other begins
    receipt = fleet.freeze_a_job(machine)
    another = fleet.pool()

    machine.kill_all()

    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts == 2
    assert_right(fleet, receipt)
    assert another.process.poll() is None


def test_jobs_that_a_killed_job_server_had_queued_are_all_done_after_its_return(fleet):
    pool = fleet.pool()
    worker = psutil.Process(int(pool.wait_for_event("worker.ready")["worker"].split(":")[1]))
    worker.suspend()  # so that all of them are queued when the job server dies
    source_key = fleet.upload()
    receipts = [fleet.client.submit(7, source_key, key=f"{number}") for number in range(500)]
    fleet.stack.gearmand.kill()
    fleet.stack.gearmand.start()
    worker.resume()

    wait_until_all_done(fleet, receipts, MANY_SECONDS)
    for receipt in receipts[::50]:
        assert_right(fleet, receipt)


def test_what_was_submitted_while_no_job_server_ran_is_done_once_one_does(fleet):
    fleet.pool()
    fleet.stack.gearmand.kill()
    receipts = [fleet.submit() for _ in range(3)]
    fleet.stack.gearmand.start()

    wait_until_all_done(fleet, receipts, PROMISE_SECONDS)
    assert all(fleet.client.status(receipt.job_id).attempts == 1 for receipt in receipts)


@pytest.mark.parametrize("server", ["postgres", "pgbouncer", "seaweedfs", "gearmand"])
def test_a_server_that_is_killed_and_comes_back_under_load_costs_no_job(fleet, server):
    fleet.pool()
    receipts = [fleet.submit() for _ in range(100)]
    fleet.wait_until(receipts[0], JobState.DONE)

    getattr(fleet.stack, server).kill()
    time.sleep(1)
    getattr(fleet.stack, server).start()

    wait_until_all_done(fleet, receipts, MANY_SECONDS)
    for receipt in receipts[::10]:
        assert_right(fleet, receipt)
