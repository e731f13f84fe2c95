"""Going on below an init: each time in a process of its own, which fails where the test says."""

import subprocess
import sys

import pytest

from workers.child import ROOT

pytestmark = pytest.mark.usefixtures("whole_sandbox")

ENTER = """
import os, sys
from workers.sandbox import keeper, rooms

def refuse(*_):
    raise OSError(1, "refused")

def fork(real=os.fork, times=iter(range(100))):
    if next(times) == REFUSED:
        refuse()
    return real()

{failure}
parts = rooms.enter(16)
print("went on", parts["pids"], flush=True)
"""


def enter(failure):
    """How a process ends that enters rooms of its own, and what it says."""
    program = ENTER.format(failure=failure)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_process_goes_on_once_and_ends_as_the_worker_does():
    ended = enter("import atexit; atexit.register(os._exit, 7)")

    assert (ended.returncode, ended.stdout) == (7, "went on granted\n")


@pytest.mark.parametrize(
    "failure",
    [
        "rooms.in_a_trial = lambda act: None; rooms.mount_proc = refuse",
        "rooms.in_a_trial = lambda act: None; REFUSED = 0; os.fork = fork",
        "rooms.in_a_trial = lambda act: None; REFUSED = 1; os.fork = fork",
        "keeper.kernel.follow_parent = lambda *_: refuse() if os.getpid() == 1 else None",
    ],
    ids=["mount", "fork of the init", "fork of the worker", "following"],
)
def test_what_fails_on_the_way_ends_the_whole_descent_and_nobody_goes_on_in_the_workers_place(failure):
    ended = enter(failure)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot enter a process namespace: PermissionError: [Errno 1] refused" in ended.stderr


def test_above_whom_nobody_can_wait_a_worker_is_killed_with_the_namespace():
    ended = enter("import atexit, time; atexit.register(time.sleep, 600); keeper.settle = refuse")

    assert ended.returncode == 1
    assert ended.stdout in ("", "went on granted\n")  # of the worker alone, if it came so far
    assert "cannot enter a process namespace: PermissionError: [Errno 1] refused" in ended.stderr


def test_what_is_refused_beforehand_is_lacking_and_the_process_goes_on():
    assert enter("rooms.mount_proc = refuse").stdout == "went on Operation not permitted\n"
