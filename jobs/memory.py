"""The ledger's twin in memory, for tests: the same behaviour, one process, a clock that a test can turn."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any

from jobs.errors import Rejected
from jobs.job import Attempt, Event, Job, JobState, JobStatus, Media, Order, OwnLook, Publication, Receipt, Ticket
from jobs.looks import check_look

TICKET_LOST_SECONDS = 30  # after submit
TICKET_LOST_AGAIN_SECONDS = 60  # after a sweep
MOST_LOST_LEASES = 5
MOST_PROGRESS = 0.99  # of a job that is not done
LONGEST_KEY = 200


@dataclass(kw_only=True)
class _Media:
    record: Media
    turns: int = 1
    shown_turn: int = 0
    open_jobs: int = 1
    generations: list[Media] = field(default_factory=list)


@dataclass(kw_only=True)
class _Job:
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
        return record(**{field.name: known[field.name] for field in fields(record)})


class MemoryLedger:
    """`jobs.ledger.Ledger` in memory. `clock` is what the database's clock is to the real one. Threads may share it."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._ids = count(1)
        self._seqs = count(1)
        self._jobs: dict[int, _Job] = {}
        self._media: dict[int, _Media] = {}
        self._outbox: list[Event] = []
        self._looks: dict[str, tuple[OwnLook, bytes]] = {}
        self._lock = Lock()
        self._relay_lock = Lock()

    def submit(self, order: Order) -> Receipt:
        """Write the job once per (owner, function, key)."""
        if len(order.key) > LONGEST_KEY or "\0" in order.key or order.key.encode(errors="ignore").decode() != order.key:
            raise Rejected("invalid_request", f"the key {order.key!r} is longer than {LONGEST_KEY} or cannot be stored")
        with self._lock:
            known = self._find(order)
            job = known or self._write(order)
            return Receipt(
                job_id=job.job_id, media_id=job.media_id, state=job.state, created=not known, ticket=job.ticket
            )

    def claim(self, job_id: int, worker: str, lease_seconds: float) -> Job | None:
        """Take a job, or take up the lease that this worker has on it."""
        with self._lock:
            job, now = self._jobs.get(job_id), self._clock()
            if job is None:
                return None
            if job.state == JobState.QUEUED and not (job.waits and job.due_at > now):
                job.fence += 1
                job.state, job.worker, job.started_at, job.waits = JobState.RUNNING, worker, now, False
                job.progress = None
            elif not (job.state == JobState.RUNNING and job.worker == worker and job.due_at > now):
                return None
            job.due_at = now + timedelta(seconds=lease_seconds)
            source_key = self._media[job.media_id].record.source_key
            claimed: Job = job.as_record(Job, source_key=source_key, failures=dict(job.failures))
            return claimed

    def beat(self, job: Job, lease_seconds: float, progress: float | None = None) -> bool:
        """Renew the lease, and tell how much is done."""
        with self._lock:
            held = self._held(job)
            if held:
                held.due_at = self._clock() + timedelta(seconds=lease_seconds)
                if progress is not None:
                    held.progress = min(max(progress, 0.0), MOST_PROGRESS)
            return held is not None

    def publish_part(self, job: Job, publication: Publication) -> bool:
        """Publish what makes the media usable, unless it shows something complete, or of a later order."""
        with self._lock:
            held = self._held(job)
            if held is None:
                return False
            media = self._media[held.media_id]
            shown = _published(media.record, publication, held.recipe, "usable")
            other = media.shown_turn == held.turn and replace(shown, state=media.record.state) != media.record
            if media.record.state in ("pending", "usable") and (media.shown_turn < held.turn or other):
                media.shown_turn = held.turn
                self._publish(media, shown, "media.usable", job_id=held.job_id)
            return True

    def finish(self, job: Job, publication: Publication) -> bool:
        """Publish. A job that was asked for before what is published already is done without it, as `superseded`."""
        with self._lock:
            held = self._held(job)
            if held is None:
                return self._was_noted(job, "done")
            self._settle(held, JobState.DONE)
            self._note(held, "done", timings=publication.timings)
            media = self._media[held.media_id]
            own_part = media.shown_turn == held.turn and media.record.state == "usable"
            if media.shown_turn < held.turn or own_part:
                media.open_jobs -= 1
                media.shown_turn = held.turn
                shown = _published(media.record, publication, held.recipe, "ready")
                self._publish(media, replace(shown, ready_at=self._clock()), job_id=held.job_id)
            else:
                held.code, held.reason = "superseded", "what was asked for later is published already"
                self._give_up(held)
            return True

    def fail(self, job: Job, *, code: str, reason: str, then: JobState, delay_seconds: float = 0.0) -> bool:
        """Note a failed attempt, and settle the job or queue it again."""
        outcome = "rejected" if then == JobState.REJECTED else "failed"
        with self._lock:
            held = self._held(job)
            if held is None:
                return self._was_noted(job, outcome)
            self._settle(held, then, code, reason)
            self._note(held, outcome, code=code, reason=reason)
            held.failures[code] += 1
            held.waits = then == JobState.QUEUED
            held.due_at = self._clock() + timedelta(seconds=delay_seconds)
            if then.final:
                self._give_up(held)
            return True

    def release(self, worker: str, *, counted: bool = True) -> int:
        """Give back this worker's leases. A job that was left unfinished five times is dead."""
        with self._lock:
            held = [job for job in self._jobs.values() if job.state == JobState.RUNNING and job.worker == worker]
            for job in held:
                self._lose_lease(job, "released", counted=counted)
            return len(held)

    def sweep(self, limit: int) -> list[Ticket]:
        """Expire leases and return what is due; it is due again in a minute, unless it is claimed."""
        with self._lock:
            for job in self._due(JobState.RUNNING)[:limit]:
                self._lose_lease(job, "lease_expired", counted=True)
            due = self._due(JobState.QUEUED)[:limit]
            for job in due:
                job.due_at = self._clock() + timedelta(seconds=TICKET_LOST_AGAIN_SECONDS)
                job.waits = False
            return [job.ticket for job in due]

    def recall(self, limit: int) -> int:
        """Make queued jobs due now, but not those that wait for their retry delay."""
        with self._lock:
            now = self._clock()
            queued = [job for job in self._jobs.values() if job.state == JobState.QUEUED and not job.waits]
            later = sorted((job for job in queued if job.due_at > now), key=lambda job: job.due_at)[:limit]
            for job in later:
                job.due_at = now
            return len(later)

    def cancel(self, job_id: int) -> JobState:
        """Cancel a job that is not final; its worker finds its fence stale."""
        with self._lock:
            job = self._known(job_id)
            if not job.state.final:
                if job.state == JobState.RUNNING:
                    self._note(job, "cancelled")
                self._settle(job, JobState.CANCELLED, job.code, job.reason)
                self._give_up(job)
            return job.state

    def retry(self, job_id: int) -> Ticket:
        """Queue a settled job again. It keeps its turn: it does not replace what was asked for after it."""
        with self._lock:
            job = self._known(job_id)
            if job.state not in (JobState.REJECTED, JobState.DEAD, JobState.CANCELLED):
                raise Rejected("not_final", f"job {job_id} is {job.state}: only one that ended badly can be retried")
            self._open(self._media[job.media_id])
            job.state, job.waits, job.lost_leases = JobState.QUEUED, False, 0
            job.failures.clear()
            job.finished_at, job.due_at = None, self._clock() + timedelta(seconds=TICKET_LOST_SECONDS)
            return job.ticket

    def status(self, job_id: int) -> JobStatus:
        """One job."""
        with self._lock:
            return self._known(job_id).status(self._clock())

    def attempts(self, job_id: int) -> list[Attempt]:
        """The job's finished attempts, oldest first."""
        with self._lock:
            return list(self._jobs[job_id].attempts) if job_id in self._jobs else []

    def jobs(self, *, state: JobState | None = None, since: datetime | None = None, limit: int) -> list[JobStatus]:
        """Jobs, newest first."""
        with self._lock:
            statuses = [job.status(self._clock()) for job in reversed(self._jobs.values())]
        wanted = (s for s in statuses if state in (None, s.state) and (since is None or s.submitted_at >= since))
        return list(wanted)[:limit]

    def counts(self) -> dict[str, int]:
        """How many jobs stand in each state but `done`, and how many events wait."""
        with self._lock:
            states = [job.state for job in self._jobs.values()]
            return {s.value: states.count(s) for s in JobState if s != JobState.DONE} | {"events": len(self._outbox)}

    def media(self, media_id: int) -> Media:
        """One media."""
        if media_id not in self._media:
            raise Rejected("unknown_media", f"there is no media {media_id}")
        return self._media[media_id].record

    def generations(self, media_id: int) -> list[Media]:
        """What was published, oldest first; the last is what the record shows."""
        return list(self._media[media_id].generations) if media_id in self._media else []

    def rollback(self, media_id: int, generation: int) -> Media:
        """Publish an earlier generation again."""
        with self._lock:
            earlier = {media.generation: media for media in self.generations(media_id)[:-1]}
            if generation not in earlier:
                raise Rejected("unknown_generation", f"media {media_id} has no earlier generation {generation}")
            media = self._media[media_id]
            media.turns += 1
            media.shown_turn = media.turns
            self._publish(media, replace(earlier[generation], ready_at=self._clock()), rolled_back_to=generation)
            return media.record

    def add_look(self, name: str, data: bytes) -> None:
        """Keep a look for ever; the same bytes again change nothing."""
        check_look(name, data)
        sha256 = hashlib.sha256(data).hexdigest()
        with self._lock:
            added = OwnLook(name=name, bytes=len(data), sha256=sha256, added_at=self._clock())
            if self._looks.setdefault(name, (added, data))[0].sha256 != sha256:
                raise Rejected("look_exists", f"there is another look {name}: choose another name")

    def look(self, name: str) -> bytes:
        """The bytes of a look of one's own."""
        if name not in self._looks:
            raise Rejected("unknown_look", f"there is no look {name} in the ledger")
        return self._looks[name][1]

    def has_look(self, name: str) -> bool:
        """Whether the look was added."""
        return name in self._looks

    def looks(self) -> list[OwnLook]:
        """The looks of one's own, by name."""
        with self._lock:
            return [self._looks[name][0] for name in sorted(self._looks)]

    def relay(self, publish: Callable[[Sequence[Event]], None], limit: int) -> int:
        """Publish and forget the oldest events."""
        if not self._relay_lock.acquire(blocking=False):
            return 0
        try:
            events = self._outbox[:limit]
            if events:
                publish(events)
            with self._lock:
                del self._outbox[: len(events)]
            return len(events)
        finally:
            self._relay_lock.release()

    def _find(self, order: Order) -> _Job | None:
        for job in self._jobs.values():
            if (job.order.owner_id, job.order.function, job.order.key) == (order.owner_id, order.function, order.key):
                if self._media[job.media_id].record.source_key != order.source_key:
                    raise Rejected("key_reused", f"key {order.key} belongs to job {job.job_id} on another original")
                if order.recipe not in (None, job.recipe):
                    raise Rejected("key_reused", f"key {order.key} belongs to job {job.job_id} with another recipe")
                return job
        return None

    def _write(self, order: Order) -> _Job:
        now = self._clock()
        media = self._new_media(order, now) if order.media_id is None else self._further_turn(order)
        job = _Job(
            order=order,
            job_id=next(self._ids),
            media_id=media.record.media_id,
            recipe=self._last_recipe(media) if order.recipe is None else order.recipe,
            turn=media.turns,
            submitted_at=now,
            due_at=now + timedelta(seconds=TICKET_LOST_SECONDS),
        )
        self._jobs[job.job_id] = job
        return job

    def _new_media(self, order: Order, now: datetime) -> _Media:
        record = Media(
            media_id=next(self._ids),
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
        self._media[record.media_id] = _Media(record=record)
        return self._media[record.media_id]

    def _further_turn(self, order: Order) -> _Media:
        media = self._media.get(order.media_id or 0)
        wanted = (order.owner_id, order.source_key)
        if media is None or (media.record.owner_id, media.record.source_key) != wanted:
            raise Rejected("unknown_media", f"owner {order.owner_id} has no media {order.media_id} of this original")
        if media.record.function != order.function:
            raise Rejected("wrong_function", f"media {order.media_id} is a {media.record.function} and stays one")
        media.turns += 1
        self._open(media)
        return media

    def _last_recipe(self, media: _Media) -> Mapping[str, Any]:
        jobs = [job for job in self._jobs.values() if job.media_id == media.record.media_id]
        asked = [job.recipe for job in jobs if not job.state.final and job.turn > media.shown_turn]
        if asked or not jobs:
            return asked[-1] if asked else {}
        return media.record.recipe if media.record.generation else jobs[-1].recipe

    def _known(self, job_id: int) -> _Job:
        if job_id not in self._jobs:
            raise Rejected("unknown_job", f"there is no job {job_id}")
        return self._jobs[job_id]

    def _held(self, job: Job) -> _Job | None:
        """The job, if this fence is still the newest."""
        held = self._jobs.get(job.job_id)
        return held if held and held.state == JobState.RUNNING and held.fence == job.fence else None

    def _due(self, state: JobState) -> list[_Job]:
        due = [job for job in self._jobs.values() if job.state == state and job.due_at <= self._clock()]
        return sorted(due, key=lambda job: job.due_at)

    def _settle(self, job: _Job, state: JobState, code: str | None = None, reason: str | None = None) -> None:
        job.state, job.code, job.reason = state, code, reason
        job.finished_at = self._clock() if state.final else None

    def _note(self, job: _Job, outcome: str, **more: Any) -> None:
        nothing: dict[str, Any] = {"code": None, "reason": None, "timings": {}}
        job.attempts.append(job.as_record(Attempt, outcome=outcome, ended_at=self._clock(), **nothing | more))

    def _was_noted(self, job: Job, outcome: str) -> bool:
        known = self._jobs.get(job.job_id)
        return known is not None and (job.fence, outcome) in [(a.fence, a.outcome) for a in known.attempts]

    def _lose_lease(self, job: _Job, outcome: str, *, counted: bool) -> None:
        job.lost_leases += counted
        state = JobState.DEAD if job.lost_leases >= MOST_LOST_LEASES else JobState.QUEUED
        self._settle(job, state, outcome, f"{job.worker} left attempt {job.fence} unfinished")
        self._note(job, outcome)
        job.due_at = self._clock()
        if state.final:
            self._give_up(job)

    def _give_up(self, job: _Job) -> None:
        media = self._media[job.media_id]
        media.open_jobs -= 1
        why = {"job_id": job.job_id, "state": job.state, "code": job.code, "reason": job.reason}
        if media.open_jobs == 0 and media.record.state == "pending":
            media.record = replace(media.record, state="failed")
            self._tell(media, "media.failed", **why)
        if media.open_jobs == 0 and media.record.state == "usable":
            self._publish(media, media.record, "media.incomplete", **why)

    def _open(self, media: _Media) -> None:
        media.open_jobs += 1
        if media.record.state == "failed":
            media.record = replace(media.record, state="pending")

    def _publish(self, media: _Media, shown: Media, topic: str = "media.ready", **payload: Any) -> None:
        if media.record.state == "usable":
            media.generations.pop()  # nothing to go back to
        media.record = replace(shown, generation=media.record.generation + 1)
        media.generations.append(media.record)
        self._tell(media, topic, **payload)

    def _tell(self, media: _Media, topic: str, **payload: Any) -> None:
        event = Event(
            seq=next(self._seqs),
            topic=topic,
            owner_id=media.record.owner_id,
            media_id=media.record.media_id,
            version=media.record.generation,
            payload={"generation": media.record.generation, **payload},
            created_at=self._clock(),
        )
        self._outbox.append(event)


def _published(record: Media, publication: Publication, recipe: Mapping[str, Any], state: str) -> Media:
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
