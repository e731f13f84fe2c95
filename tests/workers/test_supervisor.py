"""The pool, with members that are a line of Python each."""

import re
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from jobs.errors import LedgerUnavailable
from workers import supervisor
from workers.exits import LEFT, UNABLE
from workers.head import worker_name
from workers.signals import Signals
from workers.supervisor import Member, Pool, parse

PATIENT = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


class Releases:
    """A ledger that only notes whose leases are given back."""

    def __init__(self, error=None):
        self.workers = []
        self.error = error

    def release(self, worker):
        self.workers.append(worker)
        if self.error:
            raise self.error
        return 1


class Place(Member):
    """A member that runs a program of the test's instead of a module of ours."""

    def __init__(self, program, kind="photo", argument=""):
        super().__init__(kind, 1)
        self.program = program
        self.argument = argument
        self.pids = []

    def start(self):
        super().start()
        self.pids.append(self.process.pid)

    @property
    def command(self):
        return [sys.executable, "-c", self.program, self.argument]


class Running:
    """A pool that runs in a thread of its own until the block ends."""

    def __init__(self, *members, ledger=None, drain_seconds=30.0, scratch_directory=Path("/nonexistent")):
        self.members = members
        self.ledger = ledger or Releases()
        self.signals = Signals()
        self.status = None
        self.pool = Pool(
            members, self.ledger, self.signals, drain_seconds=drain_seconds, scratch_directory=scratch_directory
        )
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        self.status = self.pool.run()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        while self.thread.is_alive() and self.signals.times < 3:
            self.signals.ask()
            self.thread.join(timeout=supervisor.GRACE_SECONDS + 5)

    def stop(self):
        self.signals.ask()
        self.thread.join(timeout=20)
        return self.status


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def has_own_way_with_term(pid):
    """Whether it has come to say so: whatever runs before ends by SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = re.findall(r"^Sig(?:Cgt|Ign):\t(\w+)$", status, re.MULTILINE)
    return any(int(mask, 16) & 1 << signal.SIGTERM - 1 for mask in masks)


def test_a_member_that_is_killed_is_replaced_and_its_leases_are_given_back_at_once():
    place = Place(PATIENT)
    with Running(place) as running:
        wait_for(lambda: place.pids)
        name = place.holds_leases_as
        psutil.Process(place.pids[0]).kill()
        killed_at = time.monotonic()
        wait_for(lambda: len(place.pids) == 2)

        assert running.ledger.workers == [name]
        assert time.monotonic() - killed_at < 5
        assert name.split(":")[1] == str(place.pids[0])


@pytest.mark.parametrize("status", [0, LEFT])
def test_a_member_that_left_in_order_has_given_back_its_leases_itself(status):
    place = Place(f"raise SystemExit({status})")
    with Running(place) as running:
        wait_for(lambda: len(place.pids) == 2)

        assert running.ledger.workers == []


def test_only_workers_hold_leases():
    place = Place("raise SystemExit(1)", kind="sweep")
    with Running(place) as running:
        wait_for(lambda: len(place.pids) == 2)

        assert running.ledger.workers == []


def test_a_ledger_that_is_away_does_not_keep_the_pool_from_its_work():
    place = Place("raise SystemExit(1)")
    with Running(place, ledger=Releases(LedgerUnavailable("away"))):
        wait_for(lambda: len(place.pids) == 2)


def test_asked_to_stop_the_pool_ends_when_its_members_have():
    places = [Place(PATIENT), Place(PATIENT)]
    with Running(*places) as running:
        wait_for(lambda: all(place.pids for place in places))

        assert running.stop() == 0
    assert not any(psutil.pid_exists(place.pids[0]) for place in places)


def test_a_member_that_does_not_drain_in_time_is_killed(monkeypatch):
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.5)
    place = Place(DEAF)
    with Running(place, drain_seconds=0.5) as running:
        wait_for(lambda: place.pids and has_own_way_with_term(place.pids[0]))

        assert running.stop() == 0


def test_each_request_to_stop_is_passed_on_once():
    program = (
        "import signal, sys, time\n"
        "heard = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: heard.append(1))\n"
        "while len(heard) < 2: time.sleep(0.05)\n"
    )
    place = Place(program)
    with Running(place) as running:
        wait_for(lambda: place.pids and has_own_way_with_term(place.pids[0]))
        running.signals.ask()
        time.sleep(1)
        assert running.thread.is_alive()

        assert running.stop() == 0


def test_a_member_that_cannot_begin_ends_the_pool_with_its_status():
    able, unable = Place(PATIENT), Place(f"raise SystemExit({UNABLE})")
    with Running(able, unable) as running:
        running.thread.join(timeout=20)

        assert running.status == UNABLE
    assert len(unable.pids) == 1


@pytest.mark.parametrize(("cores", "clip"), [(1, 0), (2, 1), (8, 1)])
def test_the_command_line_says_how_many_of_each(monkeypatch, cores, clip):
    monkeypatch.setattr("os.cpu_count", lambda: cores)

    assert parse(["--relay", "0"]) == {"photo": cores, "clip": clip, "sweep": 1, "relay": 0, "janitor": 1}
    assert parse(["--photo", "4", "--clip", "3"]) == {"photo": 4, "clip": 3, "sweep": 1, "relay": 1, "janitor": 1}


def test_what_a_killed_worker_left_on_the_disk_is_removed(tmp_path):
    directory = tmp_path / "scratch"
    program = (
        "import sys, time; from pathlib import Path; from pipeline.scratch import Scratch\n"
        "with Scratch.opened(Path(sys.argv[1]), 0) as scratch, scratch.job() as folder:\n"
        "    (folder / 'original').write_bytes(b'clip')\n"
        "    time.sleep(600)"
    )
    place = Place(program, kind="clip", argument=str(directory))
    with Running(place, scratch_directory=directory):
        wait_for(lambda: list(directory.glob("*/*/original")))
        (left,) = directory.glob("*-*")
        psutil.Process(place.pids[0]).kill()

        wait_for(lambda: not left.exists())
        wait_for(lambda: list(directory.glob("*/*/original")))  # of the next, which nobody touches


def test_a_disk_that_takes_its_time_to_be_cleared_does_not_hold_up_the_pool(monkeypatch, tmp_path):
    cleared = threading.Event()
    monkeypatch.setattr("pipeline.scratch.clear", lambda directory: cleared.wait(60))
    place = Place(PATIENT, kind="clip")
    with Running(place, scratch_directory=tmp_path):
        wait_for(lambda: place.pids)
        psutil.Process(place.pids[0]).kill()

        wait_for(lambda: len(place.pids) == 2)
        assert not cleared.is_set()
        cleared.set()


@pytest.mark.parametrize("kind", ["photo", "clip"])
def test_a_workers_process_serves_its_own_function(kind):
    assert " ".join(Member(kind, 1).command[1:5]) == f"-m workers.head --function {kind}"


def test_a_worker_is_told_the_token_of_its_name():
    member = Member("photo", 1)

    assert member.command[-2] == "--token"
    assert worker_name(7, member.command[-1]).endswith(member.command[-1])
