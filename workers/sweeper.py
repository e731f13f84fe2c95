"""The sweeper: brings back what was lost on the way. Any number may run.

    python -m workers.sweeper [--once]

Gearman's queues live in its memory, a worker may die with a job, and a submit succeeds without any job server. The
ledger knows of all of them; the sweeper sends their tickets again.
"""

import sys
import time
from collections.abc import Callable, Sequence

from config import MisconfiguredError, Settings
from jobs.errors import BrokerUnavailable, LedgerUnavailable, Unavailable
from jobs.gearman import BrokerWatch, Dispatcher
from jobs.job import Ticket
from jobs.ledger import Ledger
from jobs.outages import Outages
from jobs.postgres import PostgresLedger
from workers.exits import LEFT, UNABLE
from workers.log import Log
from workers.loop import repeat
from workers.signals import Signals
from workers.start import begin, member_parser

SWEEP_SECONDS = 1.0
BATCH = 500
RECALL_BATCH = 10_000  # rows in one statement: some tenths of a second
LONGEST_PAUSE_SECONDS = 2.0  # between two looks for job servers: who returns is to have every ticket within 10 s
# After a job server's return until every frontend has noticed: they let a server be that refused them for up to 0.8 s,
# and one that hung for up to 5.8 (`jobs.outages`), and what is submitted meanwhile is in the ledger alone.
NOTICED_SECONDS = (3.0, 8.0)

log = Log("sweeper")


class Sweeper:
    """One sweep after another. A long one ends early, between two batches, unless `keep_going`."""

    def __init__(
        self, ledger: Ledger, dispatcher: Dispatcher, brokers: BrokerWatch, keep_going: Callable[[], bool]
    ) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._brokers = brokers
        self._keep_going = keep_going
        self._recall_due = True  # what happened before this process began, nobody watched
        self._recall_again_at: list[float] = []  # by the monotonic clock

    def sweep(self) -> int:
        """Send every ticket that is due. Returns how many.

        Raises:
            BrokerUnavailable: no job server is there, or not every ticket was taken; they are recalled once one is.
            LedgerUnavailable: as the ledger.
        """
        self._look_for_returned()
        if not self._brokers.reachable():
            raise BrokerUnavailable("no job server can be reached")
        sent = self._send_due()
        if self._recall_due:  # not before: if it fails, leases have been expired all the same
            self._recall()
            sent += self._send_due()
        return sent

    def _look_for_returned(self) -> None:
        if self._brokers.returned():
            self._recall_due = True
            self._recall_again_at = [time.monotonic() + seconds for seconds in NOTICED_SECONDS]
        elif self._recall_again_at and time.monotonic() > self._recall_again_at[0]:
            self._recall_due = True
            self._recall_again_at.pop(0)

    def _send_due(self) -> int:
        sent = 0
        while self._keep_going() and (tickets := self._take_due()):
            self._send(tickets)
            sent += len(tickets)
        return sent

    def _take_due(self) -> list[Ticket]:
        try:
            return self._ledger.sweep(BATCH)
        except LedgerUnavailable:
            self._recall_due = True  # it may have taken tickets all the same, or may yet: due again in a minute
            raise

    def _recall(self) -> None:
        jobs = 0
        while self._keep_going() and self._recall_due:
            recalled = self._ledger.recall(RECALL_BATCH)
            jobs += recalled
            self._recall_due = recalled == RECALL_BATCH
        log.info("sweep.recalled", jobs=jobs)

    def _send(self, tickets: Sequence[Ticket]) -> None:
        try:
            self._dispatcher.send(tickets)
        except BrokerUnavailable:
            self._recall_due = True  # the ledger takes them for sent
            raise


def connect(settings: Settings, signals: Signals) -> Sweeper:
    """A sweeper on the settings' servers, until `signals` asks to stop."""
    servers, patience = settings.gearman_servers, settings.connect_timeout_seconds
    ledger = PostgresLedger.from_settings(settings)
    outages = Outages()  # shared, so that a server that is back is sent to at once
    dispatcher, brokers = Dispatcher(servers, patience, outages), BrokerWatch(servers, patience, outages)
    return Sweeper(ledger, dispatcher, brokers, keep_going=lambda: not signals.times)


def step(sweeper: Sweeper) -> float:
    """One sweep. Returns the seconds until the next."""
    if sent := sweeper.sweep():
        log.info("sweep.sent", tickets=sent)
    return SWEEP_SECONDS


def main(arguments: Sequence[str]) -> int:
    """Sweep until asked to stop, or once. Returns the exit status: 0, 75 if the one sweep failed, 78 as the worker."""
    parser = member_parser("python -m workers.sweeper")
    parser.add_argument("--once", action="store_true", help="sweep once, and leave")
    options = parser.parse_args(arguments)
    signals = begin(options.pool)
    try:
        sweeper = connect(Settings.load(), signals)
        if options.once:
            step(sweeper)
        else:
            repeat(lambda: step(sweeper), signals, name="sweep", longest_seconds=LONGEST_PAUSE_SECONDS)
    except MisconfiguredError as error:
        log.error("sweep.unable", reason=str(error))  # noqa: TRY400 - the message says it all
        return UNABLE
    except Unavailable as error:
        log.error("sweep.failed", code=error.code, reason=str(error))  # noqa: TRY400
        return LEFT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
