"""What every ledger promises: the same test over the twin in memory and PostgreSQL behind PgBouncer."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from jobs.errors import Rejected
from jobs.job import Event, Job, JobState, Lane, Media, Order, Publication, Receipt, Rendition
from jobs.ledger import Ledger
from jobs.memory import MemoryLedger
from jobs.postgres import PostgresLedger

WORKER = "host:41:7f3a"
MANY = 10_000


@dataclass(kw_only=True)
class Subject:
    """A ledger as two clients see it, an owner nobody else has, and a way to let time pass for that owner's jobs."""

    ledger: Ledger
    beside: Ledger
    owner_id: int
    pass_seconds: Callable[[float], None]
    told: list[Event]

    def order(self, key: str = "first", **changes: Any) -> Order:
        return Order(**{"owner_id": self.owner_id, "key": key, "source_key": f"originals/{self.owner_id}"} | changes)

    def submit(self, key: str = "first", **changes: Any) -> Receipt:
        return self.ledger.submit(self.order(key, **changes))

    def claim(self, job_id: int, worker: str = WORKER, lease_seconds: float = 60.0) -> Job:
        job = self.ledger.claim(job_id, worker, lease_seconds)
        assert job is not None
        return job

    def start(self, key: str = "first", **changes: Any) -> Job:
        return self.claim(self.submit(key, **changes).job_id)

    def publish(self, key: str = "first", mark: str = "a", **changes: Any) -> Media:
        job = self.start(key, **changes)
        assert self.ledger.finish(job, publication(job.media_id, mark))
        return self.ledger.media(job.media_id)

    def fail(self, job: Job, then: JobState, code: str = "store_unavailable", **more: Any) -> bool:
        return self.ledger.fail(job, code=code, reason="it broke", then=then, **more)

    def swept(self) -> list[tuple[int, int]]:
        """The owner's tickets that are due: job and attempt."""
        jobs = {status.job_id for status in self.ledger.jobs(limit=MANY) if status.owner_id == self.owner_id}
        return sorted((t.job_id, t.attempt) for t in self.ledger.sweep(MANY) if t.job_id in jobs)

    def events(self) -> list[Event]:
        """The owner's events since the last look, in the order of the outbox."""
        self.told.clear()
        while self.ledger.relay(self.told.extend, MANY):
            pass
        return [event for event in self.told if event.owner_id == self.owner_id]


def memory_subject(owner_id: int) -> Subject:
    now = [datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)]

    def pass_seconds(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)

    ledger = MemoryLedger(clock=lambda: now[0])
    return Subject(ledger=ledger, beside=ledger, owner_id=owner_id, pass_seconds=pass_seconds, told=[])


def postgres_subject(owner_id: int, settings: Any) -> Subject:
    def pass_seconds(seconds: float) -> None:
        """The database's clock cannot be turned, so what is due comes nearer."""
        with closing(psycopg2.connect(settings.migrations_url)) as owner, owner, owner.cursor() as cursor:
            shift = "UPDATE darkroom.jobs SET due_at = due_at - %s * interval '1 second' WHERE owner_id = %s"
            cursor.execute(shift, (seconds, owner_id))

    ledger, beside = PostgresLedger(settings.database_url), PostgresLedger(settings.database_url)
    return Subject(ledger=ledger, beside=beside, owner_id=owner_id, pass_seconds=pass_seconds, told=[])


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.server)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    owner_id = secrets.randbelow(1 << 48)
    if request.param == "memory":
        yield memory_subject(owner_id)
        return
    subject = postgres_subject(owner_id, request.getfixturevalue("stack").settings)
    yield subject
    for status in subject.ledger.jobs(limit=MANY):
        if status.owner_id == owner_id:
            subject.ledger.cancel(status.job_id)


def publication(media_id: int, mark: str = "a") -> Publication:
    """Something to publish whose every value depends on the mark."""
    size = 900 + ord(mark)
    key = f"m/{media_id}/{mark}"
    renditions = (
        Rendition(name="w1080", width=size, height=720, bytes=9 * size, crc32=2**32 - 1, key=f"{key}1.jpg"),
        Rendition(name="w320", width=320, height=213, bytes=size, crc32=0, key=f"{key}2.jpg"),
        Rendition(name="s150", width=150, height=150, bytes=size, crc32=7, key=f"{key}3.jpg"),
    )
    return Publication(
        sha256=mark.encode().hex() * 32,
        width=4032,
        height=3024,
        facts={"dominant": f"#{ord(mark):06x}", "taken_at": None},
        renditions=renditions,
        timings={"decode_cpu_ms": 31.25, "encode_cpu_ms": 8.5},
    )


# Submitting


def test_a_new_order_makes_a_queued_job_and_a_pending_media(subject: Subject) -> None:
    receipt = subject.submit(lane=Lane.BATCH, ladder="standard")

    status = subject.ledger.status(receipt.job_id)
    media = subject.ledger.media(receipt.media_id)
    assert receipt.created
    assert (receipt.state, status.state, status.attempts) == (JobState.QUEUED, JobState.QUEUED, 0)
    assert (status.lane, status.ladder, status.function) == (Lane.BATCH, "standard", "photo")
    assert (status.media_id, status.owner_id) == (receipt.media_id, subject.owner_id)
    assert (status.started_at, status.finished_at, status.code, status.reason) == (None, None, None, None)
    assert (media.state, media.generation, media.renditions, media.sha256) == ("pending", 0, (), None)
    assert (media.source_key, media.owner_id) == (subject.order().source_key, subject.owner_id)


def test_the_ticket_names_the_job_and_how_often_it_was_claimed(subject: Subject) -> None:
    receipt = subject.submit(lane=Lane.BATCH)
    first = (receipt.ticket.job_id, receipt.ticket.attempt, receipt.ticket.function, receipt.ticket.lane)
    subject.claim(receipt.job_id)

    assert first == (receipt.job_id, 0, "photo", Lane.BATCH)
    assert subject.submit(lane=Lane.BATCH).ticket.attempt == 1


def test_the_same_key_is_the_same_job_whatever_became_of_it(subject: Subject) -> None:
    media = subject.publish("holiday")

    again = subject.submit("holiday")

    assert (again.created, again.media_id, again.state) == (False, media.media_id, JobState.DONE)


def test_the_same_key_of_another_owner_or_function_is_another_job(subject: Subject) -> None:
    receipts = [subject.submit(), subject.submit(owner_id=subject.owner_id + 1), subject.submit(function="poster")]

    assert all(receipt.created for receipt in receipts)
    assert len({receipt.job_id for receipt in receipts}) == len({receipt.media_id for receipt in receipts}) == 3


def test_a_key_cannot_be_used_for_another_original(subject: Subject) -> None:
    subject.submit("holiday")

    with pytest.raises(Rejected) as refusal:
        subject.submit("holiday", source_key="originals/other")
    assert refusal.value.code == "key_reused"


def test_a_key_may_have_200_characters_and_no_more(subject: Subject) -> None:
    subject.submit("é" * 200)

    with pytest.raises(Rejected) as refusal:
        subject.submit("é" * 201)
    assert refusal.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("what", "shift"),
    [("media_id", 1), ("owner_id", 1), ("source_key", "/other")],
    ids=["no such media", "of another owner", "of another original"],
)
def test_a_further_generation_is_of_the_owners_own_media_and_original(subject: Subject, what: str, shift: Any) -> None:
    media = subject.publish()

    with pytest.raises(Rejected) as refusal:
        subject.submit("again", **{"media_id": media.media_id, what: getattr(media, what) + shift})
    assert refusal.value.code == "unknown_media"


# Claiming


def test_a_claim_gives_the_whole_job_and_counts_the_attempt(subject: Subject) -> None:
    receipt = subject.submit(lane=Lane.BATCH)

    job = subject.ledger.claim(receipt.job_id, WORKER, 60)

    assert job == Job(
        job_id=receipt.job_id,
        media_id=receipt.media_id,
        owner_id=subject.owner_id,
        function="photo",
        source_key=subject.order().source_key,
        ladder="standard",
        lane=Lane.BATCH,
        fence=1,
        attempt=1,
    )
    assert subject.ledger.status(receipt.job_id).state == JobState.RUNNING


def test_nobody_else_can_claim_what_is_running(subject: Subject) -> None:
    job = subject.start()

    assert subject.ledger.claim(job.job_id, "another", 60) is None


def test_a_worker_that_did_not_hear_the_answer_claims_again_and_finds_its_own_lease(subject: Subject) -> None:
    job = subject.start()

    assert subject.claim(job.job_id) == job
    assert subject.ledger.status(job.job_id).attempts == 1


def test_a_worker_whose_lease_has_ended_is_too_late_to_claim_again(subject: Subject) -> None:
    job = subject.start()
    subject.pass_seconds(61)

    assert subject.ledger.claim(job.job_id, WORKER, 60) is None


@pytest.mark.parametrize("final", [JobState.REJECTED, JobState.DEAD])
def test_a_settled_job_cannot_be_claimed(subject: Subject, final: JobState) -> None:
    job = subject.start()
    subject.fail(job, final)

    assert subject.ledger.claim(job.job_id, WORKER, 60) is None


def test_a_job_that_does_not_exist_cannot_be_claimed(subject: Subject) -> None:
    assert subject.ledger.claim(1 << 62, WORKER, 60) is None


def test_a_beat_keeps_the_lease_alive(subject: Subject) -> None:
    job = subject.start()
    subject.pass_seconds(50)

    assert subject.ledger.beat(job, 60)
    subject.pass_seconds(50)
    assert subject.swept() == []


# Finishing


def test_finishing_publishes_the_record(subject: Subject) -> None:
    job = subject.start()
    made = publication(job.media_id)

    assert subject.ledger.finish(job, made)

    media = subject.ledger.media(job.media_id)
    assert (media.state, media.generation) == ("ready", 1)
    assert (media.sha256, media.width, media.height) == (made.sha256, made.width, made.height)
    assert (media.facts, media.renditions) == (made.facts, made.renditions)
    assert media.ready_at is not None
    assert subject.ledger.status(job.job_id).state == JobState.DONE


def test_finishing_notes_the_attempt_with_its_timings(subject: Subject) -> None:
    job = subject.start()
    subject.ledger.finish(job, publication(job.media_id))

    (attempt,) = subject.ledger.attempts(job.job_id)
    assert (attempt.fence, attempt.worker, attempt.outcome) == (1, WORKER, "done")
    assert attempt.timings == publication(job.media_id).timings
    assert attempt.started_at <= attempt.ended_at


def test_a_finish_whose_reply_was_lost_is_recognised_and_told_once(subject: Subject) -> None:
    job = subject.start()
    subject.ledger.finish(job, publication(job.media_id))

    assert subject.ledger.finish(job, publication(job.media_id))
    assert subject.ledger.media(job.media_id).generation == 1
    assert [event.topic for event in subject.events()] == ["media.ready"]


def test_a_stale_fence_writes_nothing(subject: Subject) -> None:
    stale = subject.start()
    subject.pass_seconds(61)
    subject.swept()
    fresh = subject.claim(stale.job_id, "another")
    before = subject.ledger.status(stale.job_id), subject.ledger.media(stale.media_id)

    assert not subject.ledger.finish(stale, publication(stale.media_id))
    assert not subject.ledger.beat(stale, 3600)
    assert not subject.fail(stale, JobState.DEAD)
    assert (subject.ledger.status(stale.job_id), subject.ledger.media(stale.media_id)) == before
    assert subject.events() == []
    assert subject.ledger.finish(fresh, publication(stale.media_id))


# Failing


def test_a_failed_attempt_waits_for_its_delay_and_comes_again(subject: Subject) -> None:
    job = subject.start()

    assert subject.fail(job, JobState.QUEUED, delay_seconds=100)

    status = subject.ledger.status(job.job_id)
    assert (status.state, status.code, status.reason) == (JobState.QUEUED, "store_unavailable", "it broke")
    assert subject.ledger.claim(job.job_id, WORKER, 60) is None
    subject.pass_seconds(99)
    assert subject.swept() == []
    subject.pass_seconds(2)
    assert subject.swept() == [(job.job_id, 1)]
    assert subject.claim(job.job_id).attempt == 2


@pytest.mark.parametrize(("then", "outcome"), [(JobState.REJECTED, "rejected"), (JobState.DEAD, "failed")])
def test_a_job_that_ends_badly_says_why_and_fails_its_media(subject: Subject, then: JobState, outcome: str) -> None:
    job = subject.start()

    assert subject.fail(job, then, code="too_many_pixels")

    status = subject.ledger.status(job.job_id)
    (attempt,) = subject.ledger.attempts(job.job_id)
    (event,) = subject.events()
    assert (status.state, status.code, status.reason) == (then, "too_many_pixels", "it broke")
    assert (attempt.outcome, attempt.code, attempt.reason) == (outcome, "too_many_pixels", "it broke")
    assert subject.ledger.media(job.media_id).state == "failed"
    assert (event.topic, event.media_id, event.version) == ("media.failed", job.media_id, 0)
    assert event.payload == {
        "job_id": job.job_id, "generation": 0, "state": then, "code": "too_many_pixels", "reason": "it broke"
    }  # fmt: skip


def test_a_failure_whose_reply_was_lost_is_recognised(subject: Subject) -> None:
    job = subject.start()
    subject.fail(job, JobState.DEAD)

    assert subject.fail(job, JobState.DEAD)
    assert len(subject.ledger.attempts(job.job_id)) == len(subject.events()) == 1


def test_a_ready_media_stays_ready_when_a_further_generation_fails(subject: Subject) -> None:
    media = subject.publish()
    subject.events()

    subject.fail(subject.start("again", media_id=media.media_id), JobState.DEAD)

    assert subject.ledger.media(media.media_id) == media
    assert subject.events() == []


def test_a_media_fails_only_with_the_last_of_its_jobs(subject: Subject) -> None:
    first = subject.start()
    second = subject.start("again", media_id=first.media_id)

    subject.fail(second, JobState.REJECTED)
    assert subject.ledger.media(first.media_id).state == "pending"
    subject.fail(first, JobState.DEAD)
    assert subject.ledger.media(first.media_id).state == "failed"


def test_a_failed_media_is_pending_again_with_a_further_order(subject: Subject) -> None:
    job = subject.start()
    subject.fail(job, JobState.DEAD)

    subject.submit("again", media_id=job.media_id)

    assert subject.ledger.media(job.media_id).state == "pending"


# Sweeping


def test_a_ticket_that_nobody_claimed_is_due_after_30_seconds_and_then_every_60(subject: Subject) -> None:
    job_id = subject.submit().job_id
    due = []

    for seconds in (29, 2, 58, 3):
        subject.pass_seconds(seconds)
        due.append(subject.swept())

    assert due == [[], [(job_id, 0)], [], [(job_id, 0)]]


def test_an_expired_lease_is_noted_and_the_job_is_due_at_once(subject: Subject) -> None:
    job = subject.start()
    subject.pass_seconds(61)

    assert subject.swept() == [(job.job_id, 1)]

    (attempt,) = subject.ledger.attempts(job.job_id)
    assert (attempt.outcome, attempt.worker, attempt.fence) == ("lease_expired", WORKER, 1)
    assert subject.ledger.status(job.job_id).code == "lease_expired"


@pytest.mark.parametrize("outcome", ["lease_expired", "released"])
def test_a_job_that_was_left_unfinished_five_times_is_dead(subject: Subject, outcome: str) -> None:
    job_id = subject.submit().job_id

    for attempt in range(1, 6):
        assert subject.ledger.status(job_id).state == JobState.QUEUED
        worker = f"{WORKER}:{attempt}"
        subject.claim(job_id, worker)
        if outcome == "released":
            subject.ledger.release(worker)
        else:
            subject.pass_seconds(61)
            subject.swept()

    assert subject.ledger.status(job_id).state == JobState.DEAD
    assert [attempt.outcome for attempt in subject.ledger.attempts(job_id)] == [outcome] * 5
    assert [event.topic for event in subject.events()] == ["media.failed"]


def test_many_failures_do_not_make_one_lost_lease_deadly(subject: Subject) -> None:
    job_id = subject.submit().job_id
    for _ in range(7):
        subject.fail(subject.claim(job_id), JobState.QUEUED)
        subject.swept()

    subject.claim(job_id)
    subject.ledger.release(WORKER)

    assert subject.ledger.status(job_id).state == JobState.QUEUED


def test_a_worker_that_leaves_gives_back_its_jobs_and_no_others(subject: Subject) -> None:
    leaving, staying = f"leaving:{subject.owner_id}", f"staying:{subject.owner_id}"
    mine = subject.claim(subject.submit("mine").job_id, leaving)
    other = subject.claim(subject.submit("other").job_id, staying)

    assert subject.ledger.release(leaving) == 1

    assert subject.swept() == [(mine.job_id, 1)]
    assert [attempt.outcome for attempt in subject.ledger.attempts(mine.job_id)] == ["released"]
    assert not subject.ledger.beat(mine, 60)
    assert subject.ledger.beat(other, 60)


def test_a_recall_makes_every_queued_job_due_but_for_those_in_their_retry_delay(subject: Subject) -> None:
    queued = subject.submit("queued").job_id
    subject.start("running")
    subject.fail(subject.start("waiting"), JobState.QUEUED, delay_seconds=100)

    assert subject.ledger.recall() >= 1

    assert subject.swept() == [(queued, 0)]


# Cancelling and retrying


def test_a_cancelled_job_takes_its_workers_fence_away(subject: Subject) -> None:
    job = subject.start()

    assert subject.ledger.cancel(job.job_id) == JobState.CANCELLED

    assert not subject.ledger.beat(job, 60)
    assert not subject.ledger.finish(job, publication(job.media_id))
    assert [attempt.outcome for attempt in subject.ledger.attempts(job.job_id)] == ["cancelled"]
    assert subject.ledger.media(job.media_id).state == "failed"
    assert [event.payload["state"] for event in subject.events()] == ["cancelled"]


def test_a_final_job_cannot_be_cancelled_and_says_what_it_is(subject: Subject) -> None:
    job = subject.start()
    subject.ledger.finish(job, publication(job.media_id))

    assert subject.ledger.cancel(job.job_id) == JobState.DONE
    assert subject.ledger.media(job.media_id).state == "ready"


def test_a_retried_job_counts_its_attempts_anew_and_its_fence_on(subject: Subject) -> None:
    job_id = subject.submit().job_id
    for _ in range(5):
        subject.claim(job_id)
        subject.ledger.release(WORKER)
    assert subject.ledger.status(job_id).state == JobState.DEAD

    ticket = subject.ledger.retry(job_id)
    job = subject.claim(job_id)
    subject.ledger.release(WORKER)

    assert (ticket.job_id, ticket.attempt, ticket.lane) == (job_id, 5, Lane.INTERACTIVE)
    assert (job.fence, job.attempt) == (6, 1)
    assert subject.ledger.status(job_id).state == JobState.QUEUED


def test_a_retried_job_can_still_publish_its_media(subject: Subject) -> None:
    job = subject.start()
    subject.fail(job, JobState.REJECTED)

    subject.ledger.retry(job.job_id)
    assert subject.ledger.media(job.media_id).state == "pending"
    subject.ledger.finish(subject.claim(job.job_id), publication(job.media_id))

    assert subject.ledger.media(job.media_id).state == "ready"
    assert [(event.topic, event.version) for event in subject.events()] == [("media.failed", 0), ("media.ready", 1)]


def test_only_a_job_that_ended_badly_can_be_retried(subject: Subject) -> None:
    job = subject.start()
    subject.ledger.finish(job, publication(job.media_id))

    for job_id in (job.job_id, subject.submit("queued").job_id, subject.start("running").job_id):
        with pytest.raises(Rejected) as refusal:
            subject.ledger.retry(job_id)
        assert refusal.value.code == "not_final"


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda ledger: ledger.status(1 << 62), "unknown_job"),
        (lambda ledger: ledger.cancel(1 << 62), "unknown_job"),
        (lambda ledger: ledger.retry(1 << 62), "unknown_job"),
        (lambda ledger: ledger.media(1 << 62), "unknown_media"),
        (lambda ledger: ledger.rollback(1 << 62, 1), "unknown_generation"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(subject: Subject, ask: Callable[[Ledger], Any], code: str) -> None:
    with pytest.raises(Rejected) as refusal:
        ask(subject.ledger)
    assert refusal.value.code == code


# Generations


def test_each_publication_is_a_further_generation_and_the_earlier_ones_are_kept(subject: Subject) -> None:
    first = subject.publish("first", "a")
    second = subject.publish("second", "b", media_id=first.media_id)

    assert (second.generation, second.sha256) == (2, publication(first.media_id, "b").sha256)
    assert subject.ledger.generations(first.media_id) == [first, second]


def test_a_media_that_was_never_published_has_no_generations(subject: Subject) -> None:
    assert subject.ledger.generations(subject.submit().media_id) == []


def test_a_rollback_publishes_an_earlier_generation_as_a_new_one(subject: Subject) -> None:
    first = subject.publish("first", "a")
    second = subject.publish("second", "b", media_id=first.media_id)
    subject.events()

    rolled_back = subject.ledger.rollback(first.media_id, 1)

    (event,) = subject.events()
    assert rolled_back == replace(first, generation=3, ready_at=rolled_back.ready_at)
    assert subject.ledger.generations(first.media_id) == [first, second, rolled_back]
    assert (event.topic, event.version) == ("media.ready", 3)
    assert event.payload == {"generation": 3, "rolled_back_to": 1}


@pytest.mark.parametrize("generation", [0, 2, 3])
def test_only_an_earlier_generation_can_be_rolled_back_to(subject: Subject, generation: int) -> None:
    media = subject.publish("first", "a")
    subject.publish("second", "b", media_id=media.media_id)

    with pytest.raises(Rejected) as refusal:
        subject.ledger.rollback(media.media_id, generation)
    assert refusal.value.code == "unknown_generation"


def test_an_older_job_that_finishes_late_does_not_replace_what_was_asked_for_after_it(subject: Subject) -> None:
    older = subject.start("older")
    newer = subject.start("newer", media_id=older.media_id)
    subject.ledger.finish(newer, publication(older.media_id, "n"))
    subject.events()

    assert subject.ledger.finish(older, publication(older.media_id, "o"))

    status = subject.ledger.status(older.job_id)
    media = subject.ledger.media(older.media_id)
    assert (status.state, status.code) == (JobState.DONE, "superseded")
    assert (media.generation, media.sha256) == (1, publication(older.media_id, "n").sha256)
    assert subject.events() == []


def test_a_job_that_was_asked_for_before_a_rollback_does_not_undo_it(subject: Subject) -> None:
    first = subject.publish("first", "a")
    subject.publish("second", "b", media_id=first.media_id)
    late = subject.start("late", media_id=first.media_id)
    subject.ledger.rollback(first.media_id, 1)

    subject.ledger.finish(late, publication(first.media_id, "l"))
    assert subject.ledger.media(first.media_id).sha256 == first.sha256
    assert subject.publish("after", "z", media_id=first.media_id).generation == 4


# Events


def test_every_publication_is_told_with_the_generation_as_its_version(subject: Subject) -> None:
    job = subject.start()
    subject.ledger.finish(job, publication(job.media_id))
    subject.publish("second", "b", media_id=job.media_id)

    first, second = subject.events()
    assert (first.topic, first.media_id, first.owner_id) == ("media.ready", job.media_id, subject.owner_id)
    assert first.payload == {"job_id": job.job_id, "generation": 1}
    assert (first.version, second.version) == (1, 2)
    assert first.seq < second.seq
    assert first.created_at is not None


def test_events_that_could_not_be_published_come_again(subject: Subject) -> None:
    subject.publish()

    def refuse(events: Any) -> None:
        raise ConnectionError("the reader is away")

    with pytest.raises(ConnectionError):
        subject.ledger.relay(refuse, MANY)
    assert [event.topic for event in subject.events()] == ["media.ready"]
    assert subject.events() == []


def test_a_relay_takes_no_more_than_it_was_asked_to(subject: Subject) -> None:
    subject.events()
    subject.publish("first")
    subject.publish("second")
    batches: list[int] = []

    while subject.ledger.relay(lambda events: batches.append(len(events)), 1):
        pass

    assert set(batches) == {1}


def test_while_one_relay_publishes_another_has_nothing_to_do(subject: Subject) -> None:
    subject.events()
    subject.publish("first")
    subject.publish("second")
    beside: list[int] = []

    subject.ledger.relay(lambda events: beside.append(subject.beside.relay(subject.told.extend, MANY)), 1)

    assert beside == [0]
    assert len(subject.events()) == 1


# Looking


def test_jobs_are_listed_newest_first_by_state_and_time(subject: Subject) -> None:
    start = subject.ledger.status(subject.submit("first").job_id).submitted_at
    dead = subject.start("dead")
    subject.fail(dead, JobState.DEAD)
    last = subject.submit("last").job_id

    def listed(**by: Any) -> list[int]:
        found = subject.ledger.jobs(**{"limit": MANY} | by)
        return [status.job_id for status in found if status.owner_id == subject.owner_id]

    assert [listed()[0], listed()[1]] == [last, dead.job_id]
    assert listed(state=JobState.DEAD) == [dead.job_id]
    assert len(listed(since=start)) == 3
    assert listed(since=start + timedelta(hours=1)) == []
    assert len(subject.ledger.jobs(limit=2)) == 2


def test_the_counts_are_of_every_state_but_done_and_of_the_waiting_events(subject: Subject) -> None:
    before = subject.ledger.counts()
    subject.publish("done")
    subject.submit("queued")
    subject.start("running")
    subject.fail(subject.start("dead"), JobState.DEAD)
    after = subject.ledger.counts()

    assert set(after) == {"queued", "running", "rejected", "dead", "cancelled", "events"}
    grown = {name: after[name] - before[name] for name in ("queued", "running", "dead", "events")}
    assert grown == {"queued": 1, "running": 1, "dead": 1, "events": 2}
