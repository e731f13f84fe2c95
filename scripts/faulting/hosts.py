"""A worker's own machine that fails it: a full disk, too little memory, a wrong clock, an end between two calls."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image

from jobs.gearman import Dispatcher
from jobs.job import JobState
from scripts.faulting.frontend import Acknowledged, persist, small_photo
from scripts.faulting.lab import ROOT, Lab
from scripts.faulting.model import BrokenPromiseError, Fault, NotHereError
from scripts.faulting.programs import wait_for

GROUP = "hosts"
MIB = 1 << 20
DISK_BYTES = 160 * MIB  # a clip's job asks for 64 MiB, whatever it needs
LEFT_BYTES = 8 * MIB  # of a disk that is full
SHORT_SECONDS = 60.0  # for a worker to notice that its disk is full
DISK_PROMISE_SECONDS = 90.0  # a short disk is tried again after 5, 10, 20 s
ENOUGH_BYTES = 96 * MIB  # of memory, for the load's photos
TOO_LARGE = (
    8_000,
    6_000,
)  # width and height of a PNG for which that is not enough: it has no fraction to be decoded at
WORK_SECONDS = 90.0  # for a worker with a wrong clock to do a photo
TICKETS = 20  # of one job
FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
# Trap: libfaketime 0.9.10 has every clock_nanosleep until a monotonic moment fail, and that is Python's sleep.
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select((), (), (), seconds) and None\n"
FINAL = frozenset({JobState.DEAD, JobState.REJECTED})


def fill_disk(lab: Lab) -> None:
    """Fill the disk on which clips are worked on, and make room again."""
    with small_disk(lab.folder / "disk") as disk:
        lab.environment = {"DARKROOM_SCRATCH_DIR": str(disk / "scratch"), "DARKROOM_SCRATCH_RESERVE_BYTES": str(MIB)}
        (disk / "scratch").mkdir(mode=0o700)
        pool = lab.staff(photo=1, clip=1)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(free_bytes(disk) - LEFT_BYTES))
        lab.clip()
        wait_for(lambda: says(pool.events("job.queued"), "disk_short"), SHORT_SECONDS, "a disk that is short")
        pids = {head.pid for head in pool.heads()}
        ballast.unlink()
        lab.strike()
        lab.settle(DISK_PROMISE_SECONDS)
        if pids != {head.pid for head in pool.heads()}:
            raise BrokenPromiseError("a worker did not survive its full disk")
        lab.dismiss()


def starve(lab: Lab) -> None:
    """Give renderers too little memory for one photo: it ends with a reason, and the others are done."""
    lab.environment = {"DARKROOM_LIMIT_PHOTO_MEMORY_BYTES": str(ENOUGH_BYTES)}
    pool = lab.staff(photo=1)
    head = pool.heads()[0].pid
    source_key = lab.frontend.upload(large_photo(lab.dice))
    hungry = lab.frontend.submit(source_key, FINAL)
    wait_for(lambda: is_final(lab, hungry), SHORT_SECONDS, "the hungry photo's end")
    lab.strike()
    if [head] != [now.pid for now in pool.heads()]:
        raise BrokenPromiseError("the worker died with its renderer")


def tell_wrong_time(lab: Lab, offset: str) -> None:
    """Have a whole pool by a wrong clock do jobs beside a worker by the right one."""
    pool = lab.staff(photo=1, environment=wrong_clock(lab.folder / "clock", offset))
    lab.start("workers.head")
    lab.wait_for_workers(2)
    lab.strike()
    end = time.monotonic() + WORK_SECONDS
    while not pool.events("job.done"):
        if time.monotonic() > end:
            raise BrokenPromiseError(f"a worker whose clock is off by {offset} has done nothing in {WORK_SECONDS:g} s")
        lab.photo()
        time.sleep(0.1)
    lab.settle(WORK_SECONDS)
    if failed := pool.events("job.queued"):
        raise BrokenPromiseError(f"a worker whose clock is off by {offset} has failed {len(failed)} attempts")


def deliver_twice(lab: Lab) -> None:
    """Have tickets of one job come many times, by the same unique and by others, while it runs and after."""
    lab.staff()
    dispatcher = Dispatcher((f"127.0.0.1:{lab.stack.gearmand.port}",), 3.0)
    for _ in range(10):
        answered = lab.photo()
        ticket = answered.receipt.ticket
        dispatcher.send([replace(ticket, attempt=number) for number in range(TICKETS)])
        dispatcher.send([ticket] * TICKETS)
        lab.strike()
    dispatcher.close()


def die_between_upload_and_submit(lab: Lab) -> None:
    """Kill frontends that have stored an original and not yet submitted it; their users come again."""
    lab.staff()
    for number in range(5):
        file, key = lab.folder / "upload", f"{lab.dice.getrandbits(64):x}"
        file.write_bytes(small_photo(lab.dice))
        died = subprocess.run(
            [sys.executable, "-m", "scripts.faulting.upload", file, key],
            env={**os.environ, **lab.stack.environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        lab.strike()
        source_key = lab.frontend.client.upload(7, file, key)
        if died.stdout.strip() != source_key:
            raise BrokenPromiseError(f"upload {number} lies at {died.stdout!r}, and again at {source_key!r}")
        lab.frontend.submit(source_key, key=key)


def large_photo(dice: random.Random) -> bytes:
    """A PNG that is small on the wire and large in memory; each is another, lest the last one's deaths count for it."""
    made = BytesIO()
    Image.new("RGB", TOO_LARGE).save(made, "PNG")
    return made.getvalue() + dice.randbytes(8)


def is_final(lab: Lab, answered: Acknowledged) -> bool:
    """Whether the job has ended."""
    return persist(lambda: lab.frontend.client.status(answered.receipt.job_id)).state.final


def says(lines: list[dict[str, object]], code: str) -> bool:
    """Whether a line of the log has this code."""
    return any(line.get("code") == code for line in lines)


def free_bytes(folder: Path) -> int:
    """What the disk of a folder still takes."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own, gone afterwards. Raises NotHereError."""
    folder.mkdir(exist_ok=True)
    mounted = mount("-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "darkroom-faults", str(folder))
    if mounted.returncode != 0:
        raise NotHereError(f"no small disk can be mounted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False)


def mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mount."""
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)


def wrong_clock(folder: Path, offset: str) -> Mapping[str, str]:
    """The environment of processes by whose wall clock it is earlier or later, such as "-1h". Raises NotHereError."""
    found = sorted(Path("/").glob(FAKETIME.removeprefix("/")))
    if not found:
        raise NotHereError("libfaketime is not installed: apt-get install faketime")
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SLEEP)
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": f"{folder}:{ROOT}",
    }


FAULTS = (
    Fault(
        name="the disk is full", group=GROUP, run=fill_disk, recovery_seconds=DISK_PROMISE_SECONDS, photos=4, clips=2
    ),
    Fault(name="a renderer has too little memory", group=GROUP, run=starve),
    Fault(name="a worker's clock is an hour slow", group=GROUP, run=partial(tell_wrong_time, offset="-1h")),
    Fault(name="a worker's clock is an hour fast", group=GROUP, run=partial(tell_wrong_time, offset="+1h")),
    Fault(name="tickets come many times", group=GROUP, run=deliver_twice, short=True),
    Fault(name="frontends die between upload and submit", group=GROUP, run=die_between_upload_and_submit),
)
