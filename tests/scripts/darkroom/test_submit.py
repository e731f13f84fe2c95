"""How long `darkroom submit --wait` waits."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from jobs.job import JobState
from scripts.darkroom.submit import PATIENCE_SECONDS, Submission, follow
from scripts.darkroom.watch import Watch

JOB = 11


@dataclass
class SlowClient:
    """A client whose job is as far as the list says, a wait apart, and done when it is at its end."""

    shares: list[float]
    waits: list[float] = field(default_factory=list)

    def status(self, job_id):
        state = JobState.RUNNING if self.shares else JobState.DONE
        share = self.shares[0] if self.shares else None
        return SimpleNamespace(job_id=job_id, media_id=3, state=state, attempts=1, progress=share, eta_seconds=None)

    def wait(self, job_id, timeout_seconds, on_status):
        self.waits.append(timeout_seconds)
        on_status(self.status(job_id))
        del self.shares[0]
        if self.shares:
            raise TimeoutError("it goes on")
        return self.status(job_id)

    def media(self, media_id):
        return SimpleNamespace(media_id=media_id)


def followed(client, deadline=None):
    with Watch(show=False) as watch:
        return follow(client, Submission(source="film.mp4", job=SimpleNamespace(job_id=JOB)), deadline, watch)


def test_a_job_that_gets_further_is_waited_for_however_long_it_takes():
    client = SlowClient([0.1, 0.2, 0.20001, 0.6])

    result = followed(client)

    assert (result.exit_code, result.error, result.job.state) == (0, None, JobState.DONE)
    assert client.waits == [PATIENCE_SECONDS] * 4


def test_one_that_gets_no_further_is_given_up_after_as_long_as_that_takes():
    client = SlowClient([0.1, 0.2, 0.2, 0.2, 0.2])

    result = followed(client)

    assert (result.error, result.exit_code != 0) == ("it goes on", True)
    assert len(client.waits) == 2


def test_a_time_that_was_asked_for_is_the_end_whatever_gets_further():
    client = SlowClient([0.1, 0.2, 0.3])

    result = followed(client, deadline=0.0)

    assert result.error == "it goes on"
    assert client.waits == [0.0]


@pytest.mark.parametrize("function", ["photo", "clip"])
def test_a_rung_of_a_photo_is_refused_and_one_of_a_clip_is_not(function, tmp_path, monkeypatch):
    from filters.recipe import Recipe
    from jobs.job import Lane
    from scripts.darkroom import submit

    class Client(SlowClient):
        def submit(self, owner_id, source_key, *, mandatory, **_):
            assert mandatory == ("480p",)
            return SimpleNamespace(job_id=JOB)

    monkeypatch.setattr(submit, "store", lambda *_: "o/7/x")
    (tmp_path / "x").write_bytes(b"x")
    order = submit.Handover(
        owner=7,
        function=function,
        ladder="standard",
        mandatory=("480p",),
        recipe=Recipe(),
        lane=Lane.BATCH,
        timeout=None,
    )

    result = submit.hand_over(Client([0.1]), str(tmp_path / "x"), None, order)

    if function == "photo":
        assert result.error == "unknown_rendition: '480p' cannot be mandatory; a photo is published as a whole"
        assert result.exit_code == 1
    else:
        assert result.job.job_id == JOB
