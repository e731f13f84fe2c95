"""A look at everything each minute of a long run, whatever is going on."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg2

from scripts.faulting.books import Books, reread_books
from scripts.faulting.figures import figures
from scripts.faulting.frontend import Acknowledged
from scripts.faulting.lab import Lab
from scripts.faulting.model import INVARIANTS, Tally
from scripts.faulting.runner import read, take_stock
from scripts.looking import looking

MINUTE = 60.0
TICK_SECONDS = 0.5


class Minutes:
    """What is known of a long run, and a line of it each minute.

    Between two faults everything that was acknowledged is looked at, every byte. A fault that lasts longer than a
    minute has a smaller look beside it: at the rows and events of what the last whole look has seen.
    """

    def __init__(self, lab: Lab, say: Callable[[str], None]) -> None:
        self.faults: list[Tally] = []
        self.looks: list[Tally] = []
        self.acknowledged: list[Acknowledged] = []
        self._lab = lab
        self._say = say
        self._lock = threading.Lock()
        self._looked_at = self._said_at = time.monotonic()
        self._seen: Sequence[Acknowledged] = ()
        self._books: Books | None = None

    def add(self, fault: Tally, acknowledged: Sequence[Acknowledged]) -> None:
        """Note a fault that is over, and look at everything if that is a minute ago."""
        with self._lock:
            self.faults.append(fault)
            self.acknowledged += acknowledged
            if time.monotonic() - self._looked_at >= MINUTE:
                self._look()

    def glance(self) -> None:
        """Say a line if there was none for a minute, though a fault is at work."""
        with self._lock:
            if time.monotonic() - self._said_at >= MINUTE:
                self._glance()

    def _look(self) -> None:
        self._seen = tuple(self.acknowledged)
        self._books = read(self._lab, self._seen)
        self._note(take_stock("all until now", INVARIANTS, self._seen, self._books))
        self._looked_at = time.monotonic()

    def _glance(self) -> None:
        if self._books is None:
            self._tell("no fault has ended before this minute did")
            return
        job_ids = [one.receipt.job_id for one in self._seen]
        try:
            books = reread_books(self._lab.stack, self._books, job_ids, self._lab.receiver.events)
        except psycopg2.Error:
            self._tell("the ledger is away, by the fault that is at work: nobody could look")
            return
        self._note(take_stock("all until now, in a fault", INVARIANTS, self._seen, books))

    def _note(self, look: Tally) -> None:
        self.looks.append(look)
        self._tell("; ".join(("kept" if look.kept else "BROKEN", *look.findings)))

    def _tell(self, what: str) -> None:
        self._said_at = time.monotonic()
        self._say(f"{json.dumps(figures([*self.faults, *self.looks]))} {what}")


@contextmanager
def looking_each_minute(lab: Lab, say: Callable[[str], None]) -> Iterator[Minutes]:
    """Look each minute inside, in a thread of its own while a fault is at work."""
    minutes = Minutes(lab, say)
    with looking(minutes.glance, TICK_SECONDS):
        yield minutes
