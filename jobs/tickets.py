"""A ticket as Gearman carries it: a workload, and the unique that folds the same ticket sent twice into one."""

import json
from typing import Any

from jobs.errors import Rejected
from jobs.job import LARGEST_ID, Lane, Ticket


def encode(ticket: Ticket) -> bytes:
    """The workload: a JSON object, so that a person can read a queue."""
    fields = {"job": ticket.job_id, "attempt": ticket.attempt, "function": ticket.function, "lane": ticket.lane}
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(workload: bytes) -> Ticket:
    """The ticket that `encode` wrote.

    Raises:
        Rejected: `bad_ticket` for anything else.
    """
    try:
        fields = json.loads(workload)
        return Ticket(
            job_id=_count(fields["job"]),
            attempt=_count(fields["attempt"]),
            function=_name(fields["function"]),
            lane=Lane(fields["lane"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Rejected("bad_ticket", f"not a ticket: {workload[:80]!r} ({error!r})") from error


def unique(ticket: Ticket) -> str:
    """Gearman's unique, at most 64 bytes, compared within one function of one server."""
    # gearmand folds a submit into a queued or running job with the same unique, and drops its workload: a retry would
    # vanish into the run that it follows, so the attempt is part of it.
    return f"{ticket.job_id:x}-{ticket.attempt:x}"


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_ID:
        raise ValueError(f"{value!r} is not a count")
    return value


def _name(value: Any) -> str:
    if type(value) is not str or not value:
        raise ValueError(f"{value!r} is not a name")
    return value
