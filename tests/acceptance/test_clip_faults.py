"""Clips on real servers when a process is killed, hangs or fills the disk: they end right and leave nothing behind."""

import os
import shutil
import subprocess
import time
import zlib
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import urllib3

from jobs.job import JobState
from jobs.s3 import connect_s3
from pipeline.s3 import S3Store
from tests.acceptance.fleet import Fleet, runs, wait_for
from tests.acceptance.lavfi import sample_clip

PROMISE_SECONDS = 120
LONG_SECONDS = 60  # of a clip that is still being made when a test has done to it what it does
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _ffmpeg():
    if not shutil.which("ffmpeg"):
        pytest.skip("no ffmpeg: apt-get install ffmpeg")


@pytest.fixture
def scratch(tmp_path):
    return tmp_path / "scratch"


@pytest.fixture
def fleet(stack, tmp_path, scratch):
    fleet = ClipFleet(stack, tmp_path, scratch)
    yield fleet
    fleet.close()


class ClipFleet(Fleet):
    """Workers for clips with a scratch directory of this test's own."""

    def __init__(self, stack, logs, scratch):
        super().__init__(stack, logs)
        self.scratch = scratch

    def start(self, module, *arguments, **settings):
        return super().start(module, *arguments, **{"scratch_dir": self.scratch, "limit_clip_niceness": 1, **settings})

    def submit_clip(self, seconds, **order):
        key = self.client.upload(
            7, sample_clip(seconds) + free_box(), key=time.time_ns().__format__("x"), function="clip"
        )
        self._receipts.append(self.client.submit(7, key, function="clip", **order))
        return self._receipts[-1]

    def begin(self, **order):
        """A long clip, of which a part has been encoded."""
        receipt = self.submit_clip(LONG_SECONDS, **order)
        self.wait_for_progress(receipt, 0.05)
        return receipt

    def wait_for_progress(self, receipt, share):
        wait_for(lambda: (self.client.status(receipt.job_id).progress or 0) >= share, PROMISE_SECONDS)

    @property
    def files(self):
        """Whatever lies in the scratch directory, but its lock."""
        return [path for path in self.scratch.rglob("*") if path.is_file() and path.name != "lock"]


def free_box():
    """Something that players skip: the next clip has other bytes, lest the deaths of one test count in the next."""
    return (16).to_bytes(4, "big") + b"free" + os.urandom(8)


def encoders(program):
    """The ffmpeg processes below this one."""
    below = psutil.Process(program.process.pid).children(recursive=True)
    return [process for process in below if runs(process) and is_encoder(process)]


def is_encoder(process):
    with suppress(psutil.NoSuchProcess):  # it may end while we look
        return process.name() == "ffmpeg"
    return False


def assert_right(fleet, receipt):
    """The clip is published, every rendition can be fetched as the record says, and the largest decodes completely."""
    media = fleet.client.media(receipt.media_id)
    assert (media.state, media.generation) == ("ready", 1)
    settings = fleet.stack.settings
    store = S3Store(connect_s3(settings), settings.s3_bucket)
    fetched = {}
    for rendition in media.renditions:
        data = fetched[rendition.name] = urllib3.request("GET", store.url(rendition.key, seconds=60)).data
        assert (len(data), zlib.crc32(data)) == (rendition.bytes, rendition.crc32)
    assert {"480p", "480p.m3u8", "master", "w320", "s150", "preview"} <= fetched.keys()
    played = ["ffmpeg", "-v", "error", "-xerror", "-i", "pipe:0", "-f", "null", "-"]
    assert subprocess.run(played, input=fetched["480p"], capture_output=True, check=True).stderr == b""


def test_a_clip_is_made_and_leaves_nothing_behind(fleet):
    worker = fleet.worker("clip")

    receipt = fleet.submit_clip(2)

    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts == 1
    assert_right(fleet, receipt)
    assert encoders(worker) == []
    assert fleet.files == []


def test_what_is_mandatory_can_be_played_before_the_rest_is_there(fleet):
    fleet.worker("clip")

    receipt = fleet.begin(mandatory=["480p"])

    wait_for(lambda: fleet.client.media(receipt.media_id).state != "pending", PROMISE_SECONDS)
    names = {rendition.name for rendition in fleet.client.media(receipt.media_id).renditions}
    assert {"480p", "480p.m3u8", "master", "w320", "preview"} <= names
    fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS)
    assert_right(fleet, receipt)


def test_a_clip_that_is_none_is_rejected_at_once_and_the_next_is_made(fleet):
    fleet.worker("clip")
    key = fleet.client.upload(7, sample_clip(2)[:1_000], key=str(time.time_ns()), function="clip")
    broken = fleet.client.submit(7, key, function="clip")
    whole = fleet.submit_clip(2)

    assert fleet.wait_until(broken, JobState.REJECTED, PROMISE_SECONDS).attempts == 1
    assert fleet.wait_until(whole, JobState.DONE, PROMISE_SECONDS).attempts == 1
    assert fleet.files == []


def test_an_encoder_that_is_killed_costs_an_attempt_and_not_the_worker(fleet):
    worker, _ = fleet.worker("clip"), fleet.start("workers.sweeper")
    receipt = fleet.begin()

    for encoder in encoders(worker):
        with suppress(psutil.NoSuchProcess):  # it may end with the one before
            encoder.kill()

    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts == 2
    (failure,) = worker.events("job.queued")
    assert (failure["code"], "SIGKILL" in failure["reason"]) == ("encoder_died", True)
    assert_right(fleet, receipt)
    assert fleet.files == []


def test_hands_that_are_killed_take_their_encoder_along_and_the_clip_is_made_by_the_next(fleet):
    worker, _ = fleet.worker("clip"), fleet.start("workers.sweeper")
    receipt = fleet.begin()
    before = encoders(worker)

    worker.hands.kill()

    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts == 2
    assert worker.events("job.queued")[0]["reason"] == "SIGKILL"
    assert before
    assert not any(map(runs, before))
    assert_right(fleet, receipt)
    assert fleet.files == []


def test_an_encoder_that_makes_no_progress_is_killed_and_the_clip_is_made_by_the_next(fleet):
    worker, _ = fleet.worker("clip", limit_clip_stall_seconds=3), fleet.start("workers.sweeper")
    receipt = fleet.begin()
    stuck = encoders(worker)

    for encoder in stuck:
        encoder.suspend()

    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts == 2
    failure = worker.events("job.queued")[0]
    assert (failure["code"], "no progress for 3 s" in failure["reason"]) == ("renderer_died", True)
    assert not any(map(runs, stuck))
    assert fleet.files == []


def test_a_cancelled_clip_is_dropped_at_once_with_its_processes_and_files(fleet):
    worker = fleet.worker("clip")
    receipt = fleet.begin()
    fleet.wait_for_progress(receipt, 0.4)
    encoding = encoders(worker)

    fleet.client.cancel(receipt.job_id)

    wait_for(lambda: not any(map(runs, encoding)), 10)  # 2 s, where nothing else keeps the machine busy
    wait_for(lambda: worker.events("job.dropped"), 15)
    assert encoding
    assert fleet.files == []
    assert fleet.client.media(receipt.media_id).renditions == ()
    assert fleet.client.status(receipt.job_id).state is JobState.CANCELLED


def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_and_another_makes_the_clip(fleet):
    pool = fleet.pool("clip")
    receipt = fleet.begin()
    worker = psutil.Process(int(pool.wait_for_event("worker.ready")["worker"].split(":")[1]))
    below = worker.children(recursive=True)
    (left,) = fleet.scratch.glob("*-*")

    worker.kill()

    wait_for(lambda: not any(map(runs, below)), 15)
    wait_for(lambda: not left.exists(), 15)
    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts == 2
    assert_right(fleet, receipt)
    assert fleet.files == []


def test_what_a_whole_pool_leaves_is_removed_by_the_next_worker(fleet):
    pool = fleet.pool("clip")
    fleet.begin()
    pool.kill_all()
    (left,) = fleet.scratch.glob("*-*")

    fleet.worker("clip")

    assert not left.exists()


def test_asked_to_stop_in_the_middle_a_worker_leaves_in_time_and_its_clip_is_queued(fleet):
    worker = fleet.worker("clip", drain_seconds=1)
    receipt = fleet.begin()
    below = psutil.Process(worker.process.pid).children(recursive=True)

    worker.process.terminate()
    worker.wait()

    assert fleet.client.status(receipt.job_id).state is JobState.QUEUED
    wait_for(lambda: not any(map(runs, below)), 15)


def test_a_clip_for_which_the_disk_has_no_room_waits_with_the_numbers_as_its_reason(fleet, tmp_path):
    free = shutil.disk_usage(tmp_path).free
    worker = fleet.worker("clip", scratch_reserve_bytes=2 * free)

    receipt = fleet.submit_clip(2)

    wait_for(lambda: worker.events("job.queued"), PROMISE_SECONDS)
    status = fleet.client.status(receipt.job_id)
    assert (status.state, status.code) == (JobState.QUEUED, "disk_short")
    assert "MiB free, and this takes" in status.reason
    assert fleet.files == []


def test_a_disk_that_fills_up_in_the_middle_is_not_the_clips_fault_and_it_is_made_once_there_is_room(fleet, small_disk):
    fleet.scratch = small_disk / "scratch"
    worker, _ = fleet.worker("clip", scratch_reserve_bytes=8 * MIB), fleet.start("workers.sweeper")
    receipt = fleet.begin()
    filler = small_disk / "filler"

    fill(filler, shutil.disk_usage(small_disk).free - 4 * MIB)

    wait_for(lambda: worker.events("job.queued"), PROMISE_SECONDS)
    assert worker.events("job.queued")[0]["code"] == "disk_short"
    assert encoders(worker) == []
    assert fleet.files == []
    filler.unlink()
    assert fleet.wait_until(receipt, JobState.DONE, PROMISE_SECONDS).attempts >= 2
    assert_right(fleet, receipt)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m,mode=700", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk of its own can be mounted here: it takes root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(file: Path, count: int) -> None:
    with file.open("wb") as opened:
        while count > 0:
            count -= opened.write(bytes(min(count, MIB)))
