"""A root of a process's own, built in a process of its own."""

import subprocess
import sys

import pytest

from workers.child import ROOT

pytestmark = pytest.mark.usefixtures("whole_sandbox")

CHANGE = """
import os, sys
from pathlib import Path
from workers.sandbox import roots, rooms

folder = Path(sys.argv[1])
rooms.enter(16)
before = os.listdir("/proc/self/fd")
{failure}
try:
    roots.change_root(roots.clip_view(folder))
except OSError as error:
    print(error.strerror)
print(os.listdir("/proc/self/fd") == before, os.path.exists(folder / "beside"), os.path.exists("/etc/passwd"))
"""


def change_root(folder, failure):
    program = CHANGE.format(failure=failure)
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "beside").touch()
    return tmp_path


@pytest.mark.parametrize("step", ["clone_tree", "restrict_tree", "move_tree", "pivot_root"])
def test_a_root_that_comes_to_nothing_leaves_all_as_it_was_and_no_descriptor_open(folder, step):
    times = "iter((1,))" if step == "pivot_root" else "iter(range(100))"
    failure = f"""
real = roots.kernel.{step}
def fail_the_second(*arguments, times={times}):
    if next(times) == 1:
        raise OSError(28, "refused")
    return real(*arguments)
roots.kernel.{step} = fail_the_second
"""
    assert change_root(folder, failure) == "refused\nTrue True True\n"


def test_a_new_root_leaves_no_descriptor_open_either(folder):
    assert change_root(folder, "") == "True True False\n"
