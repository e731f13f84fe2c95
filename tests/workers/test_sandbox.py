"""What a process does to itself, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = "from workers.sandbox.bounds import *; from workers.sandbox.watch import *"


def tell(program):
    """What a process in a session of its own says."""
    command = [sys.executable, "-c", f"{NAMES}\n{program}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True).stdout.split()


def test_who_stands_back_does_so_against_other_sessions_too():
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel does not group processes by session")

    nice, _, *autogroup = tell("stand_back(19); print(os.nice(0), Path('/proc/self/autogroup').read_text())")

    assert (nice, autogroup) == ("19", ["nice", "19"])


def test_what_a_nice_process_starts_in_another_session_is_as_nice_once_it_says_so():
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel does not group processes by session")

    told = tell(
        "os.nice(7)\nif os.fork(): os._exit(os.wait()[1])\nos.setsid(); stand_back(0); print(AUTOGROUP.read_text())"
    )

    assert told[1:] == ["nice", str(min(19, os.nice(0) + 7))]


def test_several_that_stand_back_at_once_all_do():
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", f"{NAMES}; stand_back(19); print(AUTOGROUP.read_text())"],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for _ in range(4)
    ]
    assert all(program.communicate()[0].split()[1:] == ["nice", "19"] for program in programs)


def test_the_programs_of_a_group_run_until_they_have_died():
    assert tell(
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "before = group_runs(child.pid); child.kill()\n"
        "os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)\n"  # it is a zombie now
        "print(before, group_runs(child.pid)); child.wait(); print(group_runs(child.pid))"
    ) == ["True", "False", "False"]
