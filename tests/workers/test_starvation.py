"""Telling who waits for a processor from who is stuck."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workers.starvation import Starvation, waiting_times

SPIN = "print(flush=True)\nwhile True: pass"
WINDOW_SECONDS = 1.5


@pytest.fixture
def start():
    started = []

    def start(program, core):
        command = ["taskset", "-c", str(core), sys.executable, "-c", program]
        started.append(subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE))
        assert started[-1].stdout.readline() == b"\n"  # it has begun
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def core():
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("this kernel keeps no scheduling statistics")
    return min(os.sched_getaffinity(0))


def starved_seconds(group):
    starvation = Starvation(group)
    assert starvation.seconds() == 0  # there is nothing yet to compare with
    time.sleep(WINDOW_SECONDS)
    return starvation.seconds()


def test_several_that_share_a_core_wait_for_each_other(start, core):
    groups = [start(SPIN, core) for _ in range(3)]

    waited = [starved_seconds(group) for group in groups]

    assert all(seconds > WINDOW_SECONDS / 3 for seconds in waited)


def test_who_sleeps_or_is_stopped_does_not_starve_however_busy_the_core_is(start, core):
    start(SPIN, core)
    asleep = start("import time; print(flush=True); time.sleep(600)", core)

    assert starved_seconds(asleep) < 0.2


def test_all_threads_of_a_group_count_and_those_of_another_do_not(start, core):
    threads = "[threading.Thread(target=time.sleep, args=(600,)).start() for _ in range(3)]"
    program = f"import threading, time; {threads}; print(flush=True)"
    group, other = start(program, core), start(program, core)

    assert len(waiting_times(group)) == 4
    assert not waiting_times(group).keys() & waiting_times(other).keys()


def test_a_group_that_is_gone_starves_no_more():
    assert waiting_times(2**22 - 1) == {}
