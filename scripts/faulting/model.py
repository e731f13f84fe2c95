"""What a fault is, and what is counted of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.errors import DarkroomError

if TYPE_CHECKING:
    from scripts.faulting.lab import Lab

PROMISE_SECONDS = 30.0  # within which a job that a fault struck runs again and ends, at worst
LONG = "long"  # the group of faults that take many minutes: they are run for their name's or their group's sake alone
KILLS = "kills"  # the group of faults that kill a worker: recovery is promised of these
INVARIANTS = "invariants"  # the group of what is no fault: a look at everything until now


class BrokenPromiseError(DarkroomError):
    """A fault found what is promised not to be. It is counted, and the next fault follows."""


class NotHereError(DarkroomError):
    """The fault is not allowed on this machine, or lacks something; the message says what.

    Raised before there are workers, it has the fault skipped. Later it is a finding: nobody knows what was tried.
    """


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong. `run` has it happen in a lab under load, and ends it.

    The load, `photos` and `clips`, begins before and is submitted bit by bit meanwhile. What `run` raises is a finding,
    but for a NotHereError at its beginning; so is whatever a frontend was not answered for two minutes.
    """

    name: str
    group: str
    run: Callable[["Lab"], None]
    recovery_seconds: float = PROMISE_SECONDS  # from `Lab.strike` to the end of each job that it found
    photos: int = 12
    clips: int = 0
    short: bool = False  # whether it belongs to the short form


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What became of everything that was acknowledged while a fault was at work."""

    fault: str
    group: str
    injected: int = 0
    acknowledged: int = 0
    ready: int = 0
    rejected: int = 0
    dead: int = 0
    lost: int = 0
    half_published: int = 0
    duplicated: int = 0
    orphans: int = 0
    swept: int = 0  # orphans that an audit removed before it was counted
    recoveries_seconds: tuple[float, ...] = ()  # of jobs that a strike found at an attempt, which then came to nothing
    waits_seconds: tuple[float, ...] = ()  # of all that a strike found waiting or running
    findings: tuple[str, ...] = ()  # what is wrong, in words: empty if every promise was kept
    skipped: str = ""  # why, if it was
    seconds: float = 0.0

    @property
    def worst_seconds(self) -> float | None:
        """The worst recovery; None if a strike found no job."""
        return max((*self.recoveries_seconds, *self.waits_seconds), default=None)

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return not (self.findings or self.lost or self.half_published or self.duplicated)
