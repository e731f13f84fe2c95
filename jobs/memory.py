"""The ledger's twin in memory, for tests: the same behaviour, one process, a clock that a test can turn."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Lock

from jobs.errors import Rejected
from jobs.job import Attempt, Event, Job, JobState, JobStatus, Media, Order, OwnLook, Publication, Receipt, Ticket
from jobs.looks import check_look
from jobs.memory_tables import (
    TICKET_LOST_SECONDS,
    Tables,
    published,
    refuse_deleted,
)

TICKET_LOST_AGAIN_SECONDS = 60  # after a sweep
MOST_PROGRESS = 0.99  # of a job that is not done
LONGEST_KEY = 200


class MemoryLedger:
    """`jobs.ledger.Ledger` in memory. `clock` is what the database's clock is to the real one. Threads may share it."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.tables = Tables(clock)
        self._looks: dict[str, tuple[OwnLook, bytes]] = {}
        self._relay_lock = Lock()

    def submit(self, order: Order) -> Receipt:
        """Write the job once per (owner, function, key)."""
        if len(order.key) > LONGEST_KEY or "\0" in order.key or order.key.encode(errors="ignore").decode() != order.key:
            raise Rejected("invalid_request", f"the key {order.key!r} is longer than {LONGEST_KEY} or cannot be stored")
        with self.tables.lock:
            known = self.tables.find(order)
            job = known or self.tables.write(order)
            return Receipt(
                job_id=job.job_id, media_id=job.media_id, state=job.state, created=not known, ticket=job.ticket
            )

    def claim(self, job_id: int, worker: str, lease_seconds: float) -> Job | None:
        """Take a job, or take up the lease that this worker has on it."""
        with self.tables.lock:
            job, now = self.tables.jobs.get(job_id), self.tables.clock()
            if job is None:
                return None
            if job.state == JobState.QUEUED and not (job.waits and job.due_at > now):
                job.fence += 1
                job.state, job.worker, job.started_at, job.waits = JobState.RUNNING, worker, now, False
                job.progress = None
            elif not (job.state == JobState.RUNNING and job.worker == worker and job.due_at > now):
                return None
            job.due_at = now + timedelta(seconds=lease_seconds)
            source_key = self.tables.media[job.media_id].record.source_key
            claimed: Job = job.as_record(Job, source_key=source_key, failures=dict(job.failures))
            return claimed

    def beat(self, job: Job, lease_seconds: float, progress: float | None = None) -> bool:
        """Renew the lease, and tell how much is done."""
        with self.tables.lock:
            held = self.tables.held(job)
            if held:
                held.due_at = self.tables.clock() + timedelta(seconds=lease_seconds)
                if progress is not None:
                    held.progress = min(max(progress, 0.0), MOST_PROGRESS)
            return held is not None

    def publish_part(self, job: Job, publication: Publication) -> bool:
        """Publish what makes the media usable, unless it shows something complete, or of a later order."""
        with self.tables.lock:
            held = self.tables.held(job)
            if held is None:
                return False
            media = self.tables.media[held.media_id]
            shown = published(media.record, publication, held.recipe, "usable")
            other = media.shown_turn == held.turn and replace(shown, state=media.record.state) != media.record
            if media.record.state in ("pending", "usable") and (media.shown_turn < held.turn or other):
                media.shown_turn = held.turn
                self.tables.publish(media, shown, "media.usable", job_id=held.job_id)
            return True

    def finish(self, job: Job, publication: Publication) -> bool:
        """Publish. A job that was asked for before what is published already is done without it, as `superseded`."""
        with self.tables.lock:
            held = self.tables.held(job)
            if held is None:
                return self.tables.was_noted(job, "done")
            self.tables.settle(held, JobState.DONE)
            self.tables.note(held, "done", timings=publication.timings)
            media = self.tables.media[held.media_id]
            own_part = media.shown_turn == held.turn and media.record.state == "usable"
            if media.shown_turn < held.turn or own_part:
                media.open_jobs -= 1
                media.shown_turn = held.turn
                shown = published(media.record, publication, held.recipe, "ready")
                self.tables.publish(media, replace(shown, ready_at=self.tables.clock()), job_id=held.job_id)
            else:
                held.code, held.reason = "superseded", "what was asked for later is published already"
                self.tables.give_up(held)
            return True

    def fail(self, job: Job, *, code: str, reason: str, then: JobState, delay_seconds: float = 0.0) -> bool:
        """Note a failed attempt, and settle the job or queue it again."""
        outcome = "rejected" if then == JobState.REJECTED else "failed"
        with self.tables.lock:
            held = self.tables.held(job)
            if held is None:
                return self.tables.was_noted(job, outcome)
            self.tables.settle(held, then, code, reason)
            self.tables.note(held, outcome, code=code, reason=reason)
            held.failures[code] += 1
            held.waits = then == JobState.QUEUED
            held.due_at = self.tables.clock() + timedelta(seconds=delay_seconds)
            if then.final:
                self.tables.give_up(held)
            return True

    def release(self, worker: str, *, counted: bool = True) -> int:
        """Give back this worker's leases. A job that was left unfinished five times is dead."""
        with self.tables.lock:
            held = [job for job in self.tables.jobs.values() if job.state == JobState.RUNNING and job.worker == worker]
            for job in held:
                self.tables.lose_lease(job, "released", counted=counted)
            return len(held)

    def sweep(self, limit: int) -> list[Ticket]:
        """Expire leases and return what is due; it is due again in a minute, unless it is claimed."""
        with self.tables.lock:
            for job in self.tables.due(JobState.RUNNING)[:limit]:
                self.tables.lose_lease(job, "lease_expired", counted=True)
            due = self.tables.due(JobState.QUEUED)[:limit]
            for job in due:
                job.due_at = self.tables.clock() + timedelta(seconds=TICKET_LOST_AGAIN_SECONDS)
                job.waits = False
            return [job.ticket for job in due]

    def recall(self, limit: int) -> int:
        """Make queued jobs due now, but not those that wait for their retry delay."""
        with self.tables.lock:
            now = self.tables.clock()
            queued = [job for job in self.tables.jobs.values() if job.state == JobState.QUEUED and not job.waits]
            later = sorted((job for job in queued if job.due_at > now), key=lambda job: job.due_at)[:limit]
            for job in later:
                job.due_at = now
            return len(later)

    def cancel(self, job_id: int) -> JobState:
        """Cancel a job that is not final; its worker finds its fence stale."""
        with self.tables.lock:
            job = self.tables.known(job_id)
            if not job.state.final:
                if job.state == JobState.RUNNING:
                    self.tables.note(job, "cancelled")
                self.tables.settle(job, JobState.CANCELLED, job.code, job.reason)
                self.tables.give_up(job)
            return job.state

    def retry(self, job_id: int) -> Ticket:
        """Queue a settled job again. It keeps its turn: it does not replace what was asked for after it."""
        with self.tables.lock:
            job = self.tables.known(job_id)
            if job.state not in (JobState.REJECTED, JobState.DEAD, JobState.CANCELLED):
                raise Rejected("not_final", f"job {job_id} is {job.state}: only one that ended badly can be retried")
            refuse_deleted(self.tables.media[job.media_id])
            self.tables.open(self.tables.media[job.media_id])
            job.state, job.waits, job.lost_leases = JobState.QUEUED, False, 0
            job.failures.clear()
            job.finished_at, job.due_at = None, self.tables.clock() + timedelta(seconds=TICKET_LOST_SECONDS)
            return job.ticket

    def status(self, job_id: int) -> JobStatus:
        """One job."""
        with self.tables.lock:
            return self.tables.known(job_id).status(self.tables.clock())

    def attempts(self, job_id: int) -> list[Attempt]:
        """The job's finished attempts, oldest first."""
        with self.tables.lock:
            return list(self.tables.jobs[job_id].attempts) if job_id in self.tables.jobs else []

    def jobs(self, *, state: JobState | None = None, since: datetime | None = None, limit: int) -> list[JobStatus]:
        """Jobs, newest first."""
        with self.tables.lock:
            statuses = [job.status(self.tables.clock()) for job in reversed(self.tables.jobs.values())]
        wanted = (s for s in statuses if state in (None, s.state) and (since is None or s.submitted_at >= since))
        return list(wanted)[:limit]

    def counts(self) -> dict[str, int]:
        """How many jobs stand in each state but `done`, and how many events wait."""
        with self.tables.lock:
            states = [job.state for job in self.tables.jobs.values()]
            return {s.value: states.count(s) for s in JobState if s != JobState.DONE} | {
                "events": len(self.tables.outbox)
            }

    def media(self, media_id: int) -> Media:
        """One media."""
        if media_id not in self.tables.media:
            raise Rejected("unknown_media", f"there is no media {media_id}")
        return self.tables.media[media_id].record

    def generations(self, media_id: int) -> list[Media]:
        """What was published, oldest first; the last is what the record shows."""
        return list(self.tables.media[media_id].generations) if media_id in self.tables.media else []

    def rollback(self, media_id: int, generation: int) -> Media:
        """Publish an earlier generation again."""
        with self.tables.lock:
            if media_id in self.tables.media:
                refuse_deleted(self.tables.media[media_id])
            earlier = {media.generation: media for media in self.generations(media_id)[:-1]}
            if generation not in earlier:
                raise Rejected("unknown_generation", f"media {media_id} has no earlier generation {generation}")
            media = self.tables.media[media_id]
            media.turns += 1
            media.shown_turn = media.turns
            self.tables.publish(
                media, replace(earlier[generation], ready_at=self.tables.clock()), rolled_back_to=generation
            )
            return media.record

    def delete_media(self, media_id: int) -> Media:
        """Delete a media for ever, and note what is to be removed."""
        with self.tables.lock:
            record = self.media(media_id)
            if record.state != "deleted":
                self.tables.drop_media(self.tables.media[media_id])
            return self.media(media_id)

    def is_removed(self, source_key: str) -> bool:
        """Whether this original was removed."""
        return source_key in self.tables.removed_originals

    def add_look(self, name: str, data: bytes) -> None:
        """Keep a look for ever; the same bytes again change nothing."""
        check_look(name, data)
        sha256 = hashlib.sha256(data).hexdigest()
        with self.tables.lock:
            added = OwnLook(name=name, bytes=len(data), sha256=sha256, added_at=self.tables.clock())
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
        with self.tables.lock:
            return [self._looks[name][0] for name in sorted(self._looks)]

    def relay(self, publish: Callable[[Sequence[Event]], None], limit: int) -> int:
        """Publish and forget the oldest events."""
        if not self._relay_lock.acquire(blocking=False):
            return 0
        try:
            events = self.tables.outbox[:limit]
            if events:
                publish(events)
            with self.tables.lock:
                del self.tables.outbox[: len(events)]
            return len(events)
        finally:
            self._relay_lock.release()
