"""What every ledger promises of a media: its generations, its events, and how all of it is looked at."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.errors import Rejected
from jobs.job import JobState

MANY = 10_000


# Generations


def test_each_publication_is_a_further_generation_and_the_earlier_ones_are_kept(subject):
    first = subject.publish("first", "a")
    second = subject.publish("second", "b", media_id=first.media_id)

    assert (second.generation, second.sha256) == (2, subject.publication(first.media_id, "b").sha256)
    assert subject.ledger.generations(first.media_id) == [first, second]


def test_a_media_that_was_never_published_has_no_generations(subject):
    assert subject.ledger.generations(subject.submit().media_id) == []


def test_a_rollback_publishes_an_earlier_generation_as_a_new_one(subject):
    first = subject.publish("first", "a")
    second = subject.publish("second", "b", media_id=first.media_id)
    subject.events()

    rolled_back = subject.ledger.rollback(first.media_id, 1)

    (event,) = subject.events()
    assert rolled_back == replace(first, generation=3, ready_at=rolled_back.ready_at)
    assert subject.ledger.generations(first.media_id) == [first, second, rolled_back]
    assert (event.topic, event.version) == ("media.ready", 3)
    assert event.payload == {"generation": 3, "rolled_back_to": 1}


def test_every_generation_keeps_the_recipe_by_which_it_was_made_and_a_rollback_brings_it_back(subject):
    recipes = [{"look": {"name": "aden"}}, {"adjustments": {"warmth": 20}}, {}]
    first = subject.publish("0", "a", recipe=recipes[0])
    for number, mark in ((1, "b"), (2, "c")):
        subject.publish(str(number), mark, media_id=first.media_id, recipe=recipes[number])

    rolled_back = subject.ledger.rollback(first.media_id, 2)

    assert [media.recipe for media in subject.ledger.generations(first.media_id)] == [*recipes, recipes[1]]
    assert rolled_back.recipe == subject.ledger.media(first.media_id).recipe == recipes[1]
    assert rolled_back.sha256 == subject.publication(first.media_id, "b").sha256


def test_what_is_asked_for_and_not_published_does_not_change_the_record(subject):
    first = subject.publish("first", recipe={"look": {"name": "aden"}})
    failed = subject.start("failed", media_id=first.media_id, recipe={"look": {"name": "juno"}})
    subject.fail(failed, JobState.DEAD)

    assert subject.ledger.media(first.media_id) == first


@pytest.mark.parametrize("generation", [0, 2, 3])
def test_only_an_earlier_generation_can_be_rolled_back_to(subject, generation):
    media = subject.publish("first", "a")
    subject.publish("second", "b", media_id=media.media_id)

    with pytest.raises(Rejected) as refusal:
        subject.ledger.rollback(media.media_id, generation)
    assert refusal.value.code == "unknown_generation"


def test_an_older_job_that_finishes_late_does_not_replace_what_was_asked_for_after_it(subject):
    older = subject.start("older")
    newer = subject.start("newer", media_id=older.media_id)
    subject.ledger.finish(newer, subject.publication(older.media_id, "n"))
    subject.events()

    assert subject.ledger.finish(older, subject.publication(older.media_id, "o"))

    status = subject.ledger.status(older.job_id)
    media = subject.ledger.media(older.media_id)
    assert (status.state, status.code) == (JobState.DONE, "superseded")
    assert (media.generation, media.sha256) == (1, subject.publication(older.media_id, "n").sha256)
    assert subject.events() == []


def test_a_job_that_was_asked_for_before_a_rollback_does_not_undo_it(subject):
    first = subject.publish("first", "a")
    subject.publish("second", "b", media_id=first.media_id)
    late = subject.start("late", media_id=first.media_id)
    subject.ledger.rollback(first.media_id, 1)

    subject.ledger.finish(late, subject.publication(first.media_id, "l"))
    assert subject.ledger.media(first.media_id).sha256 == first.sha256
    assert subject.publish("after", "z", media_id=first.media_id).generation == 4


# As last asked for: an order without a recipe

ADEN, JUNO = {"look": {"name": "aden"}}, {"look": {"name": "juno"}}


def recipe_as_last_asked_for(subject, media_id):
    return subject.ledger.status(subject.submit("as before", media_id=media_id).job_id).recipe


def test_a_new_media_without_a_recipe_is_not_edited(subject):
    subject.publish("another", recipe=ADEN)

    assert subject.start("first").recipe == {}


def test_a_media_is_made_again_by_the_recipe_that_it_shows(subject):
    media = subject.publish("first", recipe=ADEN)

    again = subject.publish("as before", "b", media_id=media.media_id)

    assert (again.generation, again.recipe) == (2, ADEN)


@pytest.mark.parametrize("recipe", [JUNO, {}])
@pytest.mark.parametrize("ask", ["submit", "start"])
def test_an_edit_that_is_still_to_be_published_is_not_lost_to_what_is_asked_for_after_it(subject, ask, recipe):
    media = subject.publish("first", recipe=ADEN)
    edit = getattr(subject, ask)("edit", media_id=media.media_id, recipe=recipe)

    again = subject.publish("as before", "b", media_id=media.media_id)
    late = subject.ledger.claim(edit.job_id, subject.worker, 60)
    subject.ledger.finish(late, subject.publication(media.media_id, "l"))

    assert again.recipe == recipe
    assert subject.ledger.status(edit.job_id).code == "superseded"
    assert subject.ledger.media(media.media_id) == again


def test_of_several_edits_that_are_still_to_be_published_the_last_counts(subject):
    media = subject.publish("first")
    for number, recipe in enumerate((JUNO, ADEN)):
        subject.submit(f"edit {number}", media_id=media.media_id, recipe=recipe)

    assert recipe_as_last_asked_for(subject, media.media_id) == ADEN


def test_an_edit_that_came_to_nothing_is_not_made_up_for(subject):
    media = subject.publish("first", recipe=ADEN)
    subject.ledger.cancel(subject.submit("edit", media_id=media.media_id, recipe=JUNO).job_id)

    assert recipe_as_last_asked_for(subject, media.media_id) == ADEN


@pytest.mark.parametrize("then", [JobState.DEAD, JobState.REJECTED])
def test_a_media_that_was_never_published_is_made_as_its_last_order_said(subject, then):
    first = subject.start("first", recipe=ADEN)
    subject.fail(first, then)
    subject.fail(subject.start("second", media_id=first.media_id, recipe=JUNO), then)

    assert recipe_as_last_asked_for(subject, first.media_id) == JUNO


def test_after_a_rollback_a_media_is_made_by_the_recipe_that_was_brought_back(subject):
    media = subject.publish("first", recipe=ADEN)
    subject.publish("second", "b", media_id=media.media_id, recipe=JUNO)
    subject.submit("before the rollback", media_id=media.media_id, recipe={})
    subject.ledger.rollback(media.media_id, 1)

    assert recipe_as_last_asked_for(subject, media.media_id) == ADEN


# Events


def test_every_publication_is_told_with_the_generation_as_its_version(subject):
    job = subject.start()
    subject.ledger.finish(job, subject.publication(job.media_id))
    subject.publish("second", "b", media_id=job.media_id)

    first, second = subject.events()
    assert (first.topic, first.media_id, first.owner_id) == ("media.ready", job.media_id, subject.owner_id)
    assert first.payload == {"job_id": job.job_id, "generation": 1}
    assert (first.version, second.version) == (1, 2)
    assert first.seq < second.seq
    assert first.created_at is not None


def test_events_that_could_not_be_published_come_again(subject):
    subject.publish()

    def refuse(events):
        raise ConnectionError("the reader is away")

    with pytest.raises(ConnectionError):
        subject.ledger.relay(refuse, MANY)
    assert [event.topic for event in subject.events()] == ["media.ready"]
    assert subject.events() == []


def test_a_relay_takes_no_more_than_it_was_asked_to(subject):
    subject.events()
    subject.publish("first")
    subject.publish("second")
    batches: list[int] = []

    while subject.ledger.relay(lambda events: batches.append(len(events)), 1):
        pass

    assert set(batches) == {1}


def test_while_one_relay_publishes_another_has_nothing_to_do(subject):
    subject.events()
    subject.publish("first")
    subject.publish("second")
    beside: list[int] = []

    subject.ledger.relay(lambda events: beside.append(subject.beside.relay(subject.told.extend, MANY)), 1)

    assert beside == [0]
    assert len(subject.events()) == 1


# Looking


def test_jobs_are_listed_newest_first_by_state_and_time(subject):
    start = subject.ledger.status(subject.submit("first").job_id).submitted_at
    dead = subject.start("dead")
    subject.fail(dead, JobState.DEAD)
    last = subject.submit("last").job_id

    def listed(**by):
        found = subject.ledger.jobs(**{"limit": MANY} | by)
        return [status.job_id for status in found if status.owner_id == subject.owner_id]

    assert [listed()[0], listed()[1]] == [last, dead.job_id]
    assert listed(state=JobState.DEAD) == [dead.job_id]
    assert len(listed(since=start)) == 3
    assert listed(since=start + timedelta(hours=1)) == []
    assert len(subject.ledger.jobs(limit=2)) == 2


def test_the_counts_are_of_every_state_but_done_and_of_the_waiting_events(subject):
    before = subject.ledger.counts()
    subject.publish("done")
    subject.submit("queued")
    subject.start("running")
    subject.fail(subject.start("dead"), JobState.DEAD)
    after = subject.ledger.counts()

    assert set(after) == {"queued", "running", "rejected", "dead", "cancelled", "events"}
    grown = {name: after[name] - before[name] for name in ("queued", "running", "dead", "events")}
    assert grown == {"queued": 1, "running": 1, "dead": 1, "events": 2}


@pytest.mark.parametrize("number", [1 << 62, 1 << 63, 1 << 70])
@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda subject, number: subject.ledger.status(number), "unknown_job"),
        (lambda subject, number: subject.ledger.cancel(number), "unknown_job"),
        (lambda subject, number: subject.ledger.retry(number), "unknown_job"),
        (lambda subject, number: subject.ledger.media(number), "unknown_media"),
        (lambda subject, number: subject.submit(media_id=number), "unknown_media"),
        (lambda subject, number: subject.ledger.rollback(number, 1), "unknown_generation"),
        (lambda subject, number: subject.ledger.rollback(1, number), "unknown_generation"),
    ],
)
def test_what_does_not_exist_is_refused_by_name_however_large_its_number(subject, ask, code, number):
    with pytest.raises(Rejected) as refusal:
        ask(subject, number)
    assert refusal.value.code == code
