"""What there is: the ledger's rows, the bucket's objects, and the events that arrived."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg2
import psycopg2.extras

from jobs.s3 import connect_s3
from workers.stack import Stack

MADE = "m/"  # before the key of every rendition
FETCHERS = 8


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """A job as the ledger has it."""

    job_id: int
    media_id: int
    owner_id: int
    function: str
    key: str
    state: str
    code: str | None
    reason: str | None
    fence: int
    mandatory: Sequence[str]
    submitted_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class AttemptRow:
    """An attempt that ended."""

    job_id: int
    fence: int
    outcome: str
    code: str | None
    worker: str
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, kw_only=True)
class MediaRow:
    """A media's record. `renditions` as in the ledger: {name: [width, height, bytes, file, crc32]}."""

    media_id: int
    function: str
    source_key: str
    state: str
    generation: int
    ready_at: datetime | None  # when this generation was published
    renditions: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class GenerationRow:
    """What a media showed before."""

    media_id: int
    generation: int
    ready_at: datetime
    renditions: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event as it arrived. Repeated, it is the same, whenever that was."""

    media_id: int
    version: int
    topic: str
    payload: Mapping[str, Any]
    at: float = field(compare=False)  # when it arrived, by the wall clock, seconds


@dataclass(frozen=True, kw_only=True)
class Content:
    """What lies at a key."""

    bytes: int
    crc32: int


@dataclass(frozen=True, kw_only=True)
class Books:
    """All of it, of some jobs and their media. `stored` are these media's objects."""

    jobs: Sequence[JobRow]
    attempts: Sequence[AttemptRow]
    media: Sequence[MediaRow]
    generations: Sequence[GenerationRow]
    events: Sequence[Told]
    stored: Mapping[str, Content]
    unknown: Sequence[str]  # objects below m/ of a media that the ledger does not know, or of one of these if deleted


def is_settled(stack: Stack, job_ids: Sequence[int]) -> bool:
    """Whether all of the jobs are final, no other runs, and every event is told. False while there is no answer."""
    query = """SELECT NOT EXISTS (SELECT FROM darkroom.jobs WHERE state = 'running')
                  AND NOT EXISTS (SELECT FROM darkroom.jobs WHERE job_id = ANY (%s) AND state = 'queued')
                  AND NOT EXISTS (SELECT FROM darkroom.outbox)"""
    try:
        with asking(stack) as ask:
            ask.execute(query, (list(job_ids),))
            return bool(next(iter(ask.fetchall()[0].values())))
    except psycopg2.OperationalError:
        return False


def read_books(stack: Stack, job_ids: Sequence[int], events: Sequence[Mapping[str, Any]]) -> Books:
    """Read it all: of these jobs' media, with every job that they have."""
    keys = list(list_made(stack))  # before the ledger: what is put after it was asked has no media yet
    with asking(stack) as ask:
        rows = read_rows(ask, job_ids, events)
        ask.execute("SELECT media_id FROM darkroom.media")
        known = {row["media_id"] for row in ask.fetchall()}
    known -= {one.media_id for one in rows.media if one.state == "deleted"}
    of_these = {one.media_id for one in rows.media} & known
    return replace(
        rows,
        stored=fetch_all(stack, [key for key in keys if media_of(key) in of_these]),
        unknown=[key for key in keys if media_of(key) not in known],
    )


def reread_books(stack: Stack, before: Books, job_ids: Sequence[int], events: Sequence[Mapping[str, Any]]) -> Books:
    """The rows and events of these jobs as they are now, and the objects as they were before: a few queries."""
    with asking(stack) as ask:
        return replace(read_rows(ask, job_ids, events), stored=before.stored, unknown=before.unknown)


def read_rows(
    ask: psycopg2.extras.RealDictCursor, job_ids: Sequence[int], events: Sequence[Mapping[str, Any]]
) -> Books:
    """What the ledger has of these jobs' media and what was told of them, without an object."""
    media_ids = [row["media_id"] for row in _rows(ask, "jobs", ["media_id"], "job_id", job_ids)]
    jobs = [JobRow(**row) for row in _rows(ask, "jobs", JobRow.__annotations__, "media_id", media_ids)]
    ids, of_these = [job.job_id for job in jobs], set(media_ids)
    attempts = _rows(ask, "attempts", AttemptRow.__annotations__, "job_id", ids)
    media = _rows(ask, "media", MediaRow.__annotations__, "media_id", media_ids)
    earlier = _rows(ask, "generations", GenerationRow.__annotations__, "media_id", media_ids)
    return Books(
        jobs=jobs,
        attempts=[AttemptRow(**row) for row in attempts],
        media=[MediaRow(**row) for row in media],
        generations=[GenerationRow(**row) for row in earlier],
        events=[event for event in map(read_event, list(events)) if event.media_id in of_these],
        stored={},
        unknown=[],
    )


def read_event(event: Mapping[str, Any]) -> Told:
    """An event as the relay posts it."""
    return Told(
        media_id=int(event["media_id"]),
        version=event["version"],
        topic=event["topic"],
        payload=event["payload"],
        at=event["arrived_at"],
    )


def media_of(key: str) -> int:
    """The media whose rendition lies at m/<media_id>/<file>."""
    return int(key.split("/")[1])


def list_made(stack: Stack) -> Iterator[str]:
    """The keys of all renditions in the bucket."""
    settings = stack.settings
    for page in connect_s3(settings).get_paginator("list_objects_v2").paginate(Bucket=settings.s3_bucket, Prefix=MADE):
        yield from (found["Key"] for found in page.get("Contents", ()))


def fetch_all(stack: Stack, keys: Sequence[str]) -> Mapping[str, Content]:
    """What lies at these keys, every byte read."""
    settings = stack.settings
    store = connect_s3(settings)

    def fetch(key: str) -> Content:
        data = store.get_object(Bucket=settings.s3_bucket, Key=key)["Body"].read()
        return Content(bytes=len(data), crc32=zlib.crc32(data))

    with ThreadPoolExecutor(FETCHERS) as threads:
        return dict(zip(keys, threads.map(fetch, keys), strict=True))


@contextmanager
def asking(stack: Stack) -> Iterator[psycopg2.extras.RealDictCursor]:
    """A cursor of the ledger's owner, straight at PostgreSQL."""
    with closing(psycopg2.connect(stack.environment["DARKROOM_MIGRATIONS_URL"], connect_timeout=2)) as connection:
        connection.autocommit = True
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            yield cursor


def _rows(
    ask: psycopg2.extras.RealDictCursor, table: str, columns: Iterable[str], by: str, ids: Sequence[int]
) -> list[dict[str, Any]]:
    ask.execute(f"SELECT {', '.join(columns)} FROM darkroom.{table} WHERE {by} = ANY (%s)", (list(ids),))  # noqa: S608
    return [dict(row) for row in ask.fetchall()]
