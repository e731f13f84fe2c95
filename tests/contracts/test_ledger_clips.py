"""What every ledger promises of clips: progress, what can be seen before all is made, and what becomes of it."""

from dataclasses import replace

import pytest

from jobs.errors import Rejected
from jobs.job import JobState

ADEN = {"look": {"name": "aden"}}


def clip(subject, key="clip", **changes):
    return subject.start(key, function="clip", **changes)


def show_part(subject, job, mark="p"):
    assert subject.ledger.publish_part(job, subject.publication(job.media_id, mark))
    return subject.ledger.media(job.media_id)


def complete(subject, job, mark="c"):
    assert subject.ledger.finish(job, subject.publication(job.media_id, mark))
    return subject.ledger.media(job.media_id)


def progress(subject, job):
    status = subject.ledger.status(job.job_id)
    return status.progress, status.eta_seconds


def told(subject):
    return [(event.topic, event.version) for event in subject.events()]


# Progress


def test_a_job_has_no_progress_before_it_is_told(subject):
    receipt = subject.submit(function="clip")
    assert progress(subject, receipt) == (None, None)

    job = subject.claim(receipt.job_id)
    subject.ledger.beat(job, 60)

    assert progress(subject, job) == (None, None)


def test_a_beat_tells_the_progress_and_one_without_leaves_it(subject):
    job = clip(subject)

    assert subject.ledger.beat(job, 60, 0.25)
    assert subject.ledger.beat(job, 60)

    assert progress(subject, job)[0] == 0.25
    assert [s.progress for s in subject.ledger.jobs(limit=10_000) if s.job_id == job.job_id] == [0.25]


def test_a_beat_with_progress_keeps_the_lease_alive(subject):
    job = clip(subject)
    subject.pass_seconds(50)

    subject.ledger.beat(job, 60, 0.5)

    subject.pass_seconds(50)
    assert subject.swept() == []


@pytest.mark.parametrize(("done", "eta"), [(0.1, 270), (0.25, 90), (0.75, 10)])
def test_the_time_to_the_end_follows_from_the_time_so_far(subject, done, eta):
    job = clip(subject)
    subject.pass_seconds(30)

    subject.ledger.beat(job, 60, done)

    assert progress(subject, job) == (pytest.approx(done), pytest.approx(eta, rel=0.1))


@pytest.mark.parametrize(("told", "known"), [(1.0, 0.99), (7.0, 0.99), (-1.0, 0.0), (0.0, 0.0)])
def test_a_running_job_is_never_all_done_nor_less_than_begun(subject, told, known):
    job = clip(subject)

    subject.ledger.beat(job, 60, told)

    assert progress(subject, job)[0] == pytest.approx(known)


def test_nothing_done_yet_gives_no_time_to_the_end(subject):
    job = clip(subject)

    subject.ledger.beat(job, 60, 0.0)

    assert progress(subject, job) == (0.0, None)


@pytest.mark.parametrize(
    "end",
    [
        lambda subject, job: subject.fail(job, JobState.QUEUED),
        lambda subject, job: subject.fail(job, JobState.DEAD),
        lambda subject, job: subject.ledger.release(subject.worker),
        lambda subject, job: subject.ledger.cancel(job.job_id),
        complete,
    ],
    ids=["to be tried again", "dead", "given back", "cancelled", "done"],
)
def test_a_job_that_does_not_run_has_no_progress(subject, end):
    job = clip(subject)
    subject.ledger.beat(job, 60, 0.5)

    end(subject, job)

    assert progress(subject, job) == (None, None)


def test_each_attempt_begins_anew_and_a_repeated_claim_does_not(subject):
    job = clip(subject)
    subject.ledger.beat(job, 60, 0.5)
    subject.claim(job.job_id)
    assert progress(subject, job)[0] == 0.5

    subject.ledger.release(subject.worker)
    subject.claim(job.job_id, "another")

    assert progress(subject, job) == (None, None)


def test_a_stale_fence_tells_no_progress(subject):
    stale = clip(subject)
    subject.ledger.release(subject.worker)
    fresh = subject.claim(stale.job_id, "another")
    subject.ledger.beat(fresh, 60, 0.25)

    assert not subject.ledger.beat(stale, 60, 0.75)
    assert progress(subject, fresh)[0] == 0.25


# What is mandatory, and what a media is


def test_what_is_mandatory_reaches_the_worker_in_its_order(subject):
    assert clip(subject, mandatory=("720p", "480p")).mandatory == ("720p", "480p")
    assert clip(subject, "another").mandatory == ()


def test_the_same_key_is_the_same_job_also_with_other_mandatory_renditions(subject):
    first = subject.submit("clip", function="clip", mandatory=("480p",))

    again = subject.submit("clip", function="clip", mandatory=("720p",))

    assert (again.created, again.job_id) == (False, first.job_id)
    assert subject.claim(first.job_id).mandatory == ("480p",)


def test_a_media_says_whether_it_is_a_photo_or_a_clip(subject):
    made = complete(subject, clip(subject))
    edited = complete(subject, clip(subject, "edit", media_id=made.media_id))

    assert [media.function for media in (*subject.ledger.generations(made.media_id), edited)] == ["clip"] * 3
    assert subject.publish().function == "photo"


@pytest.mark.parametrize(("first", "other"), [("photo", "clip"), ("clip", "photo")])
def test_a_media_stays_what_it_is(subject, first, other):
    media_id = subject.start(function=first).media_id

    with pytest.raises(Rejected, match=f"is a {first} and stays one") as refusal:
        subject.submit("again", function=other, media_id=media_id)

    assert refusal.value.code == "wrong_function"
    assert subject.submit("again", function=first, media_id=media_id).created


# Usable


def test_a_part_makes_the_media_usable_while_its_job_goes_on(subject):
    job = clip(subject, recipe=ADEN)
    part = subject.publication(job.media_id, "p")

    media = show_part(subject, job)

    assert (media.state, media.generation, media.ready_at) == ("usable", 1, None)
    assert (media.sha256, media.width, media.height) == (part.sha256, part.width, part.height)
    assert (media.facts, media.renditions, media.recipe) == (part.facts, part.renditions, ADEN)
    assert subject.ledger.status(job.job_id).state == JobState.RUNNING
    assert subject.ledger.attempts(job.job_id) == []
    (event,) = subject.events()
    assert (event.topic, event.version, event.media_id) == ("media.usable", 1, job.media_id)
    assert event.payload == {"job_id": job.job_id, "generation": 1}


def test_the_end_of_the_job_completes_it(subject):
    job = clip(subject)
    show_part(subject, job)

    media = complete(subject, job)

    assert (media.state, media.generation, media.sha256) == ("ready", 2, "63" * 32)
    assert media.ready_at is not None
    assert subject.ledger.status(job.job_id).code is None
    assert told(subject) == [("media.usable", 1), ("media.ready", 2)]


def test_a_part_that_is_published_again_is_told_once_and_another_is_shown_instead(subject):
    job = clip(subject)
    first = show_part(subject, job)
    assert show_part(subject, job) == first

    second = show_part(subject, job, "q")

    assert (second.generation, second.sha256) == (2, "71" * 32)
    assert told(subject) == [("media.usable", 1), ("media.usable", 2)]


def test_a_part_of_a_later_attempt_replaces_that_of_an_earlier_one(subject):
    job = clip(subject)
    show_part(subject, job)
    subject.fail(job, JobState.QUEUED)
    again = subject.claim(job.job_id)

    assert show_part(subject, again, "q").generation == 2
    assert complete(subject, again).generation == 3


@pytest.mark.parametrize("take", ["cancel", "claim"])
def test_a_stale_fence_shows_no_part(subject, take):
    stale = clip(subject)
    if take == "cancel":
        subject.ledger.cancel(stale.job_id)
    else:
        subject.ledger.release(subject.worker)
        subject.claim(stale.job_id, "another")
    before, _ = subject.ledger.media(stale.media_id), subject.events()

    assert not subject.ledger.publish_part(stale, subject.publication(stale.media_id))

    assert subject.ledger.media(stale.media_id) == before
    assert subject.events() == []


def test_an_edit_of_a_media_that_is_ready_shows_nothing_before_it_is_complete(subject):
    ready = complete(subject, clip(subject))
    edit = clip(subject, "edit", media_id=ready.media_id, recipe=ADEN)
    subject.events()

    assert show_part(subject, edit) == ready
    assert subject.events() == []
    assert complete(subject, edit, "e").generation == 2
    assert subject.ledger.generations(ready.media_id)[0] == ready


def test_of_two_orders_the_later_ones_part_stays(subject):
    older = clip(subject)
    newer = clip(subject, "newer", media_id=older.media_id)
    show_part(subject, older, "o")
    part = show_part(subject, newer, "n")

    assert show_part(subject, older, "x") == part
    assert complete(subject, older, "y") == part
    assert subject.ledger.status(older.job_id).code == "superseded"
    assert complete(subject, newer, "z").generation == 3
    assert told(subject) == [("media.usable", 1), ("media.usable", 2), ("media.ready", 3)]


def test_an_older_order_that_is_complete_first_is_shown_until_the_later_one_is(subject):
    older = clip(subject)
    newer = clip(subject, "newer", media_id=older.media_id)
    show_part(subject, older, "o")
    ready = complete(subject, older, "r")

    assert show_part(subject, newer, "n") == ready
    assert complete(subject, newer, "z").generation == 3


def test_what_was_only_usable_is_no_generation_to_go_back_to(subject):
    job = clip(subject)
    part = show_part(subject, job)
    assert subject.ledger.generations(job.media_id) == [part]

    first = complete(subject, job)
    second = complete(subject, clip(subject, "edit", media_id=job.media_id, recipe=ADEN), "e")

    assert subject.ledger.generations(job.media_id) == [first, second]
    with pytest.raises(Rejected) as refusal:
        subject.ledger.rollback(job.media_id, part.generation)
    assert refusal.value.code == "unknown_generation"
    rolled_back = subject.ledger.rollback(job.media_id, first.generation)
    assert rolled_back == replace(first, generation=4, ready_at=rolled_back.ready_at)


def test_a_usable_media_has_nothing_to_go_back_to(subject):
    job = clip(subject)
    part = show_part(subject, job)

    with pytest.raises(Rejected) as refusal:
        subject.ledger.rollback(job.media_id, part.generation)
    assert refusal.value.code == "unknown_generation"


def test_a_part_does_not_undo_a_rollback(subject):
    first = complete(subject, clip(subject), "a")
    complete(subject, clip(subject, "second", media_id=first.media_id), "b")
    late = clip(subject, "late", media_id=first.media_id)
    rolled_back = subject.ledger.rollback(first.media_id, 1)

    assert show_part(subject, late) == rolled_back


def test_a_further_order_without_a_recipe_is_made_as_what_is_usable(subject):
    job = clip(subject, recipe=ADEN)
    show_part(subject, job)

    assert clip(subject, "as before", media_id=job.media_id).recipe == ADEN


# Usable, and no more


def end_badly(subject, job, how):
    if how == "cancelled":
        subject.ledger.cancel(job.job_id)
    elif how == "left":
        for number in range(5):
            subject.ledger.release(subject.worker if number == 0 else "another")
            subject.ledger.claim(job.job_id, "another", 60)
    else:
        subject.fail(job, JobState(how), code="broken")


@pytest.mark.parametrize("how", ["dead", "rejected", "cancelled", "left"])
def test_a_usable_media_whose_job_ends_badly_stays_and_it_is_told_that_the_rest_will_not_come(subject, how):
    job = clip(subject)
    part = show_part(subject, job)
    subject.events()

    end_badly(subject, job, how)

    (event,) = subject.events()
    assert subject.ledger.media(job.media_id) == replace(part, generation=2)
    assert (event.topic, event.version) == ("media.incomplete", 2)
    status = subject.ledger.status(job.job_id)
    why = {"state": status.state, "code": status.code, "reason": status.reason}
    assert event.payload == {"job_id": job.job_id, "generation": 2, **why}


@pytest.mark.parametrize("how", ["dead", "cancelled"])
def test_a_retry_completes_it(subject, how):
    job = clip(subject)
    show_part(subject, job)
    end_badly(subject, job, how)

    subject.ledger.retry(job.job_id)
    again = subject.claim(job.job_id)
    assert show_part(subject, again).generation == 2
    ready = complete(subject, again)

    assert (ready.state, ready.generation) == ("ready", 3)
    assert subject.ledger.generations(job.media_id) == [ready]
    assert told(subject) == [("media.usable", 1), ("media.incomplete", 2), ("media.ready", 3)]


def test_a_further_order_completes_it_too(subject):
    job = clip(subject)
    show_part(subject, job)
    end_badly(subject, job, "dead")

    further = clip(subject, "again", media_id=job.media_id)

    assert subject.ledger.media(job.media_id).state == "usable"
    assert complete(subject, further).state == "ready"


def test_it_is_told_anew_when_a_retry_fails_too(subject):
    job = clip(subject)
    show_part(subject, job)
    for _ in range(2):
        subject.fail(subject.claim(job.job_id), JobState.DEAD)
        subject.ledger.retry(job.job_id)

    assert told(subject) == [("media.usable", 1), ("media.incomplete", 2), ("media.incomplete", 3)]


def test_it_is_told_only_when_the_last_of_the_medias_jobs_has_ended(subject):
    first = clip(subject)
    second = clip(subject, "second", media_id=first.media_id)
    show_part(subject, first)

    end_badly(subject, first, "dead")
    assert told(subject) == [("media.usable", 1)]
    end_badly(subject, second, "cancelled")

    assert told(subject) == [("media.incomplete", 2)]


def test_it_is_told_also_when_the_last_of_them_is_superseded(subject):
    older = clip(subject)
    newer = clip(subject, "newer", media_id=older.media_id)
    show_part(subject, newer)
    end_badly(subject, newer, "dead")

    part = complete(subject, older)

    assert (part.state, part.sha256) == ("usable", "70" * 32)
    assert told(subject) == [("media.usable", 1), ("media.incomplete", 2)]


def test_a_ready_media_stays_ready_when_a_part_was_not_shown_and_its_job_dies(subject):
    ready = complete(subject, clip(subject))
    edit = clip(subject, "edit", media_id=ready.media_id)
    show_part(subject, edit)
    subject.events()

    end_badly(subject, edit, "dead")

    assert subject.ledger.media(ready.media_id) == ready
    assert subject.events() == []
