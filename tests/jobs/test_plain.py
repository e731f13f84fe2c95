"""Plain data, as other programs read it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.job import Event, JobState
from jobs.plain import as_data


@dataclass(frozen=True, kw_only=True)
class Example:
    state: JobState
    at: datetime
    parts: tuple[int, ...]


def test_ids_are_strings_wherever_they_stand_since_javascript_counts_to_2_to_the_53():
    event = Event(
        seq=1,
        topic="media.ready",
        owner_id=2**60,
        media_id=2**60 + 1,
        version=3,
        payload={"job_id": 2**60 + 2},
        created_at=datetime(2026, 1, 31, tzinfo=UTC),
    )

    data = as_data(event)

    assert (data["owner_id"], data["media_id"]) == ("1152921504606846976", "1152921504606846977")
    assert data["payload"] == {"job_id": "1152921504606846978"}
    assert data["version"] == 3


def test_states_times_and_tuples_become_what_json_has():
    moment = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

    data = as_data(Example(state=JobState.DONE, at=moment, parts=(1, 2)))

    assert json.loads(json.dumps(data)) == {"state": "done", "at": "2026-01-31T12:00:00+00:00", "parts": [1, 2]}
