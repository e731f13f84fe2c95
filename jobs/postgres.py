"""The ledger in PostgreSQL: all SQL that the application sends. The steps themselves are in jobs/migrations."""

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from config import Settings
from jobs.connection import Connection
from jobs.errors import Rejected
from jobs.job import (
    LARGEST_ID,
    Attempt,
    Event,
    Job,
    JobState,
    JobStatus,
    Lane,
    Media,
    Order,
    OwnLook,
    Publication,
    Receipt,
    Ticket,
)
from jobs.looks import check_look
from jobs.places import compact, expand

# The columns of what is read stand in the order of the fields of the dataclass that they become.
JOBS = """
SELECT job_id, media_id, owner_id, function, lane, ladder, recipe, state, fence AS attempts, code, reason,
    submitted_at, started_at, finished_at, due_at,
    CASE WHEN state = 'running' THEN progress END AS progress,
    CASE WHEN state = 'running' AND progress > 0
         THEN extract(epoch FROM now() - started_at)::float * (1 - progress) / progress END AS eta_seconds
FROM darkroom.jobs
"""
# The values are put in before the statement is planned, so conditions on nothing fold away and the indexes serve. Ids
# begin with their time, and that bound ends the walk down the primary key.
NEWEST_FIRST = """
WHERE (%(state)s IS NULL OR state = %(state)s)
    AND (%(since)s IS NULL OR (submitted_at >= %(since)s AND job_id >= darkroom.first_id(%(since)s)))
ORDER BY job_id DESC LIMIT %(limit)s
"""
ATTEMPTS = """
SELECT fence, worker, started_at, ended_at, outcome, code, reason, timings
FROM darkroom.attempts WHERE job_id = %s ORDER BY fence
"""
COUNTS = """
SELECT state, count(*) FROM darkroom.jobs WHERE open GROUP BY state
UNION ALL
SELECT state, count(*) FROM darkroom.jobs WHERE state IN ('rejected', 'dead', 'cancelled') GROUP BY state
UNION ALL
SELECT 'events', count(*) FROM darkroom.outbox
"""
MEDIA = """
SELECT media_id, owner_id, function, state, source_key, generation, encode(sha256, 'hex') AS sha256, width, height,
    facts, recipe, renditions, created_at, ready_at
FROM darkroom.media WHERE media_id = %s
"""
EARLIER_GENERATIONS = """
SELECT m.media_id, m.owner_id, m.function, 'ready' AS state, m.source_key, g.generation,
    encode(g.sha256, 'hex') AS sha256, g.width, g.height, g.facts, g.recipe, g.renditions, m.created_at, g.ready_at
FROM darkroom.generations g JOIN darkroom.media m USING (media_id) WHERE g.media_id = %s
"""
LOOKS = "SELECT name, octet_length(data) AS bytes, encode(sha256, 'hex') AS sha256, added_at FROM darkroom.looks"
SOON_SECONDS = 3.0  # for an answer to what is said again soon, or by somebody who leaves: a lease can expire instead
EVENTS = "SELECT seq, topic, owner_id, media_id, version, payload, created_at FROM darkroom.take_events(%s)"


class PostgresLedger:
    """`jobs.ledger.Ledger` on PostgreSQL, through PgBouncer in transaction mode.

    Threads may share one, and a forked child may go on using it. A call that gets no answer raises LedgerUnavailable
    after 12 s, a beat or a release after 3 s; it may have been carried out, or may yet be.

    A call whose connection is cut may have been committed all the same. It is sent once more, and the second one finds

    * submit: its own job, by the key; claim: its own lease, by the worker's name, which is therefore to be of one life
      of one process; finish and fail: their own attempt, by the fence; beat, publish_part,
      cancel, delete_media, add_look: nothing to change;
    * release, recall: what is left to do, so the count is too low.

    retry, rollback and relay are not sent again: after LedgerUnavailable, look whether they were carried out. Nor is
    sweep: what it took is due again in a minute, or at the next recall.
    """

    def __init__(self, dsn: str, connect_timeout_seconds: float = 3.0) -> None:
        self._connection = Connection(dsn, connect_timeout_seconds)

    @classmethod
    def from_settings(cls, settings: Settings) -> "PostgresLedger":
        """The ledger that the settings name. It connects when it is first asked."""
        return cls(settings.database_url, settings.connect_timeout_seconds)

    def submit(self, order: Order) -> Receipt:
        """Write the job once per (owner, function, key)."""
        further = order.media_id and _possible(order.media_id, "unknown_media")
        job_id, media_id, state, fence, lane, created = self._step(
            "SELECT * FROM darkroom.submit(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(order.owner_id, order.function, order.key, order.source_key, order.ladder, order.lane, further),
            None if order.recipe is None else _json(order.recipe),
            list(order.mandatory),
        )
        ticket = _ticket((job_id, fence, order.function, lane))
        return Receipt(job_id=job_id, media_id=media_id, state=JobState(state), created=created, ticket=ticket)

    def claim(self, job_id: int, worker: str, lease_seconds: float) -> Job | None:
        """Take a job, or take up the lease that this worker has on it."""
        query = "SELECT * FROM darkroom.claim_order(%s, %s, %s)"
        for row in self._connection.rows(query, (job_id, worker, lease_seconds)):
            columns = _named(Job, row)
            return Job(**columns | {"lane": Lane(columns["lane"]), "mandatory": tuple(columns["mandatory"])})
        return None

    def beat(self, job: Job, lease_seconds: float, progress: float | None = None) -> bool:
        """Renew the lease, and tell how much is done."""
        query, parameters = "SELECT darkroom.beat(%s, %s, %s, %s)", (job.job_id, job.fence, lease_seconds, progress)
        ((renewed,),) = self._connection.rows(query, parameters, seconds=SOON_SECONDS)
        return bool(renewed)

    def publish_part(self, job: Job, publication: Publication) -> bool:
        """Publish what makes the media usable, unless it shows something complete, or of a later order."""
        query = "SELECT darkroom.publish_part(%s, %s, %s, %s, %s, %s, %s)"
        (current,) = self._step(query, *_published(job, publication))
        return bool(current)

    def finish(self, job: Job, publication: Publication) -> bool:
        """Publish. A job that was asked for before what is published already is done without it, as `superseded`."""
        (finished,) = self._step(
            "SELECT darkroom.finish(%s, %s, %s, %s, %s, %s, %s, %s)",
            *_published(job, publication),
            _json(publication.timings),
        )
        return bool(finished)

    def fail(self, job: Job, *, code: str, reason: str, then: JobState, delay_seconds: float = 0.0) -> bool:
        """Note a failed attempt, and settle the job or queue it again."""
        (noted,) = self._step(
            "SELECT darkroom.fail(%s, %s, %s, %s, %s, %s)",
            *(job.job_id, job.fence, code, reason, then, delay_seconds),
        )
        return bool(noted)

    def release(self, worker: str, *, counted: bool = True) -> int:
        """Give back this worker's leases. A job that was left unfinished five times is dead."""
        query = "SELECT darkroom.release(%s, %s)"
        ((released,),) = self._connection.rows(query, (worker, counted), seconds=SOON_SECONDS)
        return int(released)

    def sweep(self, limit: int) -> list[Ticket]:
        """Expire leases and return what is due; it is due again in a minute, unless it is claimed."""
        rows = self._connection.rows("SELECT * FROM darkroom.sweep(%s)", (limit,), repeatable=False)
        return [_ticket(row) for row in rows]

    def recall(self, limit: int) -> int:
        """Make queued jobs due now, but not those that wait for their retry delay."""
        (recalled,) = self._step("SELECT darkroom.recall(%s)", limit)
        return int(recalled)

    def cancel(self, job_id: int) -> JobState:
        """Cancel a job that is not final; its worker finds its fence stale."""
        (state,) = self._step("SELECT darkroom.cancel(%s)", _possible(job_id, "unknown_job"))
        return JobState(state)

    def retry(self, job_id: int) -> Ticket:
        """Queue a settled job again. It keeps its turn: it does not replace what was asked for after it."""
        known = _possible(job_id, "unknown_job")
        rows = self._connection.rows("SELECT * FROM darkroom.retry(%s)", (known,), repeatable=False)
        return _ticket(rows[0])

    def status(self, job_id: int) -> JobStatus:
        """One job."""
        for row in self._connection.rows(JOBS + "WHERE job_id = %s", (job_id,)):
            return _status(row)
        raise Rejected("unknown_job", f"there is no job {job_id}")

    def attempts(self, job_id: int) -> list[Attempt]:
        """The job's finished attempts, oldest first."""
        return [Attempt(**_named(Attempt, row)) for row in self._connection.rows(ATTEMPTS, (job_id,))]

    def jobs(self, *, state: JobState | None = None, since: datetime | None = None, limit: int) -> list[JobStatus]:
        """Jobs, newest first."""
        asked = {"state": state, "since": since, "limit": limit}
        return [_status(row) for row in self._connection.rows(JOBS + NEWEST_FIRST, asked)]

    def counts(self) -> dict[str, int]:
        """How many jobs stand in each state but `done`, and how many events wait."""
        states = {state.value: 0 for state in JobState if state != JobState.DONE}
        return states | dict(self._connection.rows(COUNTS))

    def media(self, media_id: int) -> Media:
        """One media."""
        for row in self._connection.rows(MEDIA, (media_id,)):
            return _media(row)
        raise Rejected("unknown_media", f"there is no media {media_id}")

    def generations(self, media_id: int) -> list[Media]:
        """What was published, oldest first; the last is what the record shows."""
        query = f"{EARLIER_GENERATIONS} UNION ALL {MEDIA} AND generation > 0 AND state <> 'deleted' ORDER BY generation"
        return [_media(row) for row in self._connection.rows(query, (media_id, media_id))]

    def rollback(self, media_id: int, generation: int) -> Media:
        """Publish an earlier generation again."""
        known = [_possible(number, "unknown_generation") for number in (media_id, generation)]
        self._connection.rows("SELECT darkroom.rollback(%s, %s)", known, repeatable=False)
        return self.media(media_id)

    def delete_media(self, media_id: int) -> Media:
        """Delete a media for ever, and note what is to be removed."""
        self._step("SELECT darkroom.delete_media(%s)", _possible(media_id, "unknown_media"))
        return self.media(media_id)

    def is_removed(self, source_key: str) -> bool:
        """Whether this original was removed."""
        query = "SELECT EXISTS (SELECT FROM darkroom.removed_originals WHERE source_key = %s)"
        ((removed,),) = self._connection.rows(query, (source_key,))
        return bool(removed)

    def add_look(self, name: str, data: bytes) -> None:
        """Keep a look for ever; the same bytes again change nothing."""
        check_look(name, data)
        self._step("SELECT darkroom.add_look(%s, %s)", name, data)

    def look(self, name: str) -> bytes:
        """The bytes of a look of one's own."""
        for (data,) in self._connection.rows("SELECT data FROM darkroom.looks WHERE name = %s", (name,)):
            return bytes(data)
        raise Rejected("unknown_look", f"there is no look {name} in the ledger; `darkroom look add` adds one")

    def has_look(self, name: str) -> bool:
        """Whether the look was added."""
        query = "SELECT EXISTS (SELECT FROM darkroom.looks WHERE name = %s)"
        ((there,),) = self._connection.rows(query, (name,))
        return bool(there)

    def looks(self) -> list[OwnLook]:
        """The looks of one's own, by name."""
        return [OwnLook(**_named(OwnLook, row)) for row in self._connection.rows(f"{LOOKS} ORDER BY name")]

    def relay(self, publish: Callable[[Sequence[Event]], None], limit: int) -> int:
        """Publish and forget the oldest events in one transaction.

        It holds this ledger's connection: `publish` must not call the same ledger, and other threads wait for it.
        """
        with self._connection.transaction() as run:
            events = [Event(**_named(Event, row)) for row in run(EVENTS, (limit,))]
            if events:
                publish(events)
        return len(events)

    def _step(self, query: str, *parameters: Any) -> tuple[Any, ...]:
        """The one row of a step's answer."""
        return self._connection.rows(query, parameters)[0]


def _possible(number: int, code: str) -> int:
    """The number, if a bigint holds it. PostgreSQL would look for a step that takes larger ones, and find none."""
    if abs(number) > LARGEST_ID:
        raise Rejected(code, f"{number} is beyond every id")
    return number


def _named(record: type, row: tuple[Any, ...]) -> dict[str, Any]:
    return {field.name: value for field, value in zip(fields(record), row, strict=True)}


def _ticket(row: tuple[Any, ...]) -> Ticket:
    columns = _named(Ticket, row)
    return Ticket(**columns | {"lane": Lane(columns["lane"])})


def _status(row: tuple[Any, ...]) -> JobStatus:
    columns = _named(JobStatus, row)
    return JobStatus(**columns | {"lane": Lane(columns["lane"]), "state": JobState(columns["state"])})


def _media(row: tuple[Any, ...]) -> Media:
    columns = _named(Media, row)
    return Media(**columns | {"renditions": expand(columns["renditions"], columns["media_id"])})


def _published(job: Job, publication: Publication) -> tuple[Any, ...]:
    """The parameters of every step that publishes."""
    renditions = compact(publication.renditions, job.media_id)
    size = (publication.width, publication.height)
    return job.job_id, job.fence, publication.sha256, *size, _json(publication.facts), _json(renditions)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
