"""The sweeper: brings back what was lost on the way. Any number may run.

    python -m workers.sweeper [--once]

Gearman's queues live in its memory, a worker may die with a job, and a submit succeeds without any job server. The
ledger knows of all of them; the sweeper sends their tickets again.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from config import MisconfiguredError, Settings
from jobs.errors import BrokerUnavailable, Unavailable
from jobs.gearman import BrokerWatch, Dispatcher
from jobs.job import Ticket
from jobs.ledger import Ledger
from jobs.postgres import PostgresLedger
from workers.exits import LEFT, UNABLE
from workers.log import Log, log_to_stderr
from workers.loop import repeat
from workers.signals import Signals

SWEEP_SECONDS = 1.0
BATCH = 500

log = Log("sweeper")


class Sweeper:
    """One sweep after another."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher, brokers: BrokerWatch) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._brokers = brokers
        self._recall_due = True  # what happened before this process began, nobody watched

    def sweep(self) -> int:
        """Send every ticket that is due. Returns how many.

        Raises:
            BrokerUnavailable: no job server is there, or not every ticket was taken; they are recalled once one is.
            LedgerUnavailable: as the ledger.
        """
        if self._brokers.returned():
            self._recall_due = True
        if not self._brokers.reachable():
            raise BrokerUnavailable("no job server can be reached")
        if self._recall_due:
            log.info("sweep.recalled", jobs=self._ledger.recall())
            self._recall_due = False
        sent = 0
        while tickets := self._ledger.sweep(BATCH):
            self._send(tickets)
            sent += len(tickets)
        return sent

    def _send(self, tickets: Sequence[Ticket]) -> None:
        try:
            self._dispatcher.send(tickets)
        except BrokerUnavailable:
            self._recall_due = True  # the ledger takes them for sent
            raise


def connect(settings: Settings) -> Sweeper:
    """A sweeper on the settings' servers."""
    servers, patience = settings.gearman_servers, settings.connect_timeout_seconds
    ledger = PostgresLedger(settings.database_url, patience)
    return Sweeper(ledger, Dispatcher(servers, patience), BrokerWatch(servers, patience))


def step(sweeper: Sweeper) -> float:
    """One sweep. Returns the seconds until the next."""
    if sent := sweeper.sweep():
        log.info("sweep.sent", tickets=sent)
    return SWEEP_SECONDS


def main(arguments: Sequence[str]) -> int:
    """Sweep until asked to stop, or once. Returns the exit status: 0, 75 if the one sweep failed, 78 as the worker."""
    parser = ArgumentParser(prog="python -m workers.sweeper")
    parser.add_argument("--once", action="store_true", help="sweep once, and leave")
    options = parser.parse_args(arguments)
    log_to_stderr()
    signals = Signals().listen()
    try:
        sweeper = connect(Settings.load())
        if options.once:
            step(sweeper)
        else:
            repeat(lambda: step(sweeper), signals, name="sweep")
    except MisconfiguredError as error:
        log.error("sweep.unable", reason=str(error))  # noqa: TRY400 - the message says it all
        return UNABLE
    except Unavailable as error:
        log.error("sweep.failed", code=error.code, reason=str(error))  # noqa: TRY400
        return LEFT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
