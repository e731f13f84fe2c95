"""Every counter of the accounting, by books in which just that is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.job import JobState, Lane, Receipt, Ticket
from scripts.faulting.accounting import account, recoveries, waits
from scripts.faulting.books import AttemptRow, Books, Content, GenerationRow, JobRow, MediaRow, Told, read_event
from scripts.faulting.frontend import DONE, OWNER, Acknowledged

T0 = datetime(2026, 1, 31, 7, 42, tzinfo=UTC)
NAMES = ("w1080", "w640", "w320", "s150")
JOB = JobRow(
    job_id=1,
    media_id=5,
    owner_id=OWNER,
    function="photo",
    key="k",
    state="done",
    code=None,
    reason=None,
    fence=2,
    mandatory=(),
    submitted_at=T0,
    finished_at=T0 + timedelta(seconds=9),
)
KILLED = AttemptRow(
    job_id=1,
    fence=1,
    outcome="released",
    code=None,
    worker="a",
    started_at=T0 + timedelta(seconds=1),
    ended_at=T0 + timedelta(seconds=3),
)
FINISHED = replace(KILLED, fence=2, outcome="done", ended_at=JOB.finished_at)
MEDIA = MediaRow(
    media_id=5,
    function="photo",
    source_key="o/7/a",
    state="ready",
    generation=1,
    ready_at=JOB.finished_at,
    renditions={name: [9, 7, 100, f"{name}.jpg", 42] for name in NAMES},
)
READY = Told(media_id=5, version=1, topic="media.ready", payload={"job_id": "1"}, at=T0.timestamp() + 9.1)
BOOKS = Books(
    jobs=[JOB],
    attempts=[KILLED, FINISHED],
    media=[MEDIA],
    generations=[],
    events=[READY, replace(READY, at=READY.at + 1)],
    stored={f"m/5/{name}.jpg": Content(bytes=100, crc32=42) for name in NAMES},
    unknown=[],
)
TICKET = Ticket(job_id=1, attempt=0, function="photo", lane=Lane.INTERACTIVE)
ASKED = Acknowledged(
    receipt=Receipt(job_id=1, media_id=5, state=JobState.QUEUED, created=True, ticket=TICKET),
    owner_id=OWNER,
    key="k",
    source_key="o/7/a",
    function="photo",
    expected=DONE,
    at=T0.timestamp(),
)


def counted(books=BOOKS, acknowledged=(ASKED,)):
    found = account(acknowledged, books)
    names = ("lost", "half_published", "duplicated", "unowed", "orphans", "unknown")
    return {name for name in names if getattr(found, name)}


def test_books_in_order_count_nothing_and_an_event_may_come_twice():
    assert counted() == set()
    assert account([ASKED], BOOKS).ends == {"done": 1}


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, state="running", finished_at=None),
        replace(JOB, state="dead", code="renderer_died", reason=""),
    ],
)
def test_a_job_without_an_end_or_without_a_reason_is_lost(job):
    assert "lost" in counted(replace(BOOKS, jobs=[job]))


def test_a_job_that_the_ledger_does_not_have_is_lost():
    assert "lost" in counted(replace(BOOKS, jobs=[]))


def test_a_done_job_whose_media_shows_nothing_is_lost():
    assert "lost" in counted(replace(BOOKS, media=[replace(MEDIA, state="pending", renditions={})]))


def test_a_media_of_which_nobody_was_told_is_lost():
    assert counted(replace(BOOKS, events=[])) == {"lost"}


def test_a_rendition_that_is_missing_from_the_ladder_is_half_published():
    fewer = {name: value for name, value in MEDIA.renditions.items() if name != "w320"}

    assert "half_published" in counted(replace(BOOKS, media=[replace(MEDIA, renditions=fewer)]))


def test_a_rendition_that_is_not_stored_is_half_published():
    stored = {key: content for key, content in BOOKS.stored.items() if "w640" not in key}

    assert counted(replace(BOOKS, stored=stored)) == {"half_published"}


@pytest.mark.parametrize("content", [Content(bytes=99, crc32=42), Content(bytes=100, crc32=43)])
def test_a_rendition_with_other_bytes_is_half_published(content):
    assert counted(replace(BOOKS, stored={**BOOKS.stored, "m/5/w640.jpg": content})) == {"half_published"}


def test_a_clip_without_a_rung_is_half_published():
    assert "half_published" in counted(replace(BOOKS, media=[replace(MEDIA, function="clip")]))


def test_an_event_ahead_of_its_media_is_half_published():
    assert counted(replace(BOOKS, events=[READY, replace(READY, version=2)])) == {"half_published"}


def test_an_event_that_came_before_its_publication_is_half_published():
    early = replace(READY, at=MEDIA.ready_at.timestamp() - 0.001)

    assert counted(replace(BOOKS, events=[early, READY])) == {"half_published"}


def edited_again(told_at_seconds):
    """The books of a photo that was edited once more two seconds later, its first version told so many after T0."""
    later = replace(JOB, job_id=2, key="l", finished_at=JOB.finished_at + timedelta(seconds=2))
    earlier = GenerationRow(media_id=5, generation=1, ready_at=MEDIA.ready_at, renditions=MEDIA.renditions)
    return replace(
        BOOKS,
        jobs=[JOB, later],
        media=[replace(MEDIA, generation=2, ready_at=later.finished_at)],
        generations=[earlier],
        events=[
            replace(READY, at=T0.timestamp() + told_at_seconds),
            replace(READY, version=2, payload={"job_id": "2"}, at=T0.timestamp() + 12),
        ],
    )


def test_each_version_is_held_against_the_moment_of_its_own_publication():
    assert counted(edited_again(told_at_seconds=9.5)) == set()
    assert counted(edited_again(told_at_seconds=8.5)) == {"half_published"}


def test_an_event_of_a_version_that_never_was_is_half_published_though_a_later_one_was():
    books = edited_again(told_at_seconds=9.5)

    assert counted(replace(books, generations=[])) == {"half_published"}


def test_an_event_is_read_with_the_moment_of_its_arrival():
    event = {"media_id": "5", "version": 1, "topic": "media.ready", "payload": {}, "arrived_at": 17.5}

    assert read_event(event).at == 17.5


DELETED = replace(MEDIA, state="deleted", generation=1, ready_at=None, renditions={})
GONE = replace(READY, topic="media.deleted", payload={"generation": 1})
DELETION = replace(
    BOOKS, jobs=[replace(JOB, state="cancelled")], attempts=[], media=[DELETED], events=[GONE], stored={}
)
CANCELLED = replace(ASKED, expected=frozenset({JobState.CANCELLED}))


def test_a_media_that_was_deleted_while_its_job_ran_counts_nothing_if_that_was_told():
    assert counted(DELETION, [CANCELLED]) == set()
    assert counted(replace(DELETION, events=[]), [CANCELLED]) == {"lost"}


def test_what_was_told_of_a_media_before_its_deletion_may_be_without_a_trace():
    shown = replace(
        DELETION, jobs=[JOB], media=[replace(DELETED, generation=2)], events=[READY, replace(GONE, version=2)]
    )

    assert counted(shown, [CANCELLED]) - {"lost", "unowed"} == set()
    assert "half_published" in counted(replace(shown, events=[*shown.events, replace(READY, version=3)]), [CANCELLED])


def test_a_deleted_media_with_more_publications_than_orders_is_duplicated():
    assert counted(replace(DELETION, media=[replace(DELETED, generation=2)], events=[replace(GONE, version=2)])) >= {
        "duplicated"
    }


def test_a_job_that_was_done_twice_is_duplicated():
    assert counted(replace(BOOKS, attempts=[FINISHED, replace(FINISHED, worker="b")])) == {"duplicated"}


def test_an_attempt_that_wrote_under_a_stale_fence_is_duplicated():
    assert counted(replace(BOOKS, attempts=[replace(KILLED, outcome="done")])) == {"duplicated"}


def test_a_generation_that_nobody_asked_for_is_duplicated():
    books = replace(edited_again(told_at_seconds=9.5), jobs=[JOB])

    assert counted(books) == {"duplicated"}


def test_two_jobs_of_one_key_are_duplicated():
    books = replace(BOOKS, jobs=[JOB, replace(JOB, job_id=2, code="superseded")])

    assert counted(books) == {"duplicated"}


def test_one_version_that_was_told_in_two_ways_is_duplicated():
    assert counted(replace(BOOKS, events=[READY, replace(READY, payload={"job_id": "2"})])) == {"duplicated"}


def test_a_good_photo_that_is_dead_was_not_owed():
    dead = replace(JOB, state="dead", code="renderer_died", reason="SIGSEGV")

    assert "unowed" in counted(replace(BOOKS, jobs=[dead]))


def test_an_object_that_no_record_names_is_an_orphan():
    stored = {**BOOKS.stored, "m/5/left.jpg": Content(bytes=1, crc32=0)}

    assert counted(replace(BOOKS, stored=stored)) == {"orphans"}


def test_an_object_of_a_media_that_there_is_not_is_unknown():
    assert counted(replace(BOOKS, unknown=["m/6/a.jpg"])) == {"unknown"}


def test_recovery_is_counted_from_the_strike_to_the_end_of_the_job_that_it_struck():
    assert recoveries([ASKED], BOOKS, [(T0 + timedelta(seconds=2)).timestamp()]) == [7.0]
    assert recoveries([ASKED], BOOKS, [(T0 + timedelta(seconds=6)).timestamp()]) == []


def test_an_attempt_that_was_struck_twice_is_timed_once_from_the_first():
    at = [(T0 + timedelta(seconds=seconds)).timestamp() for seconds in (2, 2.5)]

    assert recoveries([ASKED], BOOKS, at) == [7.0]


def test_a_job_that_a_strike_finds_running_or_waiting_is_timed_though_no_attempt_of_it_came_to_nothing():
    quiet = replace(BOOKS, attempts=[replace(FINISHED, fence=1, started_at=T0 + timedelta(seconds=5))])
    at = [(T0 + timedelta(seconds=seconds)).timestamp() for seconds in (2, 6)]

    assert recoveries([ASKED], quiet, at) == []
    assert waits([ASKED], quiet, at[:1]) == [7.0]
    assert waits([ASKED], quiet, at) == [3.0]


def test_a_job_is_not_timed_from_what_struck_before_it_came_or_after_it_ended_nor_if_it_was_cancelled():
    before, after, between = ((T0 + timedelta(seconds=seconds)).timestamp() for seconds in (-1, 10, 2))
    cancelled = replace(BOOKS, jobs=[replace(JOB, state="cancelled")])

    assert waits([ASKED], BOOKS, [before, after]) == []
    assert waits([ASKED], cancelled, [between]) == []
    assert waits([], BOOKS, [between]) == []
