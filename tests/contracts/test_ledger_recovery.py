"""What every ledger promises of jobs that went astray: sweeps, releases, recalls, cancelling, retrying."""

import pytest

from jobs.errors import Rejected
from jobs.job import JobState, Lane

MANY = 10_000

# Sweeping


def test_a_ticket_that_nobody_claimed_is_due_after_30_seconds_and_then_every_60(subject):
    job_id = subject.submit().job_id
    due = []

    for seconds in (29, 2, 58, 3):
        subject.pass_seconds(seconds)
        due.append(subject.swept())

    assert due == [[], [(job_id, 0)], [], [(job_id, 0)]]


def test_an_expired_lease_is_noted_and_the_job_is_due_at_once(subject):
    job = subject.start()
    subject.pass_seconds(61)

    assert subject.swept() == [(job.job_id, 1)]

    (attempt,) = subject.ledger.attempts(job.job_id)
    assert (attempt.outcome, attempt.worker, attempt.fence) == ("lease_expired", subject.worker, 1)
    assert subject.ledger.status(job.job_id).code == "lease_expired"


@pytest.mark.parametrize("outcome", ["lease_expired", "released"])
def test_a_job_that_was_left_unfinished_five_times_is_dead(subject, outcome):
    job_id = subject.submit().job_id

    for attempt in range(1, 6):
        assert subject.ledger.status(job_id).state == JobState.QUEUED
        worker = f"{subject.worker}:{attempt}"
        subject.claim(job_id, worker)
        if outcome == "released":
            subject.ledger.release(worker)
        else:
            subject.pass_seconds(61)
            subject.swept()

    assert subject.ledger.status(job_id).state == JobState.DEAD
    assert [attempt.outcome for attempt in subject.ledger.attempts(job_id)] == [outcome] * 5
    assert [event.topic for event in subject.events()] == ["media.failed"]


def test_a_job_outlives_any_number_of_workers_that_were_asked_to_leave(subject):
    job_id = subject.submit().job_id

    for _ in range(7):
        subject.claim(job_id)
        subject.ledger.release(subject.worker, counted=False)
        subject.swept()

    assert subject.ledger.status(job_id).state == JobState.QUEUED
    assert [attempt.outcome for attempt in subject.ledger.attempts(job_id)] == ["released"] * 7


def test_many_failures_do_not_make_one_lost_lease_deadly(subject):
    job_id = subject.submit().job_id
    for _ in range(7):
        subject.fail(subject.claim(job_id), JobState.QUEUED)
        subject.swept()

    subject.claim(job_id)
    subject.ledger.release(subject.worker)

    assert subject.ledger.status(job_id).state == JobState.QUEUED


def test_a_worker_that_leaves_gives_back_its_jobs_and_no_others(subject):
    leaving, staying = f"leaving:{subject.owner_id}", f"staying:{subject.owner_id}"
    mine = subject.claim(subject.submit("mine").job_id, leaving)
    other = subject.claim(subject.submit("other").job_id, staying)

    assert subject.ledger.release(leaving) == 1

    assert subject.swept() == [(mine.job_id, 1)]
    assert [attempt.outcome for attempt in subject.ledger.attempts(mine.job_id)] == ["released"]
    assert not subject.ledger.beat(mine, 60)
    assert subject.ledger.beat(other, 60)


def test_a_recall_makes_every_queued_job_due_but_for_those_in_their_retry_delay(subject):
    queued = subject.submit("queued").job_id
    subject.start("running")
    subject.fail(subject.start("waiting"), JobState.QUEUED, delay_seconds=100)

    assert subject.ledger.recall(MANY) >= 1

    assert subject.swept() == [(queued, 0)]


def test_a_recall_goes_on_where_the_last_one_stopped_and_says_when_it_is_done(subject):
    jobs = [subject.submit(f"key {number}").job_id for number in range(7)]

    assert subject.ledger.recall(3) == 3
    while subject.ledger.recall(3) == 3:
        pass

    assert subject.swept() == [(job_id, 0) for job_id in jobs]


# Cancelling and retrying


def test_a_cancelled_job_takes_its_workers_fence_away(subject):
    job = subject.start()

    assert subject.ledger.cancel(job.job_id) == JobState.CANCELLED

    assert not subject.ledger.beat(job, 60)
    assert not subject.ledger.finish(job, subject.publication(job.media_id))
    assert [attempt.outcome for attempt in subject.ledger.attempts(job.job_id)] == ["cancelled"]
    assert subject.ledger.media(job.media_id).state == "failed"
    assert [event.payload["state"] for event in subject.events()] == ["cancelled"]


def test_a_final_job_cannot_be_cancelled_and_says_what_it_is(subject):
    job = subject.start()
    subject.ledger.finish(job, subject.publication(job.media_id))

    assert subject.ledger.cancel(job.job_id) == JobState.DONE
    assert subject.ledger.media(job.media_id).state == "ready"


def test_a_retried_job_counts_its_failures_anew_and_its_fence_on(subject):
    job_id = subject.submit().job_id
    subject.fail(subject.claim(job_id), JobState.QUEUED)
    for _ in range(5):
        subject.claim(job_id)
        subject.ledger.release(subject.worker)
    assert subject.ledger.status(job_id).state == JobState.DEAD

    ticket = subject.ledger.retry(job_id)
    job = subject.claim(job_id)
    subject.ledger.release(subject.worker)

    assert (ticket.job_id, ticket.attempt, ticket.lane) == (job_id, 6, Lane.INTERACTIVE)
    assert (job.fence, job.failures) == (7, {})
    assert subject.ledger.status(job_id).state == JobState.QUEUED


def test_a_retried_job_can_still_publish_its_media(subject):
    job = subject.start()
    subject.fail(job, JobState.REJECTED)

    subject.ledger.retry(job.job_id)
    assert subject.ledger.media(job.media_id).state == "pending"
    subject.ledger.finish(subject.claim(job.job_id), subject.publication(job.media_id))

    assert subject.ledger.media(job.media_id).state == "ready"
    assert [(event.topic, event.version) for event in subject.events()] == [("media.failed", 0), ("media.ready", 1)]


def test_only_a_job_that_ended_badly_can_be_retried(subject):
    job = subject.start()
    subject.ledger.finish(job, subject.publication(job.media_id))

    for job_id in (job.job_id, subject.submit("queued").job_id, subject.start("running").job_id):
        with pytest.raises(Rejected) as refusal:
            subject.ledger.retry(job_id)
        assert refusal.value.code == "not_final"
