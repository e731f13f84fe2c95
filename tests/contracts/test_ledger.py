"""What every ledger promises of a job."""

import pytest

from filters.recipe import canonical_json, parse_recipe
from jobs.errors import Rejected
from jobs.job import Job, JobState, Lane

RECIPE = {
    "geometry": {"rotate": 90, "crop": {"left": 0.333333, "width": 0.5}},
    "look": {"name": "clarendon", "strength": 80},
    "adjustments": {"warmth": 20, "fade": 12.3457, "tint_shadows": {"colour": "blue"}},
}

# Submitting


def test_a_new_order_makes_a_queued_job_and_a_pending_media(subject):
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


def test_the_ticket_names_the_job_and_how_often_it_was_claimed(subject):
    receipt = subject.submit(lane=Lane.BATCH)
    first = (receipt.ticket.job_id, receipt.ticket.attempt, receipt.ticket.function, receipt.ticket.lane)
    subject.claim(receipt.job_id)

    assert first == (receipt.job_id, 0, "photo", Lane.BATCH)
    assert subject.submit(lane=Lane.BATCH).ticket.attempt == 1


def test_the_same_key_is_the_same_job_whatever_became_of_it(subject):
    media = subject.publish("holiday")

    again = subject.submit("holiday")

    assert (again.created, again.media_id, again.state) == (False, media.media_id, JobState.DONE)


def test_the_same_key_of_another_owner_or_function_is_another_job(subject):
    receipts = [subject.submit(), subject.submit(owner_id=subject.owner_id + 1), subject.submit(function="poster")]

    assert all(receipt.created for receipt in receipts)
    assert len({receipt.job_id for receipt in receipts}) == len({receipt.media_id for receipt in receipts}) == 3


def test_a_key_cannot_be_used_for_another_original(subject):
    subject.submit("holiday")

    with pytest.raises(Rejected) as refusal:
        subject.submit("holiday", source_key="originals/other")
    assert refusal.value.code == "key_reused"


@pytest.mark.parametrize("same", [RECIPE, dict(reversed(RECIPE.items())), None])
def test_a_key_is_the_same_job_also_with_another_ladder_or_without_its_recipe(subject, same):
    first = subject.submit("holiday", recipe=RECIPE)

    again = subject.submit("holiday", ladder="other", recipe=same)

    assert (again.created, again.job_id) == (False, first.job_id)
    assert subject.ledger.status(first.job_id).recipe == RECIPE


@pytest.mark.parametrize(("first", "other"), [(RECIPE, {"look": {"name": "aden"}}), (RECIPE, {}), (None, RECIPE)])
def test_a_key_cannot_be_used_for_another_recipe(subject, first, other):
    media = subject.publish("holiday", recipe=first)

    with pytest.raises(Rejected, match="another recipe") as refusal:
        subject.submit("holiday", recipe=other)
    assert refusal.value.code == "key_reused"
    with pytest.raises(Rejected, match="another recipe"):
        subject.submit("holiday", media_id=media.media_id, recipe=other)


def test_a_key_without_a_recipe_is_the_same_job_as_one_that_asks_for_no_edits(subject):
    first = subject.submit("holiday")

    assert subject.submit("holiday", recipe={}).job_id == first.job_id


def test_the_recipe_of_an_order_reaches_the_worker_as_it_was_submitted(subject):
    job = subject.start(recipe=RECIPE)

    assert job.recipe == RECIPE
    assert canonical_json(parse_recipe(job.recipe)) == canonical_json(parse_recipe(RECIPE))
    assert subject.ledger.media(job.media_id).recipe == {}


def test_a_key_may_have_200_characters_and_no_more(subject):
    subject.submit("é" * 200)

    with pytest.raises(Rejected) as refusal:
        subject.submit("é" * 201)
    assert refusal.value.code == "invalid_request"


@pytest.mark.parametrize("text", ["nul \0", "half of a pair \ud800"])
def test_what_the_ledger_cannot_hold_is_refused_in_an_order(subject, text):
    with pytest.raises(Rejected) as refusal:
        subject.submit(text)
    assert refusal.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("what", "shift"),
    [("media_id", 1), ("owner_id", 1), ("source_key", "/other")],
    ids=["no such media", "of another owner", "of another original"],
)
def test_a_further_generation_is_of_the_owners_own_media_and_original(subject, what, shift):
    media = subject.publish()

    with pytest.raises(Rejected) as refusal:
        subject.submit("again", **{"media_id": media.media_id, what: getattr(media, what) + shift})
    assert refusal.value.code == "unknown_media"


# Claiming


def test_a_claim_gives_the_whole_job_and_counts_the_attempt(subject):
    receipt = subject.submit(lane=Lane.BATCH)

    job = subject.ledger.claim(receipt.job_id, subject.worker, 60)

    assert job == Job(
        job_id=receipt.job_id,
        media_id=receipt.media_id,
        owner_id=subject.owner_id,
        function="photo",
        source_key=subject.order().source_key,
        ladder="standard",
        lane=Lane.BATCH,
        recipe={},
        fence=1,
        failures={},
    )
    assert subject.ledger.status(receipt.job_id).state == JobState.RUNNING


def test_nobody_else_can_claim_what_is_running(subject):
    job = subject.start()

    assert subject.ledger.claim(job.job_id, "another", 60) is None


def test_a_worker_that_did_not_hear_the_answer_claims_again_and_finds_its_own_lease(subject):
    job = subject.start()

    assert subject.claim(job.job_id) == job
    assert subject.ledger.status(job.job_id).attempts == 1


def test_a_worker_whose_lease_has_ended_is_too_late_to_claim_again(subject):
    job = subject.start()
    subject.pass_seconds(61)

    assert subject.ledger.claim(job.job_id, subject.worker, 60) is None


@pytest.mark.parametrize("final", [JobState.REJECTED, JobState.DEAD])
def test_a_settled_job_cannot_be_claimed(subject, final):
    job = subject.start()
    subject.fail(job, final)

    assert subject.ledger.claim(job.job_id, subject.worker, 60) is None


def test_a_job_that_does_not_exist_cannot_be_claimed(subject):
    assert subject.ledger.claim(1 << 62, subject.worker, 60) is None


def test_a_beat_keeps_the_lease_alive(subject):
    job = subject.start()
    subject.pass_seconds(50)

    assert subject.ledger.beat(job, 60)
    subject.pass_seconds(50)
    assert subject.swept() == []


# Finishing


def test_finishing_publishes_the_record(subject):
    job = subject.start()
    made = subject.publication(job.media_id)

    assert subject.ledger.finish(job, made)

    media = subject.ledger.media(job.media_id)
    assert (media.state, media.generation) == ("ready", 1)
    assert (media.sha256, media.width, media.height) == (made.sha256, made.width, made.height)
    assert (media.facts, media.renditions) == (made.facts, made.renditions)
    assert media.ready_at is not None
    assert subject.ledger.status(job.job_id).state == JobState.DONE


def test_finishing_notes_the_attempt_with_its_timings(subject):
    job = subject.start()
    subject.ledger.finish(job, subject.publication(job.media_id))

    (attempt,) = subject.ledger.attempts(job.job_id)
    assert (attempt.fence, attempt.worker, attempt.outcome) == (1, subject.worker, "done")
    assert attempt.timings == subject.publication(job.media_id).timings
    assert attempt.started_at <= attempt.ended_at


def test_a_finish_whose_reply_was_lost_is_recognised_and_told_once(subject):
    job = subject.start()
    subject.ledger.finish(job, subject.publication(job.media_id))

    assert subject.ledger.finish(job, subject.publication(job.media_id))
    assert subject.ledger.media(job.media_id).generation == 1
    assert [event.topic for event in subject.events()] == ["media.ready"]


def test_a_stale_fence_writes_nothing(subject):
    stale = subject.start()
    subject.pass_seconds(61)
    subject.swept()
    fresh = subject.claim(stale.job_id, "another")
    before = subject.ledger.status(stale.job_id), subject.ledger.media(stale.media_id)

    assert not subject.ledger.finish(stale, subject.publication(stale.media_id))
    assert not subject.ledger.beat(stale, 3600)
    assert not subject.fail(stale, JobState.DEAD)
    assert (subject.ledger.status(stale.job_id), subject.ledger.media(stale.media_id)) == before
    assert subject.events() == []
    assert subject.ledger.finish(fresh, subject.publication(stale.media_id))


# Failing


def test_a_failed_attempt_waits_for_its_delay_and_comes_again(subject):
    job = subject.start()

    assert subject.fail(job, JobState.QUEUED, delay_seconds=100)

    status = subject.ledger.status(job.job_id)
    assert (status.state, status.code, status.reason) == (JobState.QUEUED, "store_unavailable", "it broke")
    assert subject.ledger.claim(job.job_id, subject.worker, 60) is None
    subject.pass_seconds(99)
    assert subject.swept() == []
    subject.pass_seconds(2)
    assert subject.swept() == [(job.job_id, 1)]
    assert subject.claim(job.job_id).fence == 2


def test_a_claim_tells_the_failures_by_code_and_counts_no_lost_lease_among_them(subject):
    job = subject.start()
    for code in ("renderer_died", "store_unavailable", "renderer_died"):
        subject.fail(job, JobState.QUEUED, code=code)
        subject.claim(job.job_id)
        subject.ledger.release(subject.worker)
        job = subject.claim(job.job_id)

    assert job.failures == {"renderer_died": 2, "store_unavailable": 1}


def test_a_failure_whose_reply_was_lost_counts_once(subject):
    job = subject.start()
    for _ in range(2):
        assert subject.fail(job, JobState.QUEUED)

    assert subject.claim(job.job_id).failures == {"store_unavailable": 1}


@pytest.mark.parametrize(("then", "outcome"), [(JobState.REJECTED, "rejected"), (JobState.DEAD, "failed")])
def test_a_job_that_ends_badly_says_why_and_fails_its_media(subject, then, outcome):
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


def test_a_failure_whose_reply_was_lost_is_recognised(subject):
    job = subject.start()
    subject.fail(job, JobState.DEAD)

    assert subject.fail(job, JobState.DEAD)
    assert len(subject.ledger.attempts(job.job_id)) == len(subject.events()) == 1


def test_a_ready_media_stays_ready_when_a_further_generation_fails(subject):
    media = subject.publish()
    subject.events()

    subject.fail(subject.start("again", media_id=media.media_id), JobState.DEAD)

    assert subject.ledger.media(media.media_id) == media
    assert subject.events() == []


def test_a_media_fails_only_with_the_last_of_its_jobs(subject):
    first = subject.start()
    second = subject.start("again", media_id=first.media_id)

    subject.fail(second, JobState.REJECTED)
    assert subject.ledger.media(first.media_id).state == "pending"
    subject.fail(first, JobState.DEAD)
    assert subject.ledger.media(first.media_id).state == "failed"


def test_a_failed_media_is_pending_again_with_a_further_order(subject):
    job = subject.start()
    subject.fail(job, JobState.DEAD)

    subject.submit("again", media_id=job.media_id)

    assert subject.ledger.media(job.media_id).state == "pending"
