"""The tables of the ledger's twin in memory, and the steps on them that several of its verbs share."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any

from jobs.errors import Rejected
from jobs.inventory import Removal
from jobs.job import Attempt, Event, Job, JobState, JobStatus, Media, Order, Publication, Ticket

TICKET_LOST_SECONDS = 30  # after submit
LATE_SECONDS = 5  # after a lease, within which its worker has put what it was putting
MOST_LOST_LEASES = 5


@dataclass(kw_only=True)
class MediaRow:
    """The row of a media, with its generations, the last of which it shows."""

    record: Media
    turns: int = 1
    shown_turn: int = 0
    open_jobs: int = 1
    generations: list[Media] = field(default_factory=list)


@dataclass(kw_only=True)
class JobRow:
    """The row of a job; for what each column is for see jobs/migrations."""

    order: Order
    job_id: int
    media_id: int
    recipe: Mapping[str, Any]
    turn: int
    submitted_at: datetime
    due_at: datetime
    state: JobState = JobState.QUEUED
    fence: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    lost_leases: int = 0
    waits: bool = False
    worker: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: float | None = None
    code: str | None = None
    reason: str | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def ticket(self) -> Ticket:
        """What Gearman is to carry."""
        return Ticket(job_id=self.job_id, attempt=self.fence, function=self.order.function, lane=self.order.lane)

    def status(self, now: datetime) -> JobStatus:
        """As anybody may see it."""
        progress = self.progress if self.state == JobState.RUNNING else None
        passed_seconds = (now - self.started_at).total_seconds() if self.started_at else 0.0
        eta_seconds = passed_seconds * (1 - progress) / progress if progress else None
        status: JobStatus = self.as_record(JobStatus, progress=progress, eta_seconds=eta_seconds)
        return status

    def as_record(self, record: type, **more: Any) -> Any:
        """A Job, JobStatus or Attempt: each field from here, from the order, or given."""
        known = {**vars(self.order), **vars(self), "attempts": self.fence, **more}
        return record(**{part.name: known[part.name] for part in fields(record)})


@dataclass(kw_only=True)
class RemovalRow:
    """What is to be removed, and when next."""

    removal: Removal
    media_id: int | None
    asked_at: datetime
    due_at: datetime
    late_at: datetime | None = None  # of one pass more: then the lease has ended of whoever was at it


class Tables:
    """All that the twin holds. Every step is called with the `lock` held."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.ids = count(1)
        self.seqs = count(1)
        self.jobs: dict[int, JobRow] = {}
        self.media: dict[int, MediaRow] = {}
        self.outbox: list[Event] = []
        self.removals: dict[tuple[str, bool], RemovalRow] = {}
        self.removed_originals: set[str] = set()
        self.lock = Lock()

    def find(self, order: Order) -> JobRow | None:
        """The job that this key is of."""
        for job in self.jobs.values():
            if (job.order.owner_id, job.order.function, job.order.key) == (order.owner_id, order.function, order.key):
                if self.media[job.media_id].record.source_key != order.source_key:
                    raise Rejected("key_reused", f"key {order.key} belongs to job {job.job_id} on another original")
                if order.recipe not in (None, job.recipe):
                    raise Rejected("key_reused", f"key {order.key} belongs to job {job.job_id} with another recipe")
                return job
        return None

    def write(self, order: Order) -> JobRow:
        """A new job, with its media if that is new."""
        now = self.clock()
        media = self.new_media(order, now) if order.media_id is None else self.further_turn(order)
        job = JobRow(
            order=order,
            job_id=next(self.ids),
            media_id=media.record.media_id,
            recipe=self.last_recipe(media) if order.recipe is None else order.recipe,
            turn=media.turns,
            submitted_at=now,
            due_at=now + timedelta(seconds=TICKET_LOST_SECONDS),
        )
        self.jobs[job.job_id] = job
        return job

    def new_media(self, order: Order, now: datetime) -> MediaRow:
        """A media that has shown nothing yet. Raises Rejected `original_removed`."""
        if order.source_key in self.removed_originals:
            raise Rejected("original_removed", f"the original {order.source_key} was removed: upload the file again")
        record = Media(
            media_id=next(self.ids),
            owner_id=order.owner_id,
            function=order.function,
            state="pending",
            source_key=order.source_key,
            generation=0,
            sha256=None,
            width=None,
            height=None,
            facts={},
            recipe={},
            renditions=(),
            created_at=now,
            ready_at=None,
        )
        self.media[record.media_id] = MediaRow(record=record)
        return self.media[record.media_id]

    def further_turn(self, order: Order) -> MediaRow:
        """The order's media, with one more job."""
        media = self.media.get(order.media_id or 0)
        wanted = (order.owner_id, order.source_key)
        if media and media.record.owner_id == order.owner_id:
            refuse_deleted(media)
        if media is None or (media.record.owner_id, media.record.source_key) != wanted:
            raise Rejected("unknown_media", f"owner {order.owner_id} has no media {order.media_id} of this original")
        if media.record.function != order.function:
            raise Rejected("wrong_function", f"media {order.media_id} is a {media.record.function} and stays one")
        media.turns += 1
        self.open(media)
        return media

    def last_recipe(self, media: MediaRow) -> Mapping[str, Any]:
        """By which it was last asked for."""
        jobs = [job for job in self.jobs.values() if job.media_id == media.record.media_id]
        asked = [job.recipe for job in jobs if not job.state.final and job.turn > media.shown_turn]
        if asked or not jobs:
            return asked[-1] if asked else {}
        return media.record.recipe if media.record.generation else jobs[-1].recipe

    def known(self, job_id: int) -> JobRow:
        """The job. Raises Rejected `unknown_job`."""
        if job_id not in self.jobs:
            raise Rejected("unknown_job", f"there is no job {job_id}")
        return self.jobs[job_id]

    def held(self, job: Job) -> JobRow | None:
        """The job, if this fence is still the newest."""
        held = self.jobs.get(job.job_id)
        return held if held and held.state == JobState.RUNNING and held.fence == job.fence else None

    def due(self, state: JobState) -> list[JobRow]:
        """The jobs in this state that somebody must look at, the longest due first."""
        due = [job for job in self.jobs.values() if job.state == state and job.due_at <= self.clock()]
        return sorted(due, key=lambda job: job.due_at)

    def settle(self, job: JobRow, state: JobState, code: str | None = None, reason: str | None = None) -> None:
        """Move the job to a state."""
        job.state, job.code, job.reason = state, code, reason
        job.finished_at = self.clock() if state.final else None

    def note(self, job: JobRow, outcome: str, **more: Any) -> None:
        """Keep the attempt that has ended."""
        nothing: dict[str, Any] = {"code": None, "reason": None, "timings": {}}
        job.attempts.append(job.as_record(Attempt, outcome=outcome, ended_at=self.clock(), **nothing | more))

    def was_noted(self, job: Job, outcome: str) -> bool:
        """Whether this very attempt ended so."""
        known = self.jobs.get(job.job_id)
        return known is not None and (job.fence, outcome) in [(a.fence, a.outcome) for a in known.attempts]

    def lose_lease(self, job: JobRow, outcome: str, *, counted: bool) -> None:
        """Queue a job whose worker is gone, or count it as dead."""
        job.lost_leases += counted
        state = JobState.DEAD if job.lost_leases >= MOST_LOST_LEASES else JobState.QUEUED
        self.settle(job, state, outcome, f"{job.worker} left attempt {job.fence} unfinished")
        self.note(job, outcome)
        job.due_at = self.clock()
        if state.final:
            self.give_up(job)

    def give_up(self, job: JobRow) -> None:
        """What a job that came to nothing means to its media."""
        media = self.media[job.media_id]
        media.open_jobs -= 1
        why = {"job_id": job.job_id, "state": job.state, "code": job.code, "reason": job.reason}
        if media.open_jobs == 0 and media.record.state == "pending":
            media.record = replace(media.record, state="failed")
            self.tell(media, "media.failed", **why)
        if media.open_jobs == 0 and media.record.state == "usable":
            self.publish(media, media.record, "media.incomplete", **why)

    def open(self, media: MediaRow) -> None:
        """Count one more job that may publish."""
        media.open_jobs += 1
        if media.record.state == "failed":
            media.record = replace(media.record, state="pending")

    def publish(self, media: MediaRow, shown: Media, topic: str = "media.ready", **payload: Any) -> None:
        """Show it as the next generation."""
        if media.record.state == "usable":
            media.generations.pop()  # nothing to go back to
        media.record = replace(shown, generation=media.record.generation + 1)
        media.generations.append(media.record)
        self.tell(media, topic, **payload)

    def tell(self, media: MediaRow, topic: str, **payload: Any) -> None:
        """Write an event."""
        event = Event(
            seq=next(self.seqs),
            topic=topic,
            owner_id=media.record.owner_id,
            media_id=media.record.media_id,
            version=media.record.generation,
            payload={"generation": media.record.generation, **payload},
            created_at=self.clock(),
        )
        self.outbox.append(event)

    def late_at(self, media_id: int) -> datetime | None:
        """When no worker has a lease on a job of this media any more, nor puts what it was putting; None: none has."""
        ended = [
            job.due_at + timedelta(seconds=LATE_SECONDS)
            for job in self.jobs.values()
            if job.media_id == media_id and job.fence and job.state in (JobState.RUNNING, JobState.CANCELLED)
        ]
        return max((moment for moment in ended if moment > self.clock()), default=None)

    def drop_jobs(self, media_id: int) -> None:
        """Cancel a media's jobs, free their keys and forget their recipes."""
        for job in self.jobs.values():
            if job.media_id == media_id:
                if job.state == JobState.RUNNING:
                    self.note(job, "cancelled")
                if not job.state.final:
                    self.settle(job, JobState.CANCELLED, job.code, job.reason)
                job.order = replace(job.order, key=f"deleted {job.job_id} {uuid.uuid4()}")
                job.recipe = {}

    def drop_media(self, media: MediaRow) -> None:
        """Leave a tombstone, cancel the jobs, and note what is to be removed."""
        late_at = self.late_at(media.record.media_id)
        self.drop_jobs(media.record.media_id)
        nothing: dict[str, Any] = {"sha256": None, "width": None, "height": None, "ready_at": None, "renditions": ()}
        generation = media.record.generation + 1
        media.record = replace(media.record, state="deleted", generation=generation, facts={}, recipe={}, **nothing)
        media.open_jobs = 0
        media.generations.clear()
        media_id = media.record.media_id
        self.note_place(Removal(place=f"m/{media_id}/", folder=True, passes=0), media_id, late_at)
        self.drop_original(media.record.source_key, media_id)
        self.tell(media, "media.deleted")

    def drop_original(self, source_key: str, media_id: int | None) -> bool:
        """Have an original removed, unless a media uses it."""
        records = [media.record for media in self.media.values()]
        used = any(record.source_key == source_key and record.state != "deleted" for record in records)
        if used or source_key.startswith("m/"):
            return False
        self.removed_originals.add(source_key)
        self.note_place(Removal(place=source_key, folder=False, passes=0), media_id)
        return True

    def note_place(self, removal: Removal, media_id: int | None, late_at: datetime | None = None) -> None:
        """Something is to be removed, from now on."""
        now = self.clock()
        row = RemovalRow(removal=removal, media_id=media_id, asked_at=now, due_at=now, late_at=late_at)
        self.removals[removal.place, removal.folder] = row


def refuse_deleted(media: MediaRow) -> None:
    """Raise Rejected `media_deleted` if it is."""
    if media.record.state == "deleted":
        raise Rejected("media_deleted", f"media {media.record.media_id} is deleted and stays so: upload the file again")


def published(record: Media, publication: Publication, recipe: Mapping[str, Any], state: str) -> Media:
    """The record as the publication makes it."""
    return replace(
        record,
        state=state,
        sha256=publication.sha256,
        width=publication.width,
        height=publication.height,
        facts=dict(publication.facts),
        recipe=dict(recipe),
        renditions=tuple(sorted(publication.renditions, key=lambda r: (-r.width, -r.height, r.name))),
    )
