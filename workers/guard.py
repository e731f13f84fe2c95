"""What watches over a worker's main thread, and never waits for what may hang."""

import os
import threading
import time
from typing import Any, NoReturn

from jobs.errors import LedgerUnavailable
from jobs.ledger import Ledger
from workers.exits import LEFT
from workers.hands import ChildHands
from workers.heartbeat import TICK_SECONDS, Heartbeat
from workers.log import Log
from workers.signals import Signals

log = Log("guard")


class Guard(threading.Thread):
    """Ends the process when the main thread takes too long to leave, or with a job."""

    def __init__(
        self,
        *,
        worker: str,
        drain_seconds: float,
        longest_job_seconds: float,
        heartbeat: Heartbeat,
        ledger: Ledger,
        hands: ChildHands[Any],
        signals: Signals,
    ) -> None:
        """`longest_job_seconds` is above what all stages may take by their own limits: who takes longer is stuck.

        `ledger` is for leaving alone: a call of another thread that hangs must not keep this one.
        """
        super().__init__(name="guard", daemon=True)
        self._worker = worker
        self._drain_seconds = drain_seconds
        self._longest_job_seconds = longest_job_seconds
        self._heartbeat = heartbeat
        self._ledger = ledger
        self._hands = hands
        self._signals = signals

    def run(self) -> None:
        """Watch until the process ends."""
        while not (reason := self._reason_to_leave()):
            time.sleep(TICK_SECONDS)
        self._leave(reason)

    def _reason_to_leave(self) -> str | None:
        if self._signals.times > 1:
            return "asked twice"
        if self._signals.seconds > self._drain_seconds:
            return "drained for too long"
        if self._heartbeat.held_seconds > self._longest_job_seconds:
            return "stuck"
        return None

    def _leave(self, reason: str) -> NoReturn:
        log.warning("worker.left", worker=self._worker, reason=reason)
        try:
            self._ledger.release(self._worker, counted=not self._signals.times)  # waits no longer than 3 s
        except LedgerUnavailable as error:
            log.warning("release.failed", worker=self._worker, reason=str(error))  # the lease will expire
        self._hands.kill()  # not before: the main thread would take it for the media's fault
        os._exit(LEFT)  # the main thread may be anywhere


def end_process(failure: threading.ExceptHookArgs) -> None:
    """A `threading.excepthook`: a worker whose beats or guard have failed must not go on without them."""
    name = failure.thread.name if failure.thread else None
    log.error("thread.failed", failure.exc_value, thread=name)  # noqa: PLE1205 - not logging's own error()
    os._exit(1)  # as an exception of the main thread would: the pool gives its leases back
