"""Many at once against the real ledger: each promise holds when everybody races for it."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobs.job import Event, Job, JobState, Order, Publication, Receipt
from jobs.postgres import PostgresLedger

pytestmark = pytest.mark.server

THREADS = 8
MANY = 10_000


@pytest.fixture
def owner_id() -> int:
    return secrets.randbelow(1 << 48)


@pytest.fixture
def ledgers(stack) -> list[PostgresLedger]:
    """As many clients, each with a connection of its own."""
    return [PostgresLedger(stack.settings.database_url) for _ in range(THREADS)]


def side_by_side(ask: Callable[..., Any], *of_each: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(ask, *of_each))


def order(owner_id: int, key: str, **more: Any) -> Order:
    return Order(owner_id=owner_id, key=key, source_key="originals/1", **more)


def publication(mark: int) -> Publication:
    return Publication(sha256=f"{mark:064x}", width=7, height=5, facts={}, renditions=(), timings={})


def collect(ledger: PostgresLedger, owner_id: int) -> list[Event]:
    told: list[Event] = []
    while ledger.relay(told.extend, MANY):
        pass
    return [event for event in told if event.owner_id == owner_id]


def test_one_key_submitted_by_many_at_once_is_one_job_created_once(ledgers, owner_id):
    keys = [f"key {n}" for n in range(40)]

    def submit_all(ledger: PostgresLedger) -> list[Receipt]:
        return [ledger.submit(order(owner_id, key)) for key in keys]

    for receipts in zip(*side_by_side(submit_all, ledgers), strict=True):
        assert len({(receipt.job_id, receipt.media_id) for receipt in receipts}) == 1
        assert [receipt.created for receipt in receipts].count(True) == 1


def test_one_key_for_a_further_generation_takes_one_turn(ledgers, owner_id):
    media_id = ledgers[0].submit(order(owner_id, "first")).media_id

    receipts = side_by_side(lambda ledger: ledger.submit(order(owner_id, "again", media_id=media_id)), ledgers)

    assert len({receipt.job_id for receipt in receipts}) == 1
    for receipt in (receipts[0], ledgers[0].submit(order(owner_id, "first"))):
        ledgers[0].cancel(receipt.job_id)
    assert ledgers[0].media(media_id).state == "failed", "a turn that was not used left the media waiting for a job"


def test_every_job_that_many_race_to_claim_has_one_winner(ledgers, owner_id):
    jobs = [ledgers[0].submit(order(owner_id, f"key {n}")).job_id for n in range(60)]

    def claim_all(ledger: PostgresLedger) -> list[int]:
        return [job_id for job_id in jobs if ledger.claim(job_id, f"worker {id(ledger)}", 60)]

    won = Counter(job_id for of_one in side_by_side(claim_all, ledgers) for job_id in of_one)
    assert won == dict.fromkeys(jobs, 1)


def test_with_leases_that_end_at_once_every_job_is_published_once_and_stale_fences_write_nothing(ledgers, owner_id):
    jobs = {ledgers[0].submit(order(owner_id, f"key {n}")).job_id for n in range(30)}

    def work(ledger: PostgresLedger) -> list[int]:
        """Claim what is due with a lease of nothing, so that others sweep it away, and finish late."""
        finished = []
        for _ in range(4):
            claimed = [ledger.claim(job_id, f"worker {id(ledger)}", 0) for job_id in jobs]
            ledger.sweep(MANY)
            finished += [job.job_id for job in claimed if job and ledger.finish(job, publication(job.fence))]
        return finished

    finished = Counter(job_id for of_one in side_by_side(work, ledgers) for job_id in of_one)

    told = Counter(event.payload["job_id"] for event in collect(ledgers[0], owner_id) if event.topic == "media.ready")
    assert set(finished.values()) <= {1}
    assert told == finished
    for job_id in jobs:
        status = ledgers[0].status(job_id)
        outcomes = [attempt.outcome for attempt in ledgers[0].attempts(job_id)]
        assert (status.state == JobState.DONE) == (job_id in finished) == ("done" in outcomes)
        assert len(outcomes) == status.attempts - (status.state == JobState.RUNNING)
        ledgers[0].cancel(job_id)


def test_of_many_jobs_of_one_media_that_finish_at_once_the_last_asked_for_is_shown(ledgers, owner_id):
    for of_media in range(10):
        first = ledgers[0].submit(order(owner_id, f"{of_media}"))
        further = [order(owner_id, f"{of_media}.{n}", media_id=first.media_id) for n in range(1, THREADS)]
        receipts = [first] + [ledgers[0].submit(each) for each in further]
        claimed = [ledgers[0].claim(receipt.job_id, "worker", 60) for receipt in receipts]
        works = [publication(turn) for turn in range(THREADS)]

        assert all(side_by_side(PostgresLedger.finish, ledgers, claimed, works))

        shown = ledgers[0].generations(first.media_id)
        turns = [int(str(media.sha256), 16) for media in shown]
        assert [media.generation for media in shown] == list(range(1, len(shown) + 1))
        assert turns == sorted(turns), "an older job replaced what was asked for after it"
        assert turns[-1] == THREADS - 1
        superseded = [receipt for receipt in receipts if ledgers[0].status(receipt.job_id).code == "superseded"]
        assert len(superseded) == THREADS - len(shown)


def test_of_many_clips_of_one_media_that_show_parts_and_finish_at_once_the_last_asked_for_is_shown(ledgers, owner_id):
    def show_and_finish(ledger: PostgresLedger, job: Job, turn: int) -> bool:
        return ledger.publish_part(job, publication(turn)) and ledger.finish(job, publication(turn + THREADS))

    for of_media in range(10):
        first = ledgers[0].submit(order(owner_id, f"{of_media}", function="clip"))
        more = {"function": "clip", "media_id": first.media_id}
        further = [ledgers[0].submit(order(owner_id, f"{of_media}.{n}", **more)) for n in range(1, THREADS)]
        claimed = [ledgers[0].claim(receipt.job_id, "worker", 60) for receipt in (first, *further)]

        assert all(side_by_side(show_and_finish, ledgers, claimed, range(THREADS)))

        told = [event for event in collect(ledgers[0], owner_id) if event.media_id == first.media_id]
        assert [event.version for event in told] == list(range(1, len(told) + 1))
        shown = ledgers[0].generations(first.media_id)
        assert [media.generation for media in shown] == [e.version for e in told if e.topic == "media.ready"]
        turns = [int(str(media.sha256), 16) - THREADS for media in shown]
        assert turns == sorted(turns), "an older job replaced what was asked for after it"
        assert (turns[-1], shown[-1].state) == (THREADS - 1, "ready")


def test_a_clip_that_is_cancelled_while_it_shows_a_part_is_usable_or_failed_as_was_told(ledgers, owner_id):
    for n in range(20):
        job = ledgers[0].claim(ledgers[0].submit(order(owner_id, f"key {n}", function="clip")).job_id, "worker", 60)
        acts = [
            lambda job=job: ledgers[0].publish_part(job, publication(1)),
            lambda job=job: ledgers[1].cancel(job.job_id),
        ]

        shown, _ = side_by_side(lambda act: act(), acts)

        topics = [event.topic for event in collect(ledgers[0], owner_id)]
        assert topics == (["media.usable", "media.incomplete"] if shown else ["media.failed"])
        assert ledgers[0].media(job.media_id).state == ("usable" if shown else "failed")


def test_a_media_whose_jobs_all_fail_at_once_is_told_of_once(ledgers, owner_id):
    media_ids = []
    for of_media in range(10):
        first = ledgers[0].submit(order(owner_id, f"{of_media}"))
        further = [order(owner_id, f"{of_media}.{n}", media_id=first.media_id) for n in range(1, THREADS)]
        claimed = [
            ledgers[0].claim(receipt.job_id, "worker", 60)
            for receipt in [first] + [ledgers[0].submit(each) for each in further]
        ]
        side_by_side(
            lambda ledger, job: ledger.fail(job, code="bug", reason="it broke", then=JobState.DEAD), ledgers, claimed
        )
        media_ids.append(first.media_id)

    told = Counter(event.media_id for event in collect(ledgers[0], owner_id))
    assert told == dict.fromkeys(media_ids, 1)
    assert {ledgers[0].media(media_id).state for media_id in media_ids} == {"failed"}


def test_a_job_that_is_cancelled_while_it_finishes_is_either_and_never_both(ledgers, owner_id):
    for n in range(20):
        job = ledgers[0].claim(ledgers[0].submit(order(owner_id, f"key {n}")).job_id, "worker", 60)
        acts = [
            lambda job=job: ledgers[0].finish(job, publication(1)),
            lambda job=job: ledgers[1].cancel(job.job_id) == JobState.CANCELLED,
        ]

        finished, cancelled = side_by_side(lambda act: act(), acts)

        assert finished != cancelled
        assert ledgers[0].media(job.media_id).state == ("ready" if finished else "failed")


def test_many_sweepers_hand_out_every_ticket_once(ledgers, owner_id):
    jobs = {ledgers[0].submit(order(owner_id, f"key {n}")).job_id for n in range(100)}
    ledgers[0].recall(MANY)

    def sweep_in_small_steps(ledger: PostgresLedger) -> list[int]:
        swept: list[int] = []
        while tickets := ledger.sweep(7):
            swept += [ticket.job_id for ticket in tickets if ticket.job_id in jobs]
        return swept

    swept = Counter(job_id for of_one in side_by_side(sweep_in_small_steps, ledgers) for job_id in of_one)
    assert swept == dict.fromkeys(jobs, 1)
    for job_id in jobs:
        ledgers[0].cancel(job_id)


def test_relays_that_run_beside_writers_lose_no_event_and_tell_none_twice(ledgers, owner_id):
    relays, writers = ledgers[:3], ledgers[3:]
    told: list[Event] = []
    collect(ledgers[0], owner_id)

    def write(ledger: PostgresLedger) -> list[int]:
        written = []
        for n in range(20):
            receipt = ledger.submit(order(owner_id, f"{id(ledger)}.{n}"))
            job = ledger.claim(receipt.job_id, "worker", 60)
            ledger.finish(job, publication(n))
            written.append(receipt.media_id)
        return written

    def relay(ledger: PostgresLedger) -> None:
        for _ in range(150):
            ledger.relay(told.extend, 5)

    with ThreadPoolExecutor(THREADS) as threads:
        relaying = [threads.submit(relay, ledger) for ledger in relays]
        written = {media_id for of_one in threads.map(write, writers) for media_id in of_one}
        for each in relaying:
            each.result()
    told += collect(ledgers[0], owner_id)

    assert Counter(event.media_id for event in told if event.owner_id == owner_id) == dict.fromkeys(written, 1)
