"""What `darkroom quarantine show` says of each death."""

from datetime import UTC, datetime

import pytest

from jobs.job import Crash
from jobs.quarantine import Death
from scripts.darkroom.quarantine import counted

WHEN = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)


def death(*, signal, limit, released_at):
    crash = Crash(stage="decode jpeg", signal=signal, limit=limit, words="", libraries={})
    facts = {"sha256": "5e" * 32, "job_id": 1, "fence": 1, "media_id": 2, "owner_id": 7, "function": "photo"}
    return Death(**facts, died_at=WHEN, release="1", released_at=released_at, crash=crash)


@pytest.mark.parametrize(
    ("signal", "limit", "released_at", "says"),
    [
        ("SIGSEGV", None, None, "yes"),
        ("SIGXCPU", "cpu", None, "yes"),
        ("SIGKILL", None, None, "no, the host may have done it"),
        ("SIGKILL", "wall", None, "no, the host may have done it"),
        ("SIGSEGV", None, WHEN, "no, released"),
    ],
)
def test_a_death_is_said_to_count_only_if_it_does(signal, limit, released_at, says):
    told = death(signal=signal, limit=limit, released_at=released_at)

    assert counted(told) == says
    assert told.counts is (says == "yes")
