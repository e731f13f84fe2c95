"""Going on through outages, until asked to stop."""

import time
from collections.abc import Callable
from typing import TypeVar

from jobs.errors import LedgerUnavailable, Unavailable
from workers.log import Log
from workers.pauses import pause_seconds
from workers.signals import Signals

AGAIN_SECONDS = 0.5  # between two calls of a ledger that is waited for
LONGEST_PAUSE_SECONDS = 10.0
NAP_SECONDS = 0.1  # how late a request to stop may be noticed

T = TypeVar("T")
log = Log("loop")


def repeat(
    step: Callable[[], float], signals: Signals, *, name: str, longest_seconds: float = LONGEST_PAUSE_SECONDS
) -> None:
    """Run `step`, which returns how many seconds to rest, until `signals` asks to stop.

    While it raises Unavailable the rests double up to `longest_seconds`; the first failure and the recovery are logged,
    not each one between.
    """
    failures = 0
    while not signals.times:
        try:
            rest = step()
            if failures:
                log.info(f"{name}.recovered", failures=failures)
            failures = 0
        except Unavailable as error:
            if not failures:
                log.warning(f"{name}.failing", code=error.code, reason=str(error))
            failures += 1
            rest = pause_seconds(failures, longest=longest_seconds)
        sleep(rest, signals)


def persist(call: Callable[[], T], signals: Signals, *, seconds: float) -> T:
    """What `call` returns, as soon as the ledger answers.

    Raises:
        LedgerUnavailable: it has not answered for `seconds`, or this process is asked to stop.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return call()
        except LedgerUnavailable:
            if signals.times or time.monotonic() > end:
                raise
        sleep(AGAIN_SECONDS, signals)


def sleep(seconds: float, signals: Signals) -> None:
    """Sleep, but not on when asked to stop."""
    end = time.monotonic() + seconds
    while not signals.times and (rest := end - time.monotonic()) > 0:
        time.sleep(min(rest, NAP_SECONDS))
