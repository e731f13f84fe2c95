"""The migrations' runner: numbered plain SQL files, each applied once and never changed afterwards.

A file runs in one transaction with the note that it was applied. One whose first line is `-- no transaction` holds a
single statement that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY, and that may be repeated: the note
comes after it.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors

from jobs.errors import DarkroomError, LedgerUnavailable

FOLDER = Path(__file__).parent / "migrations"
NO_TRANSACTION = "-- no transaction"
LOCK = 0x6461726B  # "dark": the advisory lock of whoever migrates this database
LOCK_WAIT_SECONDS = 60.0
LOCK_POLL_SECONDS = 0.1

REGISTER = """
CREATE SCHEMA IF NOT EXISTS darkroom;
CREATE TABLE IF NOT EXISTS darkroom.migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""
NOTE = "INSERT INTO darkroom.migrations (name, sha256) VALUES (%s, %s)"
INVALID_INDEXES = """
SELECT c.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = 'darkroom'::regnamespace
"""


class MigrationError(DarkroomError):
    """The database and the migrations' files disagree. The message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One migration as the database knows it; `applied_at` is None while it is pending."""

    name: str
    sha256: str  # of the file
    applied_at: datetime | None


def migrate(dsn: str, folder: Path = FOLDER) -> list[Step]:
    """Apply the pending files of `folder` in the order of their names, and return them.

    `dsn` is the owner's, straight to PostgreSQL: session locks and settings are lost behind PgBouncer. Any number of
    processes may call it at once.

    Raises:
        MigrationError: a file was changed or removed after it was applied, or a statement failed.
        LedgerUnavailable: no answer, or somebody else has been migrating for a minute.
    """
    with _connected(dsn) as cursor:
        _lock(cursor)
        cursor.execute(REGISTER)
        pending = [step for step in _compare(_applied(cursor), _files(folder)) if step.applied_at is None]
        return [_apply(cursor, step, (folder / step.name).read_text()) for step in pending]


def status(dsn: str, folder: Path = FOLDER) -> list[Step]:
    """Every migration, applied or pending, in order. Any role that may read `darkroom.migrations` can ask.

    Raises:
        MigrationError: a file was changed or removed after it was applied.
        LedgerUnavailable: no answer.
    """
    with _connected(dsn) as cursor:
        cursor.execute("SELECT to_regclass('darkroom.migrations') IS NOT NULL")
        known = _applied(cursor) if cursor.fetchone()[0] else {}
        return _compare(known, _files(folder))


@contextmanager
def _connected(dsn: str) -> Iterator[Any]:
    """A cursor in autocommit; statements bring their own transactions."""
    try:
        with closing(psycopg2.connect(dsn, connect_timeout=5, application_name="darkroom migrate")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
    except psycopg2.OperationalError as error:
        raise LedgerUnavailable(f"PostgreSQL did not answer or had to wait too long: {error}".strip()) from error
    except psycopg2.errors.InsufficientPrivilege as error:
        raise MigrationError(f"Migrate as the database's owner (DARKROOM_MIGRATIONS_URL): {error}".strip()) from error


def _lock(cursor: Any) -> None:
    """Become the one who migrates; the lock ends with the connection.

    Asked for again and again rather than waited for: a waiting session holds a snapshot, and CREATE INDEX CONCURRENTLY
    waits for every snapshot, so the two would deadlock.
    """
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if cursor.fetchone()[0]:
            break
        if time.monotonic() > deadline:
            raise LedgerUnavailable(f"Somebody else has been migrating for {LOCK_WAIT_SECONDS:.0f} s: try again later.")
        time.sleep(LOCK_POLL_SECONDS)
    # A migration that waits for a table's lock makes everybody behind it wait: better to give up and try again.
    cursor.execute("SET lock_timeout = '3s'; SET statement_timeout = 0; SET client_min_messages = warning")


def _files(folder: Path) -> dict[str, str]:
    """The sha256 of each migration, by name, in order."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.glob("[0-9]*.sql"))}


def _applied(cursor: Any) -> dict[str, Step]:
    cursor.execute("SELECT name, sha256, applied_at FROM darkroom.migrations ORDER BY name")
    return {name: Step(name=name, sha256=sha256, applied_at=at) for name, sha256, at in cursor.fetchall()}


def _compare(applied: dict[str, Step], files: dict[str, str]) -> list[Step]:
    """The whole list, if the files are those that were applied and the pending ones come after them."""
    for name, step in applied.items():
        if name not in files:
            raise MigrationError(f"{name} was applied, but its file is missing: run the release that has it, or newer.")
        if files[name] != step.sha256:
            raise MigrationError(
                f"{name} was changed after it was applied: restore it, and make the change in a new file."
            )
    for name in files:
        if name not in applied and name < max(applied, default=""):
            raise MigrationError(f"{name} comes before {max(applied)}, which is applied: give it a higher number.")
    return [applied.get(name, Step(name=name, sha256=sha256, applied_at=None)) for name, sha256 in files.items()]


def _apply(cursor: Any, step: Step, sql: str) -> Step:
    """Run one file and note it. What fails in a transaction is undone when the connection closes."""
    transactional = not sql.startswith(NO_TRANSACTION)
    try:
        if transactional:
            cursor.execute("BEGIN")
        else:
            _refuse_invalid_indexes(cursor)
            cursor.execute("SET lock_timeout = 0")  # a concurrent build makes nobody wait, and outwaits who is at work
        cursor.execute(sql)
        cursor.execute(NOTE, [step.name, step.sha256])
        if transactional:
            cursor.execute("COMMIT")
    except psycopg2.OperationalError:
        raise  # such as a lock that was not to be had: nothing is wrong with the file
    except psycopg2.Error as error:
        raise MigrationError(f"{step.name} failed: {error}".strip()) from error
    return _applied(cursor)[step.name]


def _refuse_invalid_indexes(cursor: Any) -> None:
    """A concurrent build that broke off leaves one behind, and IF NOT EXISTS would take it for built."""
    cursor.execute(INVALID_INDEXES)
    names = ", ".join(f"darkroom.{name}" for (name,) in cursor.fetchall())
    if names:
        raise MigrationError(f"An earlier try broke off: DROP INDEX CONCURRENTLY {names}; then migrate again.")
