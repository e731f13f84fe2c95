"""The two branches of failure, named by what to do about them, and how patient each class is."""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from jobs.job import Crash


class DarkroomError(Exception):
    """Everything this application raises on purpose."""


class Rejected(DarkroomError):  # noqa: N818 - named by what happened to the upload
    """Trying again is useless: the upload or the request itself is at fault.

    `code` is stable and fit for a frontend to translate (`too_many_pixels`); the message is for a person.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unavailable(DarkroomError):  # noqa: N818 - named by what to do
    """Trying again may help: a server is away, a connection broke, a limit of the moment was hit."""

    code: ClassVar[str] = "unavailable"
    attempts: ClassVar[int] = 5  # a job is dead when so many have failed for this reason
    first_delay_seconds: ClassVar[float] = 1.0  # doubles with each attempt
    longest_delay_seconds: ClassVar[float] = 60.0


class LedgerUnavailable(Unavailable):
    """PostgreSQL or PgBouncer did not answer."""

    code = "ledger_unavailable"
    attempts = 20


class StoreUnavailable(Unavailable):
    """The object store did not answer, or answered that it cannot now."""

    code = "store_unavailable"
    attempts = 20  # some ten minutes of outage, by the jitter


class WrongBytes(StoreUnavailable):
    """What the store sent does not match its own checksum: spoilt on the way, or where it lies."""


class HandsDied(Unavailable):
    """The renderer was killed by a signal or a limit while it held this job; the message says which."""

    code = "renderer_died"
    attempts = 3  # a file that kills three renderers will kill a fourth

    def __init__(self, message: str, crash: "Crash | None" = None) -> None:
        super().__init__(message)
        self.crash = crash  # None where it is no original's fault


class DiskShort(Unavailable):
    """The disk on which clips are worked on has too little room for this one now; the message has the numbers."""

    code = "disk_short"
    attempts = 12
    first_delay_seconds = 5.0
    longest_delay_seconds = 300.0  # with the above, half an hour in all: by then other jobs have made room


class NewerRecipe(Unavailable):
    """The recipe was checked when it was submitted, so a newer release than this worker's understands it."""

    code = "newer_recipe"
    attempts = 6
    first_delay_seconds = 60.0
    longest_delay_seconds = 1800.0  # with the above, half an hour in all: by then a rolling upgrade has a newer worker


class BrokerUnavailable(Unavailable):
    """No Gearman job server could be reached. Nothing is lost: the sweeper brings the ticket later."""

    code = "broker_unavailable"


class InternalError(Unavailable):
    """A mistake of ours: trying again helps once a bad release was noticed and taken back."""

    code = "internal_error"
    attempts = 6
    first_delay_seconds = 60.0
    longest_delay_seconds = 1800.0  # with the above, half an hour in all; a quarter at the shortest
