"""One connection to PostgreSQL through PgBouncer, and what its failures are called here."""

import os
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

from jobs.errors import DarkroomError, LedgerUnavailable, Rejected

Parameters = Sequence[Any] | Mapping[str, Any]

REJECTED = "DK000"  # the migrations' SQLSTATE for jobs.errors.Rejected; its code comes as DETAIL
DEADLOCK = "40P01"
NOT_MIGRATED = ("3F000", "42P01", "42883", "42703", "42501")  # no schema, table, function, column, or no right to it

ANSWER_SECONDS = 12.0  # above the role's statement_timeout of 10 s, so that a slow statement is the server's to end
# While nothing is asked, a server that vanished is noticed within about ten seconds even if it sends no reset.
TCP: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Run(Protocol):
    """Runs one statement and returns its rows."""

    def __call__(self, query: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Raises psycopg2.Error."""


@dataclass
class _Link:
    """What must not be shared with a forked child: the lock, which may be held at the fork, and the socket."""

    pid: int = field(default_factory=os.getpid)
    lock: Lock = field(default_factory=Lock)
    connection: Any = None


class Connection:
    """A psycopg2 connection in autocommit: opened when needed, for one call at a time, reopened when it was lost.

    It is an asynchronous one, because a synchronous one waits for ever on a server that hangs: the kernel there goes on
    acknowledging, and neither keepalives nor timeouts of TCP see anything.

    Threads may share it. A forked child opens its own and leaves its parent's alone: psycopg2 ends a connection only in
    the process that opened it.
    """

    def __init__(self, dsn: str, connect_timeout_seconds: float) -> None:
        self._dsn = dsn
        self._connect_timeout_seconds = connect_timeout_seconds
        self._link = _Link()

    def rows(
        self, query: str, parameters: Parameters = (), *, repeatable: bool = True, seconds: float = ANSWER_SECONDS
    ) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, if they come within `seconds`.

        A statement that finds its connection dead, or loses a deadlock, is run once more if it is `repeatable`: it may
        have been carried out the first time, if only the reply was lost.

        Raises:
            LedgerUnavailable: no answer in time, or the schema is missing.
            Rejected: the statement's own judgement, or a value that the columns do not take.
        """
        link = self._own_link()
        with _translated(), link.lock:
            deadline = time.monotonic() + seconds
            repeatable = repeatable and link.connection is not None
            try:
                return self._run(link, deadline, query, parameters)
            except psycopg2.Error as error:
                lost = _is_loss(error) or error.pgcode == DEADLOCK
                if not (repeatable and lost and time.monotonic() < deadline):
                    raise
                return self._run(link, deadline, query, parameters)

    @contextmanager
    def transaction(self) -> Iterator[Run]:
        """What runs statements in one transaction, committed if the block ends well. Other threads wait meanwhile.

        Raises:
            LedgerUnavailable: no answer to a statement in time; the transaction may or may not be committed.
        """
        link = self._own_link()

        def run(query: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
            return self._run(link, time.monotonic() + ANSWER_SECONDS, query, parameters)

        with _translated(), link.lock:
            run("BEGIN")
            try:
                yield run
            except BaseException:
                with suppress(psycopg2.Error):
                    if link.connection is not None:
                        run("ROLLBACK")
                raise
            run("COMMIT")

    def _own_link(self) -> _Link:
        if self._link.pid != os.getpid():
            self._link = _Link()
        return self._link

    def _run(self, link: _Link, deadline: float, query: str, parameters: Parameters) -> list[tuple[Any, ...]]:
        if link.connection is None:
            link.connection = self._connect(deadline)
        try:
            with link.connection.cursor() as cursor:
                cursor.execute(query, parameters)
                _wait(link.connection, deadline)
                return cursor.fetchall() if cursor.description else []
        except ValueError as error:  # psycopg2's word for a text with NUL or half of a surrogate pair
            raise psycopg2.DataError(str(error)) from error
        except BaseException as error:
            if _is_loss(error):
                link.connection.close()
                link.connection = None
            raise

    def _connect(self, deadline: float) -> Any:
        connection = psycopg2.connect(self._dsn, async_=True, application_name="darkroom", **TCP)
        _wait(connection, min(deadline, time.monotonic() + self._connect_timeout_seconds))
        return connection


def _wait(connection: Any, deadline: float) -> None:
    """Wait until the connection has done what it was asked; at the deadline, by the monotonic clock, give it up."""
    while (state := connection.poll()) != POLL_OK:
        poller = select.poll()
        poller.register(connection, select.POLLIN if state == POLL_READ else select.POLLOUT)
        if not poller.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
            raise psycopg2.OperationalError("no answer in time")


def _is_loss(error: BaseException) -> bool:
    """Whether the connection is of no more use: it was cut or interrupted, or the server said that it goes away."""
    if not isinstance(error, psycopg2.Error):
        return True
    if isinstance(error, psycopg2.ProgrammingError | psycopg2.DataError):
        return False
    return error.pgcode is None or error.pgcode.startswith(("08", "57P"))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        raise _translation(error) from error


def _translation(error: psycopg2.Error) -> DarkroomError:
    if error.pgcode == REJECTED:
        return Rejected(str(error.diag.message_detail), str(error.diag.message_primary))
    if isinstance(error, psycopg2.DataError | psycopg2.IntegrityError):
        return Rejected("invalid_request", f"the ledger does not take this: {error}".strip())
    if error.pgcode in NOT_MIGRATED:
        return LedgerUnavailable(f"the database is not migrated, run `darkroom db migrate`: {error}".strip())
    return LedgerUnavailable(f"PostgreSQL or PgBouncer did not do it: {error}".strip())
