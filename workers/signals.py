"""Being asked to stop. Handlers only take note; the loops look at it."""

import signal
import time

from jobs.errors import DarkroomError


class StoppedError(DarkroomError):
    """Asked to stop, the process gave up what it waited for."""


class Signals:
    """How often, and since when, this process has been asked to stop (SIGTERM, or SIGINT from a terminal)."""

    def __init__(self) -> None:
        self.times = 0
        self._first_at = 0.0

    def listen(self) -> "Signals":
        """Take note of signals from now on. From the main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.ask())
        return self

    def ask(self) -> None:
        """Ask to stop."""
        self._first_at = self._first_at or time.monotonic()
        self.times += 1

    def check(self) -> None:
        """Raise StoppedError if asked to stop: for whatever calls back while it waits."""
        if self.times:
            raise StoppedError("asked to stop")

    @property
    def seconds(self) -> float:
        """Since the first time; 0 before it."""
        return time.monotonic() - self._first_at if self.times else 0.0
