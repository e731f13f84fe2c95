"""The short form of `scripts/faults` on real servers, with a fault of each kind.

Whether what is promised in seconds is kept, `scripts/faults` judges, on a machine that has nothing else to do.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.faulting.__main__ import choose, shuffled
from scripts.faulting.table import FAULTS

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 900  # on a machine that is busy; two minutes and a half on an idle one


def test_no_two_faults_have_one_name_and_every_step_is_killed():
    names = [fault.name for fault in FAULTS]

    assert len(set(names)) == len(names)
    assert {"kill after claim", "kill after post", "stop before publish", "crash mid render"} <= set(names)


def test_faults_are_chosen_by_a_part_of_their_group_or_name():
    assert {fault.group for fault in choose(["kills"], short=False)} == {"kills"}
    assert [fault.name for fault in choose(["kill after put"], short=False)] == ["kill after put"]
    assert len(choose(["after put"], short=False)) > 1
    assert choose(None, short=True)
    assert len(choose(None, short=True)) < len(FAULTS)


def test_a_fault_that_takes_many_minutes_is_run_only_if_it_is_spelled_out():
    long = {"gearmand is away for 600 s"}

    assert not long & {fault.name for fault in (*choose(None, short=False), *choose(["gearmand"], short=False))}
    assert {fault.name for fault in choose(["long"], short=False)} == long
    assert {fault.name for fault in choose([*long], short=False)} == long


def test_the_same_seed_gives_the_same_order():
    import random

    def order(seed):
        return [fault.name for fault in shuffled(FAULTS, random.Random(seed))]

    assert order(1) == order(1) != order(2)


@pytest.mark.server
def test_nothing_is_lost_half_published_or_done_twice_whatever_happens(tmp_path):
    if not shutil.which("gearmand"):
        pytest.skip("no gearmand: scripts/setup installs it")
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "scripts.faulting", "--short", "--patience", "4", "--json", str(file)]

    ended = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )

    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
    figures = json.loads(file.read_text())
    wrong = ("lost", "half_published", "duplicated", "orphans")
    assert [figures[name] for name in wrong] == [0, 0, 0, 0]
    assert figures["acknowledged"] > 0
