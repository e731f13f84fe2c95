"""What a person sees of jobs that run."""

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from jobs.job import JobState, JobStatus, Lane
from scripts.darkroom.show import clip_line, duration, job_table
from scripts.darkroom.watch import Watch

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def status(progress=None, eta_seconds=None, state=JobState.RUNNING):
    return JobStatus(
        job_id=4711,
        media_id=7,
        owner_id=1,
        function="clip",
        lane=Lane.BATCH,
        ladder="standard",
        recipe={},
        state=state,
        attempts=1,
        code=None,
        reason=None,
        submitted_at=NOW,
        started_at=NOW,
        finished_at=None,
        due_at=NOW,
        progress=progress,
        eta_seconds=eta_seconds,
    )


def seen(act, *, terminal=True, show=True):
    """What stands in the terminal after `act`, bar by bar."""
    written = io.StringIO()
    with Watch(show=show, screen=Console(file=written, force_terminal=terminal, width=120)) as watch:
        act(watch)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue())


def test_the_job_at_hand_shows_its_percent_and_the_ledgers_own_time_to_the_end():
    text = seen(lambda watch: watch.see(status(0.425, 200.4)))

    assert "Job 4711" in text
    assert "42 %" in text
    assert "3 min 20 s left" in text


def test_a_job_that_has_not_told_shows_nothing():
    assert "Job" not in seen(lambda watch: watch.see(status()))


def test_what_is_counted_shows_how_many_are_done():
    text = seen(lambda watch: list(watch.counted("abc", "Rendering")))

    assert "Rendering" in text
    assert "3/3" in text


def test_the_bar_of_a_job_goes_when_the_next_is_waited_for():
    def act(watch):
        for number in watch.counted(range(2), "Rendering"):
            if number == 0:
                watch.see(status(0.5, 1))

    assert "Job" not in seen(act).rpartition("2/2")[2]


@pytest.mark.parametrize("how", [{"terminal": False}, {"show": False}])
def test_where_nobody_watches_nothing_is_written(how):
    def act(watch):
        watch.see(status(0.5, 1))
        assert list(watch.counted("abc", "Rendering")) == ["a", "b", "c"]

    assert seen(act, **how).strip() == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (12.4, "12 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599, "59 min 59 s"),
        (3900, "1 h 5 min"),
    ],
)
def test_a_time_is_told_in_the_two_largest_units(seconds, text):
    assert duration(seconds) == text


def test_a_running_job_is_listed_with_its_percent_and_time_to_the_end():
    written = io.StringIO()
    Console(file=written, width=200).print(job_table([status(0.99, 1.0), status(state=JobState.QUEUED)]))

    running, queued = written.getvalue().splitlines()[1:]
    assert "running  99 %  1 s left" in running
    assert "clip" in running
    assert "%" not in queued


def test_a_clip_is_told_in_one_line():
    facts = {
        "seconds": 12.345,
        "frames_per_second": 29.97,
        "video_codec": "hevc",
        "audio_codec": "aac",
        "has_sound": True,
        "loudness_lufs": -18.23,
        "hdr": "hlg",
        "loops": False,
    }

    assert clip_line(facts) == "12.3 s, 29.97 frames/s, hevc, aac at -18.2 LUFS, HDR (hlg)"
    silent = facts | {"has_sound": False, "loudness_lufs": None, "hdr": None, "loops": True}
    assert clip_line(silent) == "12.3 s, 29.97 frames/s, hevc, no sound, loops"
