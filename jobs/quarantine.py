"""Originals that kill renderers: the deaths are counted by content, and after the third no renderer sees it again.

Every death is kept, and only those count that accuse the original: what its host may have done to it bans no good file.
"""

import logging
import re
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Protocol

from jobs.errors import DarkroomError, LedgerUnavailable, Rejected
from jobs.job import Crash, Job

DEATHS = 3  # that accuse it put an original into quarantine, over all jobs and owners
LIST_SECONDS = 3.0  # for which a process goes by the list that it has
LONGEST_LIST = 10_000  # hashes, a megabyte; beyond that each original is asked for by itself
OWN_LIMITS = frozenset({"cpu", "memory"})  # of a renderer; the wall clock and a stall may be a busy host's doing
# What a process does to itself. A bare SIGKILL is the kernel's, which is short of memory, or somebody's.
FAULTS = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS", "SIGTRAP", "SIGXCPU", "SIGXFSZ"})
SHORT_HASH = 12  # characters, to show: two of a million originals share them with a chance of 1 in 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Death:
    """A renderer's death over an original, as the ledger keeps it."""

    sha256: str  # of the original, hexadecimal
    job_id: int
    fence: int  # of the job's attempt
    media_id: int
    owner_id: int
    function: str
    died_at: datetime
    release: str  # of Darkroom, on the worker's host
    released_at: datetime | None  # since when it counts no more
    crash: Crash

    @property
    def counts(self) -> bool:
        """Whether it is one of those that bring a quarantine."""
        return self.released_at is None and accuses(self.crash)


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """An original that no renderer is to see. `deaths` are those that count, oldest first: see `accuses`."""

    sha256: str
    since: datetime
    deaths: tuple[Death, ...]


class Quarantine(Protocol):
    """What is known of originals that kill renderers. Every call may raise LedgerUnavailable.

    `jobs.quarantine_postgres.PostgresQuarantine` is the real one, `jobs.quarantine_memory.MemoryQuarantine` its twin.
    """

    def note(self, job: Job, sha256: str, crash: Crash, release: str) -> bool:
        """Note a death over the original of this hash, once per job and fence. Whether that is in quarantine now.

        `release` is Darkroom's on this host. The third death that counts brings the quarantine: see `accuses`.
        """

    def refuse(self, job: Job, sha256: str) -> bool:
        """Note that the job was turned away, if its original is in quarantine; False if it is not."""

    def held(self, limit: int) -> frozenset[str]:
        """The hashes that are in quarantine, at most so many."""

    def find(self, sha256: str) -> Quarantined | None:
        """The original, if it is in quarantine."""

    def entries(self, limit: int) -> list[Quarantined]:
        """What is in quarantine, newest first."""

    def deaths(self, sha256: str) -> list[Death]:
        """Every death over this original, oldest first, also those that count no more."""

    def hashes(self, prefix: str, limit: int) -> list[str]:
        """The hashes that begin so and have a death, in their order. `prefix` has up to 64 hexadecimal digits."""

    def release(self, hashes: Collection[str]) -> list[str]:
        """End the quarantine of these; their deaths are counted anew. Returns those that were in it until now."""

    def stranded(self, hashes: Collection[str]) -> list[int]:
        """The jobs that these originals ended, by a death or in quarantine, and that can be retried; oldest first."""


class Gate:
    """Keeps what is in quarantine from renderers, at next to no cost for what is not. Threads may share one.

    It goes by a list of all hashes in quarantine that is a few seconds old at most, and asks again before it refuses: a
    release counts at once, and a quarantine after those seconds.
    """

    def __init__(self, quarantine: Quarantine, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds."""
        self._quarantine = quarantine
        self._clock = clock
        self._held: frozenset[str] = frozenset()
        self._read_again_at: float | None = None

    def admit(self, sha256: str) -> None:
        """Let an original of this hash be stored or submitted. Raises Rejected `quarantined`.

        A ledger that is away refuses nothing: a worker looks again.
        """
        with suppress(LedgerUnavailable):
            if self._is_suspect(sha256):
                self._refuse(sha256)

    def admit_job(self, job: Job, sha256: str) -> None:
        """Let the job's original pass to a renderer.

        Raises:
            Rejected: `quarantined`; the quarantine remembers the job.
            LedgerUnavailable: nobody knows.
        """
        if self._is_suspect(sha256) and self._quarantine.refuse(job, sha256):
            self._refuse(sha256)

    def note(self, job: Job, sha256: str, crash: Crash) -> None:
        """Note a renderer's death over the job's original. A ledger that is away keeps no job from being settled."""
        facts = {"job_id": job.job_id, "sha256": sha256, "stage": crash.stage, "ended": ended(crash)}
        try:
            held = self._quarantine.note(job, sha256, crash, own_release())
        except DarkroomError as error:
            log.warning("crash.unnoted", extra=facts | {"reason": str(error)})
            return
        log.warning("original.quarantined" if held else "crash.noted", extra=facts | {"accuses": accuses(crash)})
        if held:
            self._held |= {sha256}

    def _refuse(self, sha256: str) -> None:
        if found := self._quarantine.find(sha256):
            raise Rejected("quarantined", reason(found))

    def _is_suspect(self, sha256: str) -> bool:
        if self._read_again_at is None or self._clock() >= self._read_again_at:
            self._held = self._quarantine.held(LONGEST_LIST)
            self._read_again_at = self._clock() + LIST_SECONDS
        return sha256 in self._held or len(self._held) >= LONGEST_LIST


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What deaths may have in common; None is anything."""

    library: str | None = None  # that may be at fault
    before: str | None = None  # the library's version is lower
    stage: str | None = None  # "decode heic", or "decode" for every format
    signal: str | None = None
    limit: str | None = None

    def explains(self, crash: Crash) -> bool:
        """Whether a death may be of this cause."""
        stage = self.stage is None or f"{crash.stage} ".startswith(f"{self.stage} ")
        signal = self.signal in (None, crash.signal)
        return stage and signal and self.limit in (None, crash.limit) and self._blames(crash)

    def _blames(self, crash: Crash) -> bool:
        if self.library is None:
            return True
        version = crash.libraries.get(self.library)
        return version is not None and (self.before is None or is_before(version, self.before))


def accuses(crash: Crash) -> bool:
    """Whether a death counts: a fault, a limit of the renderer's own, or an end or an answer of its own making.

    Migration 0010 says the same in SQL.
    """
    if crash.limit is not None:
        return crash.limit in OWN_LIMITS
    return crash.signal is None or crash.signal in FAULTS


def of_cause(entries: Sequence[Quarantined], cause: Cause) -> list[Quarantined]:
    """Those whose every death may be of this cause: one that died otherwise too would die again."""
    return [entry for entry in entries if all(cause.explains(death.crash) for death in entry.deaths)]


def is_before(version: str, bound: str) -> bool:
    """Whether a version is lower than another, by their numbers: 1.9 is before 1.22, and 1.22 not before 1.22.0.

    One without a number is before none.
    """
    numbers = numbers_of(version)
    return bool(numbers) and numbers < numbers_of(bound)


def numbers_of(version: str) -> tuple[int, ...]:
    """The first numbers with dots between in a version, without zeros at the end: "7.1.5-0+deb13u1" is (7, 1, 5)."""
    found = re.search(r"\d+(\.\d+)*", version)
    numbers = [int(number) for number in found[0].split(".")] if found else []
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def ended(crash: Crash) -> str:
    """What ended a renderer, in a few words."""
    return crash.signal if crash.signal and not crash.limit else f"{crash.limit} limit" if crash.limit else "its exit"


def reason(entry: Quarantined) -> str:
    """Why an original is refused, since when, and what can be done."""
    last = entry.deaths[-1].crash if entry.deaths else None
    how = f", the last by {ended(last)}{f' at {last.stage}' if last.stage else ''}" if last else ""
    short = entry.sha256[:SHORT_HASH]
    return (
        f"a file with these bytes is in quarantine since {entry.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC: renderers "
        f"died of it {len(entry.deaths)} times{how}. An operator sees more with `darkroom quarantine show {short}` and "
        f"lets it in again with `darkroom quarantine release {short}`"
    )


def own_release() -> str:
    """The version of Darkroom that runs here."""
    return metadata.version("darkroom")
