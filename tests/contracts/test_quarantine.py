"""What every quarantine promises: deaths counted once each, by content, over jobs and owners."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from jobs.job import Crash, JobState
from jobs.memory import MemoryLedger
from jobs.quarantine import FAULTS, accuses
from jobs.quarantine_memory import MemoryQuarantine
from jobs.quarantine_postgres import PostgresQuarantine

CRASH = Crash(
    stage="decode heic",
    signal="SIGSEGV",
    limit=None,
    words="free(): invalid pointer",
    libraries={"libheif": "1.20.2", "libde265": "1.0.15"},
)
MANY = 10_000


@pytest.fixture
def quarantine(subject, request):
    if isinstance(subject.ledger, MemoryLedger):
        return MemoryQuarantine(subject.ledger)
    return PostgresQuarantine.from_settings(request.getfixturevalue("stack").settings)


@pytest.fixture
def sha256():
    """Of an original that no other test has."""
    return secrets.token_hex(32)


@pytest.fixture
def die(subject, quarantine, sha256):
    """Have a renderer die over the original in a job of its own; returns the job and whether it is in quarantine."""

    def die_once(crash=CRASH, owner_id=None, of=None):
        job = subject.start(secrets.token_hex(4), owner_id=owner_id or subject.owner_id)
        return job, quarantine.note(job, of or sha256, crash, "1.2.3")

    return die_once


def test_the_third_death_brings_the_quarantine_whoever_had_uploaded_the_original(die, quarantine, subject, sha256):
    owners = [subject.owner_id, subject.owner_id + 1, subject.owner_id + 1]

    held = [die(owner_id=owner)[1] for owner in owners]

    assert held == [False, False, True]
    assert [death.owner_id for death in quarantine.find(sha256).deaths] == owners
    assert sha256 in quarantine.held(MANY)


@pytest.mark.parametrize(
    ("signal", "limit", "counts"),
    [
        *((signal, None, True) for signal in sorted(FAULTS)),
        ("SIGXCPU", "cpu", True),
        (None, "memory", True),
        (None, None, True),  # an end, or an answer, of its own
        ("SIGKILL", None, False),  # by a kernel that is short of memory
        ("SIGTERM", None, False),
        (None, "wall", False),
        (None, "stall", False),
        ("SIGKILL", "wall", False),
    ],
)
def test_a_death_counts_only_if_it_accuses_the_original_and_is_kept_all_the_same(
    die, quarantine, sha256, signal, limit, counts
):
    crash = replace(CRASH, signal=signal, limit=limit)

    held = [die(crash)[1] for _ in range(3)]

    assert accuses(crash) is counts
    assert held == [False, False, counts]
    assert len(quarantine.deaths(sha256)) == 3
    assert (quarantine.find(sha256) is not None, sha256 in quarantine.held(MANY)) == (counts, counts)


def test_deaths_that_do_not_count_are_no_part_of_what_put_an_original_into_quarantine(die, quarantine, sha256):
    stalled = replace(CRASH, signal=None, limit="stall")

    for crash in (stalled, CRASH, stalled, CRASH, CRASH):
        die(crash)

    assert [death.crash for death in quarantine.find(sha256).deaths] == [CRASH] * 3
    assert len(quarantine.deaths(sha256)) == 5
    assert quarantine.release([sha256]) == [sha256]
    assert all(death.released_at for death in quarantine.deaths(sha256))


def test_deaths_over_other_originals_do_not_count(die, quarantine, sha256):
    for of in (sha256, sha256[::-1], sha256, sha256[::-1]):
        assert not die(of=of)[1]

    assert quarantine.find(sha256) is None
    assert sha256 not in quarantine.held(MANY)


def test_a_death_that_is_noted_again_counts_once(die, quarantine, sha256):
    job, _ = die()

    assert not any(quarantine.note(job, sha256, CRASH, "1.2.3") for _ in range(3))

    assert len(quarantine.deaths(sha256)) == 1


def test_every_attempt_of_one_job_counts(subject, quarantine, sha256):
    job = subject.start()
    held = []
    for _ in range(3):
        held.append(quarantine.note(job, sha256, CRASH, "1.2.3"))
        subject.fail(job, JobState.QUEUED, "renderer_died")
        job = subject.claim(job.job_id)

    assert held == [False, False, True]


def test_a_death_of_no_attempt_that_there_was_is_not_noted(die, quarantine, sha256):
    job, _ = die()

    quarantine.note(replace(job, fence=7), sha256, CRASH, "1.2.3")
    quarantine.note(replace(job, job_id=1), sha256, CRASH, "1.2.3")

    assert [death.fence for death in quarantine.deaths(sha256)] == [1]


def test_two_workers_that_note_the_third_death_at_once_make_one_quarantine_and_count_right(
    subject, quarantine, request
):
    for _ in range(10):
        sha256 = secrets.token_hex(32)
        jobs = [subject.start(secrets.token_hex(4)) for _ in range(4)]
        others = [quarantine] * 4
        if not isinstance(quarantine, MemoryQuarantine):
            others = [PostgresQuarantine.from_settings(request.getfixturevalue("stack").settings) for _ in jobs]
        with ThreadPoolExecutor(4) as pool:
            held = list(pool.map(lambda q, job, of=sha256: q.note(job, of, CRASH, "1.2.3"), others, jobs))

        assert sorted(held) == [False, False, True, True]
        (entry,) = [entry for entry in quarantine.entries(MANY) if entry.sha256 == sha256]
        assert len(entry.deaths) == 4


def test_all_that_is_known_of_a_death_is_kept(die, quarantine, subject, sha256):
    stalled = Crash(stage="transcode", signal=None, limit="stall", words="no progress", libraries={})
    job, _ = die()
    die(stalled)

    first, second = quarantine.deaths(sha256)

    assert (first.job_id, first.media_id, first.owner_id) == (job.job_id, job.media_id, subject.owner_id)
    assert (first.fence, first.function, first.release, first.released_at) == (1, "photo", "1.2.3", None)
    assert (first.crash, second.crash) == (CRASH, stalled)
    assert first.died_at <= second.died_at


def test_what_a_decoder_says_is_kept_whatever_its_characters(die, quarantine, sha256):
    die(replace(CRASH, words="\0 and \ud800 and 'quotes'", libraries={"x": "1\0"}))

    assert "'quotes'" in quarantine.deaths(sha256)[0].crash.words


def test_what_is_in_quarantine_is_listed_newest_first(die, quarantine, subject):
    hashes = [secrets.token_hex(32) for _ in range(3)]
    for of in hashes:
        subject.pass_seconds(1)
        for _ in range(3):
            die(of=of)

    entries = [entry for entry in quarantine.entries(MANY) if entry.sha256 in hashes]

    assert [entry.sha256 for entry in entries] == hashes[::-1]
    assert [len(entry.deaths) for entry in entries] == [3, 3, 3]


def test_an_original_is_found_by_how_its_hash_begins(die, quarantine, sha256):
    other = f"{sha256[:20]}{'0' * 44}"
    die()
    die(of=other)

    assert quarantine.hashes(sha256[:20], 10) == sorted([sha256, other])
    assert quarantine.hashes(sha256, 10) == [sha256]
    assert quarantine.hashes(secrets.token_hex(32), 10) == []


def test_a_released_original_starts_anew_and_what_it_did_is_remembered(die, quarantine, sha256):
    for _ in range(3):
        die()

    assert quarantine.release([sha256, secrets.token_hex(32)]) == [sha256]

    assert quarantine.find(sha256) is None
    assert sha256 not in quarantine.held(MANY)
    assert [die()[1] for _ in range(3)] == [False, False, True]
    assert len(quarantine.find(sha256).deaths) == 3
    assert [death.released_at is None for death in quarantine.deaths(sha256)] == [False] * 3 + [True] * 3


def test_what_is_not_in_quarantine_is_not_released_and_its_deaths_go_on_counting(die, quarantine, sha256):
    held = [die()[1] for _ in range(2)]

    assert quarantine.release([sha256]) == []

    held.append(die()[1])
    assert held == [False, False, True]


def test_a_job_is_turned_away_only_while_its_original_is_in_quarantine(die, subject, quarantine, sha256):
    job = subject.start()
    before = quarantine.refuse(job, sha256)
    for _ in range(3):
        die()
    during = quarantine.refuse(job, sha256)
    quarantine.release([sha256])

    assert (before, during, quarantine.refuse(job, sha256)) == (False, True, False)


def test_the_jobs_that_an_original_ended_can_be_retried_and_no_others(die, subject, quarantine, sha256):
    died = [die()[0] for _ in range(3)]
    refused, cancelled = subject.start("refused"), subject.start("cancelled")
    for job in (refused, cancelled):
        assert quarantine.refuse(job, sha256)
    subject.fail(died[0], JobState.DEAD, "renderer_died")
    subject.fail(died[1], JobState.DEAD, "store_unavailable")
    subject.fail(died[2], JobState.QUEUED, "renderer_died")
    subject.fail(refused, JobState.REJECTED, "quarantined")
    subject.ledger.cancel(cancelled.job_id)

    assert quarantine.stranded([sha256]) == sorted([died[0].job_id, refused.job_id])
    assert quarantine.stranded([]) == []

    subject.ledger.retry(refused.job_id)
    subject.ledger.delete_media(died[0].media_id)
    assert quarantine.stranded([sha256]) == []
