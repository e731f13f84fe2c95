"""The worker: takes tickets from Gearman, claims their jobs, and settles each in the ledger.

    python -m workers.head [--function photo|clip] [--pool PID] [--token TOKEN]

It serves one function, so that no clip keeps a photo waiting.
SIGTERM or SIGINT drains: no further ticket is taken, and the job at hand has `drain_seconds` to end. A second one stops
at once. A job that is left unfinished is released, so that another worker has it within seconds. Exit statuses:

0   drained
75  left before the job at hand was done, its lease given back; or no renderer came up
78  could not begin: a setting is at fault
"""

import os
import random
import secrets
import socket
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from config import Limits, MisconfiguredError, Settings
from jobs import failpoints
from jobs.errors import DarkroomError, Unavailable
from jobs.gearman import serve
from jobs.job import PHOTO, Job, Ticket
from jobs.ledger import Ledger
from jobs.policy import judge
from jobs.postgres import PostgresLedger
from jobs.quarantine import Gate
from jobs.quarantine_postgres import PostgresQuarantine
from jobs.s3 import connect_s3
from pipeline.process import PROCESSES, Processed
from pipeline.s3 import S3Store
from pipeline.services import Hands, OnWait, Services
from workers.exits import LEFT, UNABLE
from workers.functions import FUNCTIONS, Workshop
from workers.guard import Guard, end_process
from workers.heartbeat import DroppedError, Heartbeat
from workers.log import Log
from workers.loop import persist
from workers.signals import Signals, StoppedError
from workers.start import begin, member_parser

CLAIM_SECONDS = 60.0  # for the ledger to answer; then the ticket is left to the sweeper

log = Log("head")


class Head:
    """What one worker process does with a ticket."""

    def __init__(
        self, *, name: str, services: Services[Hands], settings: Settings, heartbeat: Heartbeat, signals: Signals
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
        self._ready_hands()
        job = self._claim(ticket)
        if job is None:
            log.info("ticket.void", job_id=ticket.job_id, attempt=ticket.attempt)
            return
        with self._heartbeat.holding(job) as check:
            outcome = attempt(job, self._services, self._settings.limits, check)
            self._settle(job, outcome, time.monotonic() - began)
            failpoints.reach("after_publish")
        if not self._signals.times:
            self._ready_hands()  # before another ticket is taken, which would wait for them behind what ended these

    def _ready_hands(self) -> None:
        """Have a renderer before a job is claimed: one that does not come up must not count against any photo."""
        try:
            self._services.hands.start(self._signals.check)
        except (Unavailable, StoppedError) as error:
            log.warning("worker.left", worker=self._name, reason=str(error))
            os._exit(LEFT)  # without an answer to Gearman, which hands the ticket to another worker
        except MisconfiguredError as error:
            log.error("worker.unable", worker=self._name, reason=str(error))  # noqa: TRY400 - as in `main`
            os._exit(UNABLE)

    def _claim(self, ticket: Ticket) -> Job | None:
        # A worker that let go of its ticket would take the next, and empty the queues within a short outage.
        claim = partial(self._services.ledger.claim, ticket.job_id, self._name, self._settings.lease_seconds)
        return persist(claim, self._signals, seconds=CLAIM_SECONDS)

    def _settle(self, job: Job, outcome: Processed | Exception, seconds: float) -> None:
        # After a lease without an answer the job is taken for lost anyway.
        act = partial(settle, job, outcome, self._services.ledger, seconds)
        persist(act, self._signals, seconds=self._settings.lease_seconds)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Who works: `name` is that of `worker_name`, `function` one of `workers.functions`."""

    name: str
    function: str
    settings: Settings
    signals: Signals


def attempt(job: Job, services: Services[Hands], limits: Limits, check: OnWait) -> Processed | Exception:
    """What comes of running the job: whatever it is, the job is settled."""
    try:
        failpoints.reach("after_claim")
        return PROCESSES[job.function](job, services, limits, check)
    except Exception as error:  # noqa: BLE001 - a mistake of ours is an outcome too
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


def main(arguments: Sequence[str]) -> int:
    """Work until asked to stop. Returns the exit status."""
    options = parse(arguments)
    threading.excepthook = end_process
    signals = begin(options.pool)
    function = FUNCTIONS[options.function]
    with ExitStack() as opened:
        try:
            settings = Settings.load()
            workshop = opened.enter_context(function.workshop(settings))
            workshop.hands.start(signals.check)  # before this process opens any connection
        except StoppedError:
            return 0
        except MisconfiguredError as error:
            log.error("worker.unable", reason=str(error))  # noqa: TRY400 - the message says it all
            return UNABLE
        except Unavailable as error:
            log.warning("worker.left", reason=str(error))
            return LEFT
        worker = Worker(
            name=worker_name(os.getpid(), options.token or secrets.token_hex(3)),
            function=options.function,
            settings=settings,
            signals=signals,
        )
        run(worker, workshop)
    return 0


def parse(arguments: Sequence[str]) -> Namespace:
    """The command line."""
    parser = member_parser("python -m workers.head")
    parser.add_argument("--function", choices=FUNCTIONS, default=PHOTO, help="what it serves (default: photo)")
    parser.add_argument("--token", help="the last part of this worker's name, given by a pool")
    return parser.parse_args(arguments)


def worker_name(pid: int, token: str) -> str:
    """The name under which a worker holds leases: of one life of one process on one host."""
    return f"{socket.gethostname()}:{pid}:{token}"


def run(worker: Worker, workshop: Workshop) -> None:
    """Serve tickets until asked to stop, and let the job at hand end."""
    settings, function, hands = worker.settings, FUNCTIONS[worker.function], workshop.hands
    ledger, beats_ledger, guards_ledger = (PostgresLedger.from_settings(settings) for _ in range(3))
    heartbeat = Heartbeat(beats_ledger, settings.lease_seconds, function.beat_seconds)
    threading.Thread(target=heartbeat.keep, name="heartbeat", daemon=True).start()
    guard = Guard(
        worker=worker.name,
        drain_seconds=settings.drain_seconds,
        longest_job_seconds=function.longest_job_seconds(settings.limits),
        heartbeat=heartbeat,
        ledger=guards_ledger,
        hands=hands,
        signals=worker.signals,
    )
    guard.start()
    store = S3Store(connect_s3(settings), settings.s3_bucket)
    gate = Gate(PostgresQuarantine.from_settings(settings))
    services = workshop.services(store=store, ledger=ledger, hands=hands, quarantine=gate)
    head = Head(name=worker.name, services=services, settings=settings, heartbeat=heartbeat, signals=worker.signals)
    log.info("worker.ready", worker=worker.name, function=worker.function)
    serve(
        settings.gearman_servers,
        {worker.function: head.work},
        keep_going=lambda: not worker.signals.times,
        name=worker.name,
        connect_timeout_seconds=settings.connect_timeout_seconds,
    )
    hands.close()
    log.info("worker.drained", worker=worker.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
