"""Real workers where the kernel refuses parts of the sandbox: whether they begin, and what they say."""

import os
import sys

import pytest

from jobs.job import JobState
from tests.acceptance.fleet import Fleet, Program
from workers.child import ROOT
from workers.exits import UNABLE

NOWHERE = {  # a worker that may not begin asks no server
    "DARKROOM_DATABASE_URL": "postgresql://darkroom@127.0.0.1:9/darkroom",
    "DARKROOM_GEARMAN_SERVERS": "127.0.0.1:9",
    "DARKROOM_S3_BUCKET": "media",
}
POOL = ("workers.supervisor", "--photo=1", "--clip=0", "--sweep=0", "--relay=0", "--janitor=0")
NO_USERS = "users (No space left on device)"


@pytest.fixture
def begin(tmp_path):
    begun = []

    def begin(prefix, settings, *module, **changes):
        environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT), **changes}
        begun.append(Program([*prefix, sys.executable, "-m", *module], environment, tmp_path / f"{len(begun)}.log"))
        return begun[-1]

    yield begin
    for program in begun:
        program.kill_all()


@pytest.fixture(params=["no_namespaces", "plain_container"])
def less(request):
    """A command's beginning that takes parts of the sandbox away."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("function", ["photo", "clip"])
def test_a_worker_that_requires_what_the_machine_refuses_ends_with_78_and_says_what(begin, less, function):
    worker = begin(less, NOWHERE, "workers.head", "--function", function, DARKROOM_SANDBOX="required")

    assert worker.wait(seconds=120) == UNABLE
    (line,) = worker.events("worker.unable")
    assert "DARKROOM_SANDBOX=required, and this machine does not grant: " in line["reason"]
    assert NO_USERS in line["reason"]
    assert not worker.events("worker.ready")


def test_a_pool_ends_with_it_instead_of_starting_it_again(begin, less):
    pool = begin(less, NOWHERE, *POOL, DARKROOM_SANDBOX="required")

    assert pool.wait(seconds=120) == UNABLE
    assert len(pool.events("worker.unable")) == len(pool.events("pool.unable")) == 1


def test_a_worker_that_may_do_with_less_works_and_says_once_what_it_lacks(begin, less, stack, tmp_path):
    stack.up()
    fleet = Fleet(stack, tmp_path)
    worker = begin(less, stack.environment, "workers.head", "--function", "photo", DARKROOM_HANDS_JOBS="1")
    try:
        worker.wait_for_event("worker.ready", seconds=120)
        for _ in range(3):
            fleet.wait_until(fleet.submit(), JobState.DONE, seconds=120)
    finally:
        fleet.close()

    assert len(worker.events("hands.ready")) >= 3
    (line,) = worker.events("sandbox.lacking")
    assert line["level"] == "warning"
    assert line["parts"]["users"] == "No space left on device"
    assert "calls" not in line["parts"]


def test_a_worker_that_requires_all_and_is_granted_all_begins_and_warns_of_nothing(
    begin, whole_sandbox, stack, tmp_path
):
    stack.up()

    worker = begin((), stack.environment, "workers.head", "--function", "photo", DARKROOM_SANDBOX="required")

    worker.wait_for_event("worker.ready", seconds=120)
    assert not worker.events("sandbox.lacking")
