"""The ledger: the truth about every job and media. One call is one transaction, on the database's clock."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from jobs.job import Attempt, Event, Job, JobState, JobStatus, Media, Order, OwnLook, Publication, Receipt, Ticket


class Ledger(Protocol):
    """What the truth can be asked and told. Every call may raise LedgerUnavailable; none blocks for long.

    `jobs.postgres.PostgresLedger` is the real one, `jobs.memory.MemoryLedger` its twin, and
    `tests/contracts/test_ledger.py` holds both to the same behaviour.
    """

    def submit(self, order: Order) -> Receipt:
        """Write the job (and its media, if new) once per (owner, function, key), whatever its ladder and lane.

        Without a recipe the media is made as it was last asked for: by the newest order that is still to be published,
        else by the recipe that it shows, else by that of its last order. A new media is not edited.

        Raises:
            Rejected: `unknown_media` if `order.media_id` is not this owner's; `media_deleted` if it was deleted;
                `wrong_function` if it is a photo and the order is for a clip, or the other way round; `key_reused` if
                the key belongs to a job on another original, or with another recipe than the order's, if it has one;
                `original_removed` if what lay at `order.source_key` was removed: its place is never used again.
        """

    def claim(self, job_id: int, worker: str, lease_seconds: float) -> Job | None:
        """Take a job: counts the attempt, gives its fence and failures. None: somebody else has it, or it is final."""

    def beat(self, job: Job, lease_seconds: float, progress: float | None = None) -> bool:
        """Renew the lease, and tell how much is done (0 to 1), if that is known.

        False: the fence is stale or the job was cancelled, so the work is to be dropped.
        """

    def publish_part(self, job: Job, publication: Publication) -> bool:
        """Publish what makes the media usable, and go on. False: the fence is stale, nothing written.

        A media that has shown something complete, or something of a later order, stays as it is until the job ends.
        """

    def finish(self, job: Job, publication: Publication) -> bool:
        """Publish: the media's next generation, the attempt, the event. False: the fence was stale, nothing written."""

    def fail(self, job: Job, *, code: str, reason: str, then: JobState, delay_seconds: float = 0.0) -> bool:
        """Count a failure of this code; `then` is QUEUED (after the delay), REJECTED or DEAD. False: stale fence."""

    def release(self, worker: str, *, counted: bool = True) -> int:
        """Give back at once every lease this worker holds, because it is leaving or has died. Returns how many.

        It counts against a job like an expired lease, unless the worker was asked to leave: then no job is at fault.
        """

    def sweep(self, limit: int) -> list[Ticket]:
        """Expire leases and return the tickets that are due again; dead-letter what has no attempt left."""

    def recall(self, limit: int) -> int:
        """Make queued jobs due now, because a job server lost its queue. Returns how many: below `limit`, it was all.

        Jobs that wait for their retry delay are left to wait.
        """

    def cancel(self, job_id: int) -> JobState:
        """Cancel a job that is not final. Returns its state now. Raises Rejected `unknown_job`."""

    def retry(self, job_id: int) -> Ticket:
        """Queue a rejected, dead or cancelled job again, its failures counted anew from here.

        Raises:
            Rejected: `unknown_job`, `media_deleted`, or `not_final` for a job that is queued, running or done.
        """

    def status(self, job_id: int) -> JobStatus:
        """One job. Raises Rejected `unknown_job`."""

    def attempts(self, job_id: int) -> list[Attempt]:
        """The job's finished attempts, oldest first."""

    def jobs(self, *, state: JobState | None = None, since: datetime | None = None, limit: int) -> list[JobStatus]:
        """Jobs, newest first."""

    def counts(self) -> dict[str, int]:
        """How many jobs stand in each state that is not `done`, and events wait in the outbox (`events`)."""

    def media(self, media_id: int) -> Media:
        """One media. Raises Rejected `unknown_media`."""

    def generations(self, media_id: int) -> list[Media]:
        """What was published for this media, oldest first, as the record stood after each.

        One that was only usable is listed as long as the record shows it.
        """

    def rollback(self, media_id: int, generation: int) -> Media:
        """Publish an earlier generation again, as a new one.

        Raises:
            Rejected: `unknown_generation`, or `media_deleted`.
        """

    def delete_media(self, media_id: int) -> Media:
        """Delete a media for ever; said again it changes nothing. Returns the tombstone that stays of it.

        Its jobs are cancelled and their keys free for other orders, its record and generations forgotten, and
        `media.deleted` is told. What the store has of it is noted as to be removed (see `jobs.inventory`), its original
        too, unless another media uses it. Raises Rejected `unknown_media`.
        """

    def is_removed(self, source_key: str) -> bool:
        """Whether an original was removed, and its place is never to be used again."""

    def add_look(self, name: str, data: bytes) -> None:
        """Keep a look of one's own, for ever, in the form that `filters.cube.pack` gives it.

        Raises:
            Rejected: `look_exists` if the name is taken by other bytes or a built-in look; `bad_look` if no look can
                be called so, or have so many bytes.
        """

    def look(self, name: str) -> bytes:
        """The bytes of a look of one's own. Raises Rejected `unknown_look`."""

    def has_look(self, name: str) -> bool:
        """Whether there is a look of one's own of this name."""

    def looks(self) -> list[OwnLook]:
        """The looks of one's own, by name."""

    def relay(self, publish: Callable[[Sequence[Event]], None], limit: int) -> int:
        """Hand the oldest events to `publish` in order and forget them if it returns. At most one relay at a time.

        Returns how many; 0 also when another relay holds the outbox.
        """
