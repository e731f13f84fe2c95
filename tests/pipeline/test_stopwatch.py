"""Timing the stages of a flow."""

import json
import statistics
import subprocess
import sys
from contextlib import suppress
from contextvars import copy_context

import pytest

from pipeline.stopwatch import Stopwatch, observe

LIMITED = """
import json, resource, time
from pipeline.stopwatch import Stopwatch
resource.setrlimit(resource.RLIMIT_CPU, (60, resource.RLIM_INFINITY))
shares = []
for _ in range(9):
    watch, began = Stopwatch(), time.thread_time()
    for _ in range(20):
        with watch.stage("work"):
            sum(range(20_000))
    shares.append(watch.timings["work_cpu_ms"] / 1000 / (time.thread_time() - began))
print(json.dumps(shares))
"""


def test_a_stage_that_is_entered_twice_is_added_up():
    watch = Stopwatch()

    for _ in range(2):
        with watch.stage("work"):
            sum(range(10_000))
    once = watch.timings["work_wall_ms"]
    with watch.stage("work"):
        sum(range(10_000))

    assert set(watch.timings) == {"work_cpu_ms", "work_wall_ms"}
    assert watch.timings["work_wall_ms"] > once > 0


def test_short_stages_are_counted_finely_also_under_a_cpu_limit():
    output = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True).stdout

    counted = statistics.median(json.loads(output))  # now and then another process comes between the two clocks
    assert counted == pytest.approx(1, rel=0.2)


def test_who_observes_is_told_of_each_stage_and_of_the_one_around_it():
    told = observed_during(stages_within_stages)

    assert told == ["poster mov", "decode heic", "poster mov", ""]


def test_a_stage_that_fails_is_the_last_that_is_told():
    def fail():
        with Stopwatch().stage("poster"), Stopwatch().stage("decode"):
            raise ZeroDivisionError

    assert observed_during(fail) == ["poster", "decode"]


def stages_within_stages():
    with Stopwatch().stage("poster", of="mov"), Stopwatch().stage("decode", of="heic"):
        pass


def observed_during(work):
    told = []

    def observing():
        observe(told.append)
        with suppress(ZeroDivisionError):
            work()

    copy_context().run(observing)
    return told
