"""What acceptance tests share: a stack with workers, beside the session's own stack, where nobody works unasked."""

import time
from collections.abc import Iterator

import pytest

from jobs.gearman import survey
from tests.conftest import temporary_stack
from workers.stack import Stack

READY_SECONDS = 60


@pytest.fixture(scope="session")
def staffed_stack() -> Iterator[Stack]:
    """A second stack of this session's own with two photo workers, a sweeper and a relay, ready to work."""
    with temporary_stack() as fresh:
        fresh.up()
        fresh.pool.start(photo=2)
        deadline = time.monotonic() + READY_SECONDS
        while len(survey(f"127.0.0.1:{fresh.gearmand.port}", 2.0).workers) < 2:
            assert time.monotonic() < deadline, f"no workers after {READY_SECONDS} s, see {fresh.pool.log}"
            time.sleep(0.1)
        yield fresh
