"""The worker: takes tickets from Gearman, claims their jobs, and settles each in the ledger.

    python -m workers.head [--token TOKEN]

SIGTERM or SIGINT drains: no further ticket is taken, and the job at hand has `drain_seconds` to end. A second one stops
at once. A job that is left unfinished is released, so that another worker has it within seconds. Exit statuses:

0   drained
75  left before the job at hand was done; its lease was given back
78  could not begin: a setting, or the renderer's installation, is at fault
"""

import os
import random
import secrets
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, NoReturn

from config import Limits, MisconfiguredError, Settings
from jobs.errors import DarkroomError, LedgerUnavailable, Unavailable
from jobs.gearman import serve
from jobs.job import Job, Ticket
from jobs.ledger import Ledger
from jobs.policy import judge
from jobs.postgres import PostgresLedger
from jobs.s3 import connect_s3
from pipeline.process import PROCESSES, Processed
from pipeline.s3 import S3Store
from pipeline.services import Services
from workers.exits import LEFT, UNABLE
from workers.hands import ChildHands
from workers.heartbeat import DroppedError, Heartbeat
from workers.log import Log, log_to_stderr
from workers.loop import persist
from workers.sandbox import follow_parent
from workers.signals import Signals

TICK_SECONDS = 0.2
CLAIM_SECONDS = 60.0  # for the ledger to answer; then the ticket is left to the sweeper
LONGEST_JOB_SECONDS = 180.0  # every stage has limits of its own; what outlasts their sum is stuck

log = Log("head")


class Head:
    """What one worker process does with a ticket."""

    def __init__(
        self, *, name: str, services: Services, settings: Settings, heartbeat: Heartbeat, signals: Signals
    ) -> None:
        self._name = name
        self._signals = signals
        self._services = services
        self._settings = settings
        self._heartbeat = heartbeat

    def work(self, ticket: Ticket) -> None:
        """Claim the ticket's job, attempt it, and settle what came of it.

        Raises:
            LedgerUnavailable: the job could not be claimed, or its end not be noted; it comes again.
        """
        began = time.monotonic()
        job = self._claim(ticket)
        if job is None:
            log.info("ticket.void", job_id=ticket.job_id, attempt=ticket.attempt)
            return
        with self._heartbeat.holding(job) as check:
            outcome = attempt(job, self._services, self._settings.limits, check)
            self._settle(job, outcome, time.monotonic() - began)

    def _claim(self, ticket: Ticket) -> Job | None:
        # A worker that let go of its ticket would take the next, and empty the queues within a short outage.
        claim = partial(self._services.ledger.claim, ticket.job_id, self._name, self._settings.lease_seconds)
        return persist(claim, self._signals, seconds=CLAIM_SECONDS)

    def _settle(self, job: Job, outcome: Processed | Exception, seconds: float) -> None:
        # After a lease without an answer the job is taken for lost anyway.
        act = partial(settle, job, outcome, self._services.ledger, seconds)
        persist(act, self._signals, seconds=self._settings.lease_seconds)


def attempt(job: Job, services: Services, limits: Limits, check: Callable[[], None]) -> Processed | Exception:
    """What comes of running the job: the only place that catches everything."""
    try:
        return PROCESSES[job.function](job, services, limits, check)
    except Exception as error:  # noqa: BLE001 - here, and nowhere else: whatever it is, the job is settled
        return error


def settle(job: Job, outcome: Processed | Exception, ledger: Ledger, seconds: float) -> None:
    """Act on an attempt's outcome, and write its line in the log."""
    facts: dict[str, Any] = {"job_id": job.job_id, "media_id": job.media_id, "attempt": job.fence}
    facts["seconds"] = round(seconds, 3)
    match outcome:
        case Processed(published=True):
            log.info("job.done", **facts, **outcome.timings)
        case Processed() | DroppedError():
            log.warning("job.dropped", **facts, reason="cancelled, or claimed by somebody else")
        case Exception():
            settle_failure(job, outcome, ledger, facts)


def settle_failure(job: Job, error: Exception, ledger: Ledger, facts: Mapping[str, Any]) -> None:
    """Note a failed attempt as `jobs.policy.judge` decides."""
    verdict = judge(error, job.failures, random.random())  # noqa: S311 - jitter
    noted = ledger.fail(job, **asdict(verdict))
    fault = None if isinstance(error, DarkroomError) else error
    log.warning(f"job.{verdict.then}", fault, **facts, **asdict(verdict), noted=noted)


class Guard(threading.Thread):
    """Keeps the lease while the main thread works, and ends the process when that takes too long."""

    def __init__(self, *, name: str, settings: Settings, ledger: Ledger, hands: ChildHands, signals: Signals) -> None:
        """`ledger` is this thread's own, so that it never waits for a call of the main thread."""
        super().__init__(name="guard", daemon=True)
        self.heartbeat = Heartbeat(ledger, settings.lease_seconds)
        self._worker = name
        self._drain_seconds = settings.drain_seconds
        self._ledger = ledger
        self._hands = hands
        self._signals = signals

    def run(self) -> None:
        """Tick until the process ends."""
        while True:
            time.sleep(TICK_SECONDS)
            self.heartbeat.tick()
            if reason := self._reason_to_leave():
                self._leave(reason)

    def _reason_to_leave(self) -> str | None:
        if self._signals.times > 1:
            return "asked twice"
        if self._signals.seconds > self._drain_seconds:
            return "drained for too long"
        if self.heartbeat.held_seconds > LONGEST_JOB_SECONDS:
            return "stuck"
        return None

    def _leave(self, reason: str) -> NoReturn:
        log.warning("worker.left", worker=self._worker, reason=reason)
        try:
            self._ledger.release(self._worker)
        except LedgerUnavailable as error:
            log.warning("release.failed", worker=self._worker, reason=str(error))  # the lease will expire
        self._hands.kill()  # not before: the main thread would take it for the photo's fault
        os._exit(LEFT)  # the main thread may be anywhere


def main(arguments: Sequence[str]) -> int:
    """Work until asked to stop. Returns the exit status."""
    options = parse(arguments)
    if options.token:
        follow_parent(signal.SIGTERM)  # a pool that is killed takes its workers along, drained
    log_to_stderr()
    signals = Signals().listen()
    try:
        settings = Settings.load()
        hands = start_hands(settings)
    except (MisconfiguredError, Unavailable) as error:
        log.error("worker.unable", reason=str(error))  # noqa: TRY400 - the message says it all
        return UNABLE
    run(worker_name(os.getpid(), options.token or secrets.token_hex(3)), settings, hands, signals)
    return 0


def parse(arguments: Sequence[str]) -> Namespace:
    """The command line."""
    parser = ArgumentParser(prog="python -m workers.head")
    parser.add_argument("--token", help="the last part of this worker's name, given by a pool")
    return parser.parse_args(arguments)


def worker_name(pid: int, token: str) -> str:
    """The name under which a worker holds leases: of one life of one process on one host."""
    return f"{socket.gethostname()}:{pid}:{token}"


def start_hands(settings: Settings) -> ChildHands:
    """A warm renderer, started before this process opens any connection."""
    hands = ChildHands(settings.limits, jobs=settings.hands_jobs, memory_bytes=settings.hands_memory_bytes)
    hands.start()
    return hands


def run(name: str, settings: Settings, hands: ChildHands, signals: Signals) -> None:
    """Serve tickets until asked to stop, and let the job at hand end."""
    patience = settings.connect_timeout_seconds
    ledger, guards_ledger = (PostgresLedger(settings.database_url, patience) for _ in range(2))
    guard = Guard(name=name, settings=settings, ledger=guards_ledger, hands=hands, signals=signals)
    guard.start()
    store = S3Store(connect_s3(settings), settings.s3_bucket)
    services = Services(store=store, ledger=ledger, hands=hands)
    head = Head(name=name, services=services, settings=settings, heartbeat=guard.heartbeat, signals=signals)
    log.info("worker.ready", worker=name)
    serve(
        settings.gearman_servers,
        dict.fromkeys(PROCESSES, head.work),
        keep_going=lambda: not signals.times,
        name=name,
        connect_timeout_seconds=patience,
    )
    hands.close()
    log.info("worker.drained", worker=name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
