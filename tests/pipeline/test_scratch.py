"""Folders for clips: bounded, and gone after any death."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from config import MisconfiguredError
from jobs.errors import DiskShort
from pipeline import scratch
from pipeline.scratch import Scratch

HOLD = """
import sys, time
from pathlib import Path
from pipeline.scratch import Scratch
with Scratch.opened(Path(sys.argv[1]), 0) as scratch, scratch.job() as folder:
    (folder / "original").write_bytes(b"clip")
    print(scratch.folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "scratch"


def start_worker(directory, program=HOLD):
    worker = subprocess.Popen(
        [sys.executable, "-c", program, directory], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    return worker, Path(worker.stdout.readline().strip())


def kill(worker):
    worker.kill()
    worker.wait()
    worker.stdout.close()


def folders(directory):
    return [path for path in directory.iterdir() if path.is_dir()]


def test_a_jobs_folder_has_an_empty_out_and_is_gone_afterwards(directory):
    with Scratch.opened(directory, 0) as opened:
        with opened.job() as folder:
            assert [path.name for path in folder.iterdir()] == ["out"]
            (folder / "out" / "file").write_bytes(b"made")
        assert not folder.exists()
    assert folders(directory) == []


def test_a_failure_leaves_nothing_either(directory):
    def fail():
        with Scratch.opened(directory, 0) as opened, opened.job() as folder:
            (folder / "original").write_bytes(b"clip")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert folders(directory) == []


def test_nobody_else_may_look_into_it(directory):
    with Scratch.opened(directory, 0) as opened, opened.job() as folder:
        assert [path.stat().st_mode & 0o077 for path in (directory, opened.folder, folder / "out")] == [0, 0, 0]


def test_what_a_killed_worker_left_is_removed_by_the_next_and_what_a_living_one_has_is_not(directory):
    dead, left = start_worker(directory)
    living, kept = start_worker(directory)
    try:
        kill(dead)
        assert left.exists()

        with Scratch.opened(directory, 0) as opened:
            assert set(folders(directory)) == {kept, opened.folder}
            assert scratch.clear(directory) == 0
    finally:
        kill(living)
    assert scratch.clear(directory) == 1
    assert folders(directory) == []


def test_a_process_that_a_killed_worker_has_left_behind_does_not_keep_its_folder(directory):
    program = HOLD.replace("print(", "import subprocess; subprocess.Popen(['sleep', '600'])\n    print(")
    worker, _ = start_worker(directory, program)
    try:
        kill(worker)

        assert scratch.clear(directory) == 1
    finally:
        os.killpg(worker.pid, signal.SIGKILL)


def test_a_folder_that_a_renderer_has_closed_is_removed_all_the_same(directory):
    worker, left = start_worker(directory)
    kill(worker)
    left.chmod(0)

    assert scratch.clear(directory) == 1
    assert not left.exists()


def test_clearing_where_nobody_has_worked_is_no_error(directory):
    assert scratch.clear(directory) == 0
    assert not directory.exists()


@pytest.mark.parametrize("spoil", ["deep", "closed", "link", "fifo"])
def test_whatever_a_renderer_leaves_can_be_removed(directory, tmp_path, spoil):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"")
    with Scratch.opened(directory, 0) as opened, opened.job() as folder:
        spoil_folder(folder, spoil, outside)

    assert folders(directory) == []
    assert (outside / "kept").exists()


def spoil_folder(folder, how, outside):
    if how == "deep":
        here = os.open(folder, os.O_RDONLY)
        for _ in range(3000):  # deeper than Python recurses, and than a path is long
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
    elif how == "closed":
        (folder / "out" / "file").write_bytes(b"made")
        (folder / "out").chmod(0)
        folder.chmod(0)
    elif how == "link":
        (folder / "out").rmdir()
        (folder / "out").symlink_to(outside)
    else:
        os.mkfifo(folder / "original")


def test_more_than_the_disk_has_is_refused_with_the_numbers(directory):
    free = os.statvfs(directory.parent)
    free_bytes = free.f_bavail * free.f_frsize
    with Scratch.opened(directory, 300 << 20) as opened:
        opened.require(1 << 20)
        with pytest.raises(DiskShort, match=r"has \d+ MiB free, and this takes \d+ MiB beyond the 300 MiB"):
            opened.require(free_bytes - (200 << 20))


def test_what_is_to_stay_free_counts_by_itself(directory):
    with Scratch.opened(directory, 1 << 60) as opened, pytest.raises(DiskShort):
        opened.require()


def test_a_disk_that_is_full_is_short_and_any_other_error_stays_what_it_is(directory):
    for number, expected in ((errno.ENOSPC, DiskShort), (errno.EDQUOT, DiskShort), (errno.EIO, OSError)):
        with Scratch.opened(directory, 0) as opened, pytest.raises(expected), opened.job():
            raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("spoil", ["file", "link", "open to others"])
def test_a_directory_that_others_could_meddle_with_is_a_misconfiguration(directory, tmp_path, spoil):
    if spoil == "file":
        directory.write_bytes(b"")
    elif spoil == "link":
        directory.symlink_to(tmp_path)
    else:
        directory.mkdir()
        directory.chmod(0o777)

    with pytest.raises(MisconfiguredError, match="DARKROOM_SCRATCH_DIR"), Scratch.opened(directory, 0):
        pass


def test_two_that_start_at_once_do_not_take_each_others_folder(directory):
    workers = [start_worker(directory) for _ in range(4)]
    time.sleep(0.1)
    try:
        assert len(folders(directory)) == 4
    finally:
        for worker, _ in workers:
            kill(worker)
    assert scratch.clear(directory) == 4


def test_workers_that_end_while_folders_are_cleared_disturb_nobody(directory):
    end = time.monotonic() + 1.5
    failures = []

    def repeat(act):
        try:
            while time.monotonic() < end:
                act()
        except Exception as error:  # noqa: BLE001 - it is what the test looks for
            failures.append(error)

    def work():
        with Scratch.opened(directory, 0):
            pass

    threads = [threading.Thread(target=repeat, args=[act]) for act in [work] * 4 + [lambda: scratch.clear(directory)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_folder_that_goes_while_it_is_looked_at_is_nobodys_to_clear(directory, monkeypatch):
    def list_one_that_is_gone(folder):
        entries = list(os_scandir(folder))
        for entry in entries:
            if entry.is_dir():
                Path(entry).rmdir()
        return entries

    os_scandir = os.scandir
    with Scratch.opened(directory, 0):
        monkeypatch.setattr("pipeline.scratch.os.scandir", list_one_that_is_gone)

        assert scratch.clear(directory) == 0
