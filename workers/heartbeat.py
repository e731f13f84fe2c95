"""Keeping the lease of the job at hand, and noticing that it was lost."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.errors import DarkroomError, LedgerUnavailable
from jobs.job import Job
from jobs.ledger import Ledger
from pipeline.services import OnWait
from workers.log import Log

BEATS_A_LEASE = 3  # so that one may fail, and the next still comes in time
TICK_SECONDS = 0.2  # how late a beat may be
AGAIN_SECONDS = 1.0  # after a beat that did not get through

log = Log("heartbeat")


class DroppedError(DarkroomError):
    """The job at hand is no longer ours: cancelled, or claimed by somebody else."""


class Heartbeat:
    """Renews the lease of one job at a time. One thread holds the job; another calls `tick` a few times a second."""

    def __init__(self, ledger: Ledger, lease_seconds: float, beat_seconds: float = math.inf) -> None:
        """It beats every `beat_seconds`, or three times a lease if that is more often."""
        self._ledger = ledger
        self._lease_seconds = lease_seconds
        self._beat_seconds = min(beat_seconds, lease_seconds / BEATS_A_LEASE)
        self._held: _Held | None = None

    @contextmanager
    def holding(self, job: Job) -> Iterator[OnWait]:
        """Keep the job's lease inside. Yields a check to be called meanwhile: it raises DroppedError.

        The progress that it is given goes into the ledger with the next beat.
        """
        held = self._held = _Held(job, time.monotonic() + self._beat_seconds)
        try:
            yield held.check
        finally:
            self._held = None

    @property
    def held_seconds(self) -> float:
        """How long the job at hand has been held; 0 without one."""
        held = self._held
        return time.monotonic() - held.since if held else 0.0

    def keep(self) -> None:
        """Tick until the process ends: the work of a thread of its own, since a ledger that hangs holds it up."""
        while True:
            time.sleep(TICK_SECONDS)
            self.tick()

    def tick(self) -> None:
        """Renew the lease if it is time."""
        held = self._held
        if held is None or held.lost or time.monotonic() < held.beat_at:
            return
        try:
            held.lost = not self._ledger.beat(held.job, self._lease_seconds, held.progress)
            held.beat_at = time.monotonic() + self._beat_seconds
        except LedgerUnavailable as error:
            held.beat_at = time.monotonic() + AGAIN_SECONDS
            log.warning("beat.failed", job_id=held.job.job_id, reason=str(error))


class _Held:
    def __init__(self, job: Job, beat_at: float) -> None:
        self.job = job
        self.since = time.monotonic()
        self.beat_at = beat_at
        self.lost = False
        self.progress: float | None = None

    def check(self, progress: float | None = None, /) -> None:
        self.progress = self.progress if progress is None else progress
        if self.lost:
            raise DroppedError(f"job {self.job.job_id} was cancelled or claimed by somebody else")
