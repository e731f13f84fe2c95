"""What acceptance tests share: workers on the session's stack."""

import time

import pytest

from jobs.gearman import survey

READY_SECONDS = 60


@pytest.fixture(scope="session")
def pool(stack):
    """Two photo workers, a sweeper and a relay on the session's stack, ready to work."""
    stack.pool.start(photo=2)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while len(survey(f"127.0.0.1:{stack.gearmand.port}", 2.0).workers) < 2:
            assert time.monotonic() < deadline, f"no workers after {READY_SECONDS} s, see {stack.pool.log}"
            time.sleep(0.1)
        yield stack.pool
    finally:
        stack.pool.stop()
