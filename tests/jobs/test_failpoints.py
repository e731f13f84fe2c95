"""Failpoints: they parse, happen as often as they are given shots, and are absent without their variable."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jobs import failpoints
from jobs.errors import Unavailable


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    failpoints.armed.cache_clear()
    yield
    monkeypatch.undo()
    failpoints.armed.cache_clear()


def test_nothing_happens_without_the_variable(monkeypatch):
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)

    for step in failpoints.STEPS:
        failpoints.reach(step)

    assert failpoints.armed() == {}


def test_an_error_comes_each_time_without_a_folder(monkeypatch):
    monkeypatch.setenv(failpoints.VARIABLE, "after_fetch=error")

    for _ in range(3):
        with pytest.raises(Unavailable, match="failpoint after_fetch"):
            failpoints.reach("after_fetch")
    failpoints.reach("after_claim")


def test_an_error_comes_once_for_each_file(monkeypatch, tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    monkeypatch.setenv(failpoints.VARIABLE, f"after_fetch=error@{tmp_path}")

    for _ in range(2):
        with pytest.raises(Unavailable):
            failpoints.reach("after_fetch")
    failpoints.reach("after_fetch")

    assert list(tmp_path.iterdir()) == []


def test_a_delay_delays(monkeypatch):
    monkeypatch.setenv(failpoints.VARIABLE, "before_publish=delay:0.2")

    began = time.monotonic()
    failpoints.reach("before_publish")

    assert time.monotonic() - began >= 0.2


def test_a_step_may_have_several_failpoints_each_with_its_own_shots(monkeypatch, tmp_path):
    waits, fails = tmp_path / "waits", tmp_path / "fails"
    waits.mkdir()
    fails.mkdir()
    monkeypatch.setenv(failpoints.VARIABLE, f"after_put=delay:0@{waits},after_put=error@{fails}")

    (waits / "one").touch()
    failpoints.reach("after_put")
    assert list(waits.iterdir()) == []
    (fails / "one").touch()
    with pytest.raises(Unavailable):
        failpoints.reach("after_put")


def test_a_crash_is_the_renderers(monkeypatch):
    monkeypatch.setenv(failpoints.VARIABLE, "mid_render=crash")
    crashed = []

    failpoints.reach("mid_render", lambda: crashed.append("renderer"))

    assert crashed == ["renderer"]


def test_a_process_is_killed():
    died = reach_in_a_process("after_claim=kill")

    assert died.wait(10) == -signal.SIGKILL


def test_a_stopped_process_goes_on_when_it_is_continued():
    stopped = reach_in_a_process("after_claim=stop")
    _, state = os.waitpid(stopped.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(state)

    stopped.send_signal(signal.SIGCONT)

    assert stopped.wait(10) == 0


@pytest.mark.parametrize("text", ["after_clam=kill", "after_claim=explode", "after_claim"])
def test_what_there_is_not_is_no_failpoint(text):
    with pytest.raises(ValueError, match="steps: after_claim"):
        failpoints.parse(text)


def reach_in_a_process(points: str) -> "subprocess.Popen[bytes]":
    script = "from jobs import failpoints; failpoints.reach('after_claim')"
    return subprocess.Popen([sys.executable, "-c", script], env={**os.environ, failpoints.VARIABLE: points})
