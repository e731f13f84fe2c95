"""One connection to PostgreSQL through PgBouncer, and what its failures are called here."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import psycopg2

from jobs.errors import DarkroomError, LedgerUnavailable, Rejected

Parameters = Sequence[Any] | Mapping[str, Any]

REJECTED = "DK000"  # the migrations' SQLSTATE for jobs.errors.Rejected; its code comes as DETAIL
DEADLOCK = "40P01"
NOT_MIGRATED = ("3F000", "42P01", "42883", "42703", "42501")  # no schema, table, function, column, or no right to it

# A server that vanished is noticed within about ten seconds even if it sends no reset.
TCP: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


@dataclass
class _Link:
    """What must not be shared with a forked child: the lock, which may be held at the fork, and the socket."""

    pid: int = field(default_factory=os.getpid)
    lock: Lock = field(default_factory=Lock)
    connection: Any = None


class Connection:
    """A psycopg2 connection in autocommit: opened when needed, for one call at a time, reopened when it was lost.

    Threads may share it. A forked child opens its own and leaves its parent's alone: psycopg2 ends a connection only in
    the process that opened it.
    """

    def __init__(self, dsn: str, connect_timeout_seconds: float) -> None:
        self._dsn = dsn
        self._connect_timeout = math.ceil(connect_timeout_seconds)  # libpq takes whole seconds
        self._link = _Link()

    def rows(self, query: str, parameters: Parameters = (), *, repeatable: bool = True) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        A statement that finds its connection dead, or loses a deadlock, is run once more if it is `repeatable`: it may
        have been carried out the first time, if only the reply was lost.

        Raises:
            LedgerUnavailable: no answer, or the schema is missing.
            Rejected: the statement's own judgement, or a value that the columns do not take.
        """
        link = self._own_link()
        with _translated(), link.lock:
            repeatable = repeatable and link.connection is not None
            try:
                return self._run(link, query, parameters)
            except psycopg2.Error as error:
                if not (repeatable and (_is_loss(error) or error.pgcode == DEADLOCK)):
                    raise
                return self._run(link, query, parameters)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor in a transaction, which is committed if the block ends well. Other threads wait meanwhile.

        Raises:
            LedgerUnavailable: no answer; the transaction may or may not be committed.
        """
        link = self._own_link()
        with _translated(), link.lock:
            self._run(link, "BEGIN")
            try:
                with link.connection.cursor() as cursor:
                    yield cursor
            except BaseException:
                with suppress(psycopg2.Error):
                    self._run(link, "ROLLBACK")
                raise
            self._run(link, "COMMIT")

    def _own_link(self) -> _Link:
        if self._link.pid != os.getpid():
            self._link = _Link()
        return self._link

    def _run(self, link: _Link, query: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        if link.connection is None:
            link.connection = self._connect()
        try:
            with link.connection.cursor() as cursor:
                cursor.execute(query, parameters)
                return cursor.fetchall() if cursor.description else []
        except ValueError as error:  # psycopg2's word for a text with NUL or half of a surrogate pair
            raise psycopg2.DataError(str(error)) from error
        except psycopg2.Error as error:
            if _is_loss(error):
                link.connection.close()
                link.connection = None
            raise

    def _connect(self) -> Any:
        connection = psycopg2.connect(
            self._dsn, connect_timeout=self._connect_timeout, application_name="darkroom", **TCP
        )
        connection.autocommit = True
        return connection


def _is_loss(error: psycopg2.Error) -> bool:
    """Whether the connection is of no more use: it was cut, or the server said that it goes away."""
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
