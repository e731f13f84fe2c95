"""What every ledger promises of deleting a media, and every inventory of what is to be removed and what is known."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import psycopg2
import pytest

from jobs.errors import Rejected, StoreUnavailable
from jobs.inventory import Inventory, Removal, Shelf, Standing
from jobs.job import JobState
from jobs.memory import MemoryLedger
from jobs.memory_inventory import MemoryInventory
from jobs.postgres_inventory import PostgresInventory

from .conftest import Subject

MANY = 10_000
JUNO = {"look": {"name": "juno"}}
MINUTE = 60
DAY = 24 * 60 * MINUTE


@dataclass(kw_only=True)
class Warehouse:
    """A ledger's inventory, and a way to let time pass for the removals of one owner."""

    inventory: Inventory
    pass_seconds: Callable[[float], None]


@pytest.fixture
def warehouse(subject: Subject, request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    if isinstance(subject.ledger, MemoryLedger):
        yield Warehouse(inventory=MemoryInventory(subject.ledger), pass_seconds=subject.pass_seconds)
        return
    settings = request.getfixturevalue("stack").settings

    def pass_seconds(seconds: float) -> None:
        with closing(psycopg2.connect(settings.migrations_url)) as owner, owner, owner.cursor() as cursor:
            cursor.execute(
                "UPDATE darkroom.removals SET due_at = due_at - %(s)s * interval '1 second',"
                " asked_at = asked_at - %(s)s * interval '1 second', late_at = late_at - %(s)s * interval '1 second'",
                {"s": seconds},
            )

    yield Warehouse(inventory=PostgresInventory.from_settings(settings), pass_seconds=pass_seconds)


def refused(code: str, ask, *values, **named) -> None:
    with pytest.raises(Rejected) as refusal:
        ask(*values, **named)
    assert refusal.value.code == code


def source_of(subject: Subject) -> str:
    return f"originals/{subject.owner_id}"


# What goes and what stays


def test_a_deleted_media_is_a_tombstone_that_holds_nothing(subject):
    first = subject.publish("first", recipe=JUNO)
    second = subject.publish("second", "b", media_id=first.media_id)

    tombstone = subject.ledger.delete_media(first.media_id)

    nothing = {"sha256": None, "width": None, "height": None, "facts": {}, "recipe": {}, "renditions": ()}
    assert tombstone == replace(second, state="deleted", generation=3, ready_at=None, **nothing)
    assert subject.ledger.media(first.media_id) == tombstone
    assert subject.ledger.generations(first.media_id) == []
    assert [s.recipe for s in subject.ledger.jobs(limit=MANY) if s.media_id == first.media_id] == [{}, {}]


def test_a_deletion_is_told_once_in_a_version_of_its_own(subject):
    media = subject.publish()
    subject.events()

    answers = [subject.ledger.delete_media(media.media_id) for _ in range(2)]

    (event,) = subject.events()
    assert answers[0] == answers[1]
    assert (event.topic, event.version, event.media_id) == ("media.deleted", 2, media.media_id)
    assert event.payload == {"generation": 2}


def test_a_media_that_there_is_not_cannot_be_deleted(subject):
    for number in (1 << 62, 1 << 63, 1 << 70):
        refused("unknown_media", subject.ledger.delete_media, number)


def test_the_jobs_of_a_deleted_media_are_cancelled_and_those_that_have_ended_stay_as_they_were(subject):
    done = subject.publish("done")
    running = subject.start("running", media_id=done.media_id)
    queued = subject.submit("queued", media_id=done.media_id)

    subject.ledger.delete_media(done.media_id)

    states = {s.job_id: s.state for s in subject.ledger.jobs(limit=MANY) if s.media_id == done.media_id}
    assert states.pop(running.job_id) == states.pop(queued.job_id) == JobState.CANCELLED
    assert list(states.values()) == [JobState.DONE]
    assert [attempt.outcome for attempt in subject.ledger.attempts(running.job_id)] == ["cancelled"]


@pytest.mark.parametrize("published", [False, True])
def test_a_worker_that_holds_a_job_of_a_deleted_media_can_publish_nothing_more(subject, published):
    media_id = subject.publish("first").media_id if published else None
    job = subject.start("again", media_id=media_id)
    tombstone = subject.ledger.delete_media(job.media_id)
    subject.events()

    assert not subject.ledger.beat(job, 60)
    assert not subject.ledger.publish_part(job, subject.publication(job.media_id))
    assert not subject.ledger.finish(job, subject.publication(job.media_id))
    assert not subject.fail(job, JobState.QUEUED)
    assert subject.ledger.release(subject.worker) == 0
    assert subject.ledger.media(job.media_id) == tombstone
    assert subject.events() == []


def test_nothing_more_can_be_asked_of_a_deleted_media(subject):
    media = subject.publish("first")
    subject.publish("second", "b", media_id=media.media_id)
    queued = subject.submit("third", media_id=media.media_id)
    subject.ledger.delete_media(media.media_id)

    refused("media_deleted", subject.submit, "fourth", media_id=media.media_id)
    refused("media_deleted", subject.ledger.retry, queued.job_id)
    refused("media_deleted", subject.ledger.rollback, media.media_id, 1)
    assert subject.ledger.claim(queued.job_id, subject.worker, 60) is None
    assert subject.ledger.cancel(queued.job_id) == JobState.CANCELLED
    assert subject.swept() == []


def test_the_keys_of_a_deleted_medias_jobs_are_free_for_another_original(subject):
    first = subject.submit("mine", recipe=JUNO)
    subject.ledger.delete_media(first.media_id)

    again = subject.submit("mine", source_key=f"o/another-{subject.owner_id}")

    assert again.created
    assert again.media_id != first.media_id


# The original


def test_an_original_goes_with_its_last_media_and_its_place_is_never_used_again(subject):
    one, other = subject.submit("one"), subject.submit("other")

    subject.ledger.delete_media(one.media_id)
    assert not subject.ledger.is_removed(source_of(subject))
    assert subject.submit("third").created
    for media_id in {
        status.media_id for status in subject.ledger.jobs(limit=MANY) if status.owner_id == subject.owner_id
    }:
        subject.ledger.delete_media(media_id)

    assert other.media_id != one.media_id
    assert subject.ledger.is_removed(source_of(subject))
    refused("original_removed", subject.submit, "fourth")


def test_a_rendition_that_served_as_an_original_is_not_removed_with_what_was_made_of_it(subject, warehouse):
    media = subject.publish("first")
    rendition = media.renditions[0].key
    copy = subject.submit("copy", source_key=rendition)

    subject.ledger.delete_media(copy.media_id)

    assert [r.place for r in warehouse.inventory.take_removals(MANY, copy.media_id)] == [f"m/{copy.media_id}/"]
    assert not subject.ledger.is_removed(rendition)


@pytest.mark.parametrize("source_key", ["o/", "m/", "o/7/"])
def test_an_original_whose_key_looks_like_a_folder_is_one_key_all_the_same(subject, warehouse, source_key):
    media_id = subject.submit(source_key=source_key + str(subject.owner_id) + "/").media_id

    subject.ledger.delete_media(media_id)

    folders = [r.place for r in warehouse.inventory.take_removals(MANY, media_id) if r.folder]
    assert folders == [f"m/{media_id}/"]


def test_an_original_that_no_media_uses_is_abandoned_and_one_that_is_used_is_not(subject, warehouse):
    subject.submit("used")
    forgotten = f"o/forgotten-{subject.owner_id}"

    assert not warehouse.inventory.abandon_original(source_of(subject))
    assert warehouse.inventory.abandon_original(forgotten)
    assert warehouse.inventory.abandon_original(forgotten)

    assert (subject.ledger.is_removed(source_of(subject)), subject.ledger.is_removed(forgotten)) == (False, True)
    refused("original_removed", subject.submit, "late", source_key=forgotten)


# Removals


def started_removal(subject) -> int:
    media_id = subject.submit().media_id
    subject.ledger.delete_media(media_id)
    return media_id


def places(removals) -> set[tuple[str, bool, int]]:
    return {(removal.place, removal.folder, removal.passes) for removal in removals}


def of(subject, media_id, removals) -> list[Removal]:
    return [removal for removal in removals if removal.place in (f"m/{media_id}/", source_of(subject))]


def test_what_lies_in_the_store_of_a_deleted_media_is_due_to_be_removed_at_once(subject, warehouse):
    media_id = started_removal(subject)

    taken = of(subject, media_id, warehouse.inventory.take_removals(MANY))

    assert places(taken) == {(f"m/{media_id}/", True, 0), (source_of(subject), False, 0)}


def test_a_removal_that_nobody_notes_as_done_is_due_again_in_five_minutes(subject, warehouse):
    media_id = started_removal(subject)
    first = of(subject, media_id, warehouse.inventory.take_removals(MANY))

    assert of(subject, media_id, warehouse.inventory.take_removals(MANY)) == []
    warehouse.pass_seconds(4 * MINUTE)
    assert of(subject, media_id, warehouse.inventory.take_removals(MANY)) == []
    warehouse.pass_seconds(2 * MINUTE)
    assert places(of(subject, media_id, warehouse.inventory.take_removals(MANY))) == places(first)


def test_who_asks_for_one_media_gets_what_was_never_removed_of_it_also_if_another_has_just_taken_it(subject, warehouse):
    media_id = started_removal(subject)
    taken = of(subject, media_id, warehouse.inventory.take_removals(MANY))

    again = warehouse.inventory.take_removals(MANY, media_id)
    for removal in again:
        warehouse.inventory.note_removal(removal)

    assert places(again) == places(taken)
    assert warehouse.inventory.take_removals(MANY, media_id) == []


def test_there_are_three_passes_the_second_after_16_minutes_and_the_last_after_a_day(subject, warehouse):
    media_id = started_removal(subject)

    def passes() -> set[int]:
        taken = of(subject, media_id, warehouse.inventory.take_removals(MANY))
        for removal in taken:
            for _ in range(2):  # noted twice it is one pass
                warehouse.inventory.note_removal(removal)
        return {removal.passes for removal in taken}

    seen = [passes(), passes()]
    for seconds in (15 * MINUTE, MINUTE, DAY - 17 * MINUTE, MINUTE, 10 * DAY):
        warehouse.pass_seconds(seconds)
        seen.append(passes())

    assert seen == [{0}, set(), set(), {1}, set(), {2}, set()]


def noted_passes(subject, warehouse, media_id) -> set[int]:
    taken = of(subject, media_id, warehouse.inventory.take_removals(MANY))
    for removal in taken:
        for _ in range(2):  # noted twice it is one pass
            warehouse.inventory.note_removal(removal)
    return {removal.passes for removal in taken if removal.folder}


def test_where_a_worker_was_at_it_there_is_one_pass_more_once_its_lease_has_ended(subject, warehouse):
    job = subject.start()  # with a lease of a minute
    subject.ledger.delete_media(job.media_id)

    assert warehouse.inventory.late_pass(job.media_id)
    seen = [noted_passes(subject, warehouse, job.media_id)]
    for seconds in (MINUTE, 6, 14 * MINUTE, MINUTE, DAY - 17 * MINUTE, MINUTE, 10 * DAY):
        warehouse.pass_seconds(seconds)
        seen.append(noted_passes(subject, warehouse, job.media_id))

    assert seen == [{0}, set(), {1}, set(), {2}, set(), {3}, set()]
    assert warehouse.inventory.late_pass(job.media_id) is None


def test_a_job_that_was_cancelled_a_moment_before_may_have_a_worker_as_well(subject, warehouse):
    job = subject.start()
    subject.ledger.cancel(job.job_id)

    subject.ledger.delete_media(job.media_id)

    assert warehouse.inventory.late_pass(job.media_id)


def test_where_no_worker_is_at_it_nobody_waits_for_one(subject, warehouse):
    queued, done = subject.submit("queued").media_id, subject.publish("done").media_id
    for media_id in (queued, done):
        subject.ledger.delete_media(media_id)

        assert warehouse.inventory.late_pass(media_id) is None


# What is known


def shelf_of(warehouse, media_id) -> Shelf:
    (shelf,) = warehouse.inventory.shelves(media_id - 1, media_id + 1, 10)
    return shelf


def test_a_shelf_holds_what_a_media_shows_and_what_it_could_go_back_to_by_key(subject, warehouse):
    first = subject.publish("first", "a")
    second = subject.publish("second", "b", media_id=first.media_id)

    shelf = shelf_of(warehouse, first.media_id)

    expected = sorted((*first.renditions, *second.renditions), key=lambda rendition: rendition.key)
    assert list(shelf.renditions) == expected
    assert not shelf.is_open


def test_a_shelf_is_open_while_its_media_has_a_job(subject, warehouse):
    job = subject.start()
    assert shelf_of(warehouse, job.media_id).is_open

    subject.fail(job, JobState.DEAD)
    assert not shelf_of(warehouse, job.media_id).is_open


def test_a_deleted_medias_shelf_is_empty(subject, warehouse):
    media = subject.publish()
    subject.ledger.delete_media(media.media_id)

    assert shelf_of(warehouse, media.media_id) == Shelf(media_id=media.media_id, is_open=False, renditions=())


def test_shelves_come_in_pages_by_number(subject, warehouse):
    numbers = sorted(subject.submit(f"{n}").media_id for n in range(5))

    first = warehouse.inventory.shelves(numbers[0] - 1, numbers[-1] + 1, 2)
    rest = warehouse.inventory.shelves(first[-1].media_id, numbers[-1] + 1, MANY)

    found = [shelf.media_id for shelf in (*first, *rest)]
    assert found == sorted(found)
    assert [number for number in found if number in numbers] == numbers


def test_originals_come_once_each_in_the_order_of_their_bytes_and_not_those_of_deleted_media(subject, warehouse):
    root = f"o/{subject.owner_id}-"
    for number, end in enumerate(("b", "B", "a/", "a", "é", "_")):
        subject.submit(f"{number}", source_key=root + end)
    subject.submit("again", source_key=root + "a")
    published = subject.publish("published", source_key=root + "p")
    subject.ledger.delete_media(subject.submit("gone", source_key=root + "gone").media_id)

    found, after = [], root
    while page := warehouse.inventory.originals(after, 3):
        found += page
        after = page[-1].source_key
    mine = [kept for kept in found if kept.source_key.startswith(root)]

    expected = sorted((root + end for end in ("b", "B", "a/", "a", "é", "_", "p")), key=str.encode)
    assert [kept.source_key for kept in mine] == expected
    assert {kept.source_key: kept.sha256 for kept in mine}[root + "p"] == published.sha256
    assert warehouse.inventory.original(root + "p").media_id == published.media_id
    assert warehouse.inventory.original(root + "b").sha256 is None
    assert warehouse.inventory.original(root + "gone") is None


# Orphans


def stray(media_id: int) -> str:
    return f"m/{media_id}/stray.jpg"


def test_a_stored_rendition_is_live_while_it_is_shown_kept_or_may_be_published(subject, warehouse):
    job = subject.start()
    ask = warehouse.inventory.standing
    assert ask(job.media_id, stray(job.media_id)) is Standing.LIVE

    subject.ledger.finish(job, subject.publication(job.media_id, "a"))
    media = subject.publish("second", "b", media_id=job.media_id)

    assert ask(job.media_id, stray(job.media_id)) is Standing.ORPHAN
    assert ask(job.media_id, f"m/{job.media_id}/a1.jpg") is Standing.LIVE
    assert ask(job.media_id, media.renditions[0].key) is Standing.LIVE
    assert ask((1 << 61) + 5, stray((1 << 61) + 5)) is Standing.FOREIGN


def test_a_rendition_that_another_media_was_made_of_is_live(subject, warehouse):
    media = subject.publish()
    subject.submit("copy", source_key=stray(media.media_id))

    assert warehouse.inventory.standing(media.media_id, stray(media.media_id)) is Standing.LIVE


def test_an_orphan_is_removed_and_what_is_live_or_foreign_is_not(subject, warehouse):
    media = subject.publish()
    removed: list[str] = []

    def sweep(media_id: int, key: str) -> bool:
        return warehouse.inventory.remove_orphan(media_id, key, lambda: removed.append(key))

    foreign = secrets.randbelow(1 << 20) + (1 << 61)
    assert not sweep(media.media_id, media.renditions[0].key)
    assert not sweep(foreign, stray(foreign))
    assert sweep(media.media_id, stray(media.media_id))
    assert removed == [stray(media.media_id)]


def test_an_orphan_that_the_store_did_not_remove_is_reported_as_such_and_nothing_is_locked(subject, warehouse):
    media = subject.publish()

    def fail() -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        warehouse.inventory.remove_orphan(media.media_id, stray(media.media_id), fail)
    assert subject.publish("second", "b", media_id=media.media_id).generation == 2
