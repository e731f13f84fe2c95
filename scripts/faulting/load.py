"""More than usual at once, and a release that is rolled out meanwhile."""

import time

from jobs.job import JobState
from scripts.faulting.lab import Lab
from scripts.faulting.model import BrokenPromiseError, Fault
from scripts.faulting.programs import Program

GROUP = "load"
HANDS = "workers.renderer"  # the module that they run
DRAIN_SECONDS = 25.0
BURST = 300  # ten times what a fault's load has, in the lane that can wait
INTERACTIVE = 10
STARVING_SECONDS = 10.0  # for an interactive photo behind the whole burst
WARM = 12  # photos before the workers are weighed: what the first ones load stays
GROWTH_BYTES = 96 << 20  # of a pool's two workers and their hands over the burst
SETTLE_SECONDS = 120.0


def roll(lab: Lab) -> None:
    """Replace one pool after another while submits go on."""
    lab.staff()
    for _ in range(2):
        other = lab.start("workers.supervisor", "--photo", "1", "--clip", "0", "--relay", "0")
        lab.wait_for_workers(3)
        leave(other)
        lab.strike()
    pool = lab.staff()
    leave(pool)
    lab.staff()


def leave(pool: Program) -> None:
    """Ask a pool to stop. Raises BrokenPromiseError unless it drains in time."""
    began = time.monotonic()
    pool.terminate()
    status = pool.wait(2 * DRAIN_SECONDS)
    if status or time.monotonic() - began > DRAIN_SECONDS:
        raise BrokenPromiseError(f"a pool left with {status} after {time.monotonic() - began:.1f} s")


def burst(lab: Lab) -> None:
    """Submit ten times the load at once, and photos that somebody waits for behind it."""
    pool = lab.staff()
    for _ in range(WARM):
        lab.photo()
    lab.settle(SETTLE_SECONDS)
    before = memory_bytes(pool)
    for _ in range(BURST):
        lab.photo(lane="batch")
    lab.strike()
    for _ in range(INTERACTIVE):
        began = time.monotonic()
        answered = lab.photo()
        status = lab.frontend.client.wait(answered.receipt.job_id, SETTLE_SECONDS)
        if status.state is JobState.DONE and time.monotonic() - began > STARVING_SECONDS:
            raise BrokenPromiseError(f"an interactive photo took {time.monotonic() - began:.1f} s behind a burst")
    lab.settle(SETTLE_SECONDS)
    if (grown := memory_bytes(pool) - before) > GROWTH_BYTES:
        raise BrokenPromiseError(f"the workers and their hands hold {grown >> 20} MiB more after a burst")


def memory_bytes(pool: Program) -> int:
    """What the pool's heads and their hands hold, resident."""
    return sum(member.memory_info().rss for member in (*pool.heads(), *pool.children(HANDS)))


FAULTS = (
    Fault(name="rolling restart", group=GROUP, run=roll, photos=80),
    Fault(name="ten-fold burst", group=GROUP, run=burst, recovery_seconds=SETTLE_SECONDS, photos=12),
)
