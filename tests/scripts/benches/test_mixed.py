"""The bench of clips and photos side by side: what its figures are made of, and how it keeps clip workers busy."""

import numpy as np
import pytest

from jobs.job import JobState
from scripts.benches import mixed
from scripts.benches.mixed import Crowd, Load, figures, find_photos


def test_a_95th_percentile_is_numpys():
    latencies = np.random.default_rng(3).gamma(2, 50, 150).tolist()

    assert mixed.p95(latencies) == pytest.approx(np.percentile(latencies, 95))


def test_the_figures_have_their_names():
    loads = [
        Load(workers=workers, clips_per_minute=2.0 * workers, own_seconds=0.5, encoding_seconds=20.0)
        for workers in (1, 2)
    ]

    found = figures(loads, [100.0] * 20, [100.0] * 10 + [130.0] * 10)

    assert found["clips_per_minute_1"] == 2
    assert found["clips_per_minute_2"] == 4
    assert found["beside_ffmpeg"] == pytest.approx(0.025)
    assert found["photo_p95_over_quiet"] == pytest.approx(1.3)


def test_photos_are_those_beside_the_clips_or_one_made_by_code(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.mov").touch()

    assert find_photos([tmp_path, tmp_path / "b.mov"]) == [tmp_path / "a.jpg"]
    (made,) = find_photos([tmp_path / "b.mov"])
    assert made[:2] == b"\xff\xd8"


class Desk:
    """A client whose jobs run at once, and end when they are cancelled or told to."""

    def __init__(self):
        self.states, self.asked = {}, []

    def submit(self, owner_id, source_key, *, key, function):
        self.asked.append((source_key, function))
        self.states[len(self.asked)] = JobState.RUNNING
        return type("Receipt", (), {"job_id": len(self.asked)})

    def status(self, job_id):
        return type("Status", (), {"state": self.states[job_id]})

    def cancel(self, job_id):
        self.states[job_id] = JobState.CANCELLED


def test_a_crowd_stays_as_large_as_it_is_and_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr(mixed, "CANCELLED_SECONDS", 0)
    desk = Desk()
    crowd = Crowd(desk, ["a", "b", "c"], 2)
    desk.states[1] = JobState.DONE

    crowd.keep()
    crowd.keep()
    crowd.disperse()

    assert desk.asked == [("a", "clip"), ("b", "clip"), ("c", "clip")]
    assert desk.states == {1: JobState.DONE, 2: JobState.CANCELLED, 3: JobState.CANCELLED}


def test_nobody_is_waited_for_where_there_is_no_crowd(monkeypatch):
    monkeypatch.setattr(mixed.time, "sleep", lambda seconds: seconds and pytest.fail("waited"))

    Crowd(Desk(), ["a"], 0).disperse()
