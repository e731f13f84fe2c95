"""An original that kills renderers, on real servers and with real hands: counted, refused, looked at, let in again."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from jobs import Client
from jobs.errors import Rejected
from jobs.job import JobState
from jobs.originals import Originals
from scripts.darkroom.main import darkroom
from scripts.darkroom.spent import seconds_by_process, spent_cpu
from scripts.sample import sample_photo
from tests.acceptance.fleet import Fleet, wait_for

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fleet(second_stack, tmp_path):
    second_stack.up()
    fleet = Fleet(second_stack, tmp_path)
    yield fleet
    fleet.close()


@pytest.fixture
def run(second_stack):
    """Run a command on the stack; returns its result."""
    return lambda *words: CliRunner().invoke(darkroom, ["--dir", str(second_stack.directory), *map(str, words)])


@pytest.fixture
def photo():
    return sample_photo(height=21, width=31) + os.urandom(8)  # a tail, which decoders ignore


def killed(fleet, tmp_path, photo):
    """Two owners' jobs on one photo, over which three renderers die; returns their receipts once both have ended."""
    shots = tmp_path / "shots"
    shots.mkdir()
    for number in range(3):
        (shots / str(number)).touch()
    fleet.pool(failpoints=f"mid_render=crash@{shots}")
    receipts = [fleet.client.submit(owner, fleet.client.upload(owner, photo, key="k")) for owner in (7, 8)]
    for receipt in receipts:
        fleet.wait_until(receipt, JobState.REJECTED, 90)  # three new renderers have to begin
    return receipts


def read(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_three_deaths_over_two_owners_keep_an_original_out_until_it_is_released(fleet, run, tmp_path, photo):
    sha256 = hashlib.sha256(photo).hexdigest()
    receipts = killed(fleet, tmp_path, photo)

    assert {fleet.client.status(receipt.job_id).code for receipt in receipts} == {"quarantined"}
    frontend = Client(fleet.stack.settings)
    for refused in (
        lambda: frontend.upload(9, photo, key="k"),
        lambda: frontend.submit(9, f"o/9/{'0' * 32}", sha256=sha256.upper()),
    ):
        with pytest.raises(Rejected, match="3 times, the last by SIGSEGV") as error:
            refused()
        assert error.value.code == "quarantined"
    (tmp_path / "photo.jpg").write_bytes(photo)
    submitted = run("submit", tmp_path / "photo.jpg", "--owner", 9)
    assert (submitted.exit_code, "quarantined" in submitted.output) == (1, True)

    past_it = Originals(fleet.stack.settings).put(9, "past it", photo)  # as by a presigned upload
    third = fleet.client.submit(9, past_it)
    assert fleet.wait_until(third, JobState.REJECTED).attempts == 1
    assert fleet.wait_until(fleet.submit(), JobState.DONE)

    (entry,) = read(run("quarantine", "list", "--json"))
    assert (entry["sha256"], len(entry["deaths"])) == (sha256, 3)
    assert {death["owner_id"] for death in entry["deaths"]} == {"7", "8"}
    answer = read(run("quarantine", "release", "--signal", "SIGSEGV", "--retry", "--yes", "--json"))
    jobs = [*receipts, third]
    assert (answer["released"], answer["retried"]) == ([sha256], sorted(str(receipt.job_id) for receipt in jobs))
    for receipt in jobs:
        fleet.wait_until(receipt, JobState.DONE)
    assert frontend.upload(9, photo, key="k")


def test_what_an_operator_reads_and_types(fleet, run, tmp_path, photo):
    sha256 = hashlib.sha256(photo).hexdigest()
    receipts = killed(fleet, tmp_path, photo)

    for word in (sha256[:12], "SIGSEGV", "3"):
        assert word in run("quarantine", "list").output
    assert [death["counts"] for death in read(run("quarantine", "show", sha256, "--json"))["deaths"]] == [True] * 3
    shown = run("quarantine", "show", sha256[:8])
    for word in (sha256, "SIGSEGV", str(receipts[0].job_id), str(receipts[1].media_id)):
        assert word in shown.output
    (again,) = [line.split(":")[1] for line in shown.output.splitlines() if line.startswith("Reproduce it:")]
    assert again.split() == ["darkroom", "quarantine", "reproduce", sha256]

    assert run("quarantine", "show", "0000000000").exit_code == 4
    assert run("quarantine", "show", "xyz").exit_code == 2
    assert run("quarantine", "release").exit_code == 2
    assert run("quarantine", "release", sha256[:8], "--signal", "SIGSEGV").exit_code == 2
    assert run("quarantine", "release", "--before", "1.22").exit_code == 2
    assert "Nothing" in run("quarantine", "release", "--library", "libheif", "--before", "0.1", "--yes").output
    assert sha256[:12] in run("quarantine", "release", sha256[:8], "--dry-run").output
    assert run("quarantine", "release", sha256[:8]).exit_code == 1  # nobody said yes
    assert len(read(run("quarantine", "list", "--json"))) == 1

    released = run("quarantine", "release", sha256[:8], "--yes")
    assert "darkroom job retry" in released.output
    assert read(run("quarantine", "list", "--json")) == []
    assert run("quarantine", "release", sha256[:8], "--yes").exit_code == 1
    assert {fleet.client.status(receipt.job_id).state for receipt in receipts} == {JobState.REJECTED}

    lived = read(run("quarantine", "reproduce", sha256, "--json"))
    assert (lived["sha256"], lived["verdict"], lived["crash"]) == (sha256, "accepted", None)


def reproduced(file, **environment):
    """The command on a file, where no servers are."""
    command = [sys.executable, "-c", "from scripts.darkroom.main import run; run()"]
    arguments = ["--dir", str(file.parent), "quarantine", "reproduce", str(file), "--json"]
    known = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([*command, *arguments], env=known, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_files_end_in_the_sandbox_is_told_with_what_it_took_and_needs_no_servers(tmp_path, photo):
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo)

    status, accepted = reproduced(file)
    assert (status, accepted["verdict"], accepted["function"]) == (0, "accepted", "photo")
    assert accepted["peak_memory_mb"] > 50
    assert accepted["wall_seconds"] > 0

    status, died = reproduced(file, DARKROOM_FAILPOINTS="mid_render=crash")
    assert (status, died["verdict"], died["crash"]["signal"]) == (1, "died", "SIGSEGV")

    file.write_bytes(b"no photo")
    status, rejected = reproduced(file)
    assert (status, rejected["verdict"]) == (0, "rejected")


def test_the_cpu_of_a_process_below_is_seen():
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    spun = psutil.Process(spinning.pid).cpu_times
    try:
        with spent_cpu() as cpu:
            enough = sum(spun()[:2]) + 0.4
            wait_for(lambda: sum(spun()[:2]) >= enough, 30)
        most = sum(seconds_by_process().values())  # of all processes below, in all their lives
    finally:
        spinning.kill()
        spinning.wait()

    assert 0.3 <= cpu.seconds <= most
