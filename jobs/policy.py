"""What to do about a failed attempt: a pure decision, which the worker acts on."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.errors import InternalError, Rejected, Unavailable
from jobs.job import JobState


@dataclass(frozen=True, kw_only=True)
class Again:
    """Queue the job again after the delay. The fields are arguments of `Ledger.fail`."""

    code: str
    reason: str
    delay_seconds: float
    then: JobState = JobState.QUEUED


@dataclass(frozen=True, kw_only=True)
class Bury:
    """The job ends here: REJECTED, or DEAD as a dead letter. The fields are arguments of `Ledger.fail`."""

    code: str
    reason: str
    then: JobState


def judge(error: Exception, failures: Mapping[str, int], jitter: float) -> Again | Bury:
    """What is to be done about the error that ended an attempt.

    `failures` counts the earlier ones by code (`Job.failures`). `jitter` is a random number from 0 to 1 that spreads
    the retries of many jobs which failed together: it takes off up to half of the delay.

    What is Rejected is rejected at once. What is Unavailable comes again until the attempts of its class have failed
    with its code: a renderer's crash is no nearer to its limit for an outage of the store. The delay doubles with each
    from the class's first to its longest. Any other exception is an InternalError. No job lives for ever: every failure
    brings it nearer to one limit of a few.
    """
    if isinstance(error, Rejected):
        return Bury(code=error.code, reason=_storable(str(error)), then=JobState.REJECTED)
    if not isinstance(error, Unavailable):
        error = InternalError(f"{type(error).__name__}: {error}")
    code, reason, failed_before = error.code, _storable(str(error)), failures.get(error.code, 0)
    if failed_before + 1 >= error.attempts:
        return Bury(code=code, reason=reason, then=JobState.DEAD)
    return Again(code=code, reason=reason, delay_seconds=_delay_seconds(type(error), failed_before, jitter))


def _delay_seconds(patience: type[Unavailable], failed_before: int, jitter: float) -> float:
    whole = min(patience.longest_delay_seconds, patience.first_delay_seconds * 2.0**failed_before)
    return whole * (1 - jitter / 2)


def _storable(text: str) -> str:
    """An error may quote what a decoder met; PostgreSQL's text holds neither NUL nor half of a surrogate pair."""
    return text.replace("\0", "?").encode(errors="replace").decode()
