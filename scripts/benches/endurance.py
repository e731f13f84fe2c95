"""What a worker's memory does over many jobs: resident megabytes of head and hands, every thousand.

One worker on a fresh stack, fed with small photos of every format, edited and not, a tenth of them broken. The hands,
which a worker replaces after a thousand jobs, are kept for all of them here, so that what they lose is seen. The slope
is fitted to all readings but the first two, by when caches are filled.
"""

import os
import random
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from filters.recipe import BUILT_IN_LOOKS
from jobs import Client
from jobs.job import Lane
from scripts.benches.pipeline import OWNER, TIMEOUT_SECONDS, fresh_stack, staffed
from scripts.fuzzing import seeds
from workers.stack import Stack

EVERY = 1_000  # jobs between two readings
AHEAD = 200  # jobs that wait at most
WARM_UP = 2  # readings that are left out of the slope
POLL_SECONDS = 0.2
MIB = 1 << 20
ENDLESS = {"DARKROOM_HANDS_JOBS": "1000000000"}
MEMBERS = {"head": "workers.head", "hands": "workers.renderer"}
FORMATS = (seeds.jpegs, seeds.pngs, seeds.gifs, seeds.webps, seeds.heifs, seeds.tiffs, seeds.bmps)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Resident megabytes after so many jobs."""

    jobs: int
    head: float
    hands: float


def run(jobs: int) -> Mapping[str, float]:
    """Put so many jobs through one worker, print the readings, return the figures."""
    with endless_hands(), fresh_stack() as stack, staffed(stack, photo=1):
        readings = endure(stack, jobs)
    Console().print(tabulate(readings))
    slopes = {f"{member}_mb_per_1000": slope(readings, member) for member in MEMBERS}
    return {**slopes, "jobs": readings[-1].jobs, "hands_mb": readings[-1].hands, "head_mb": readings[-1].head}


@contextmanager
def endless_hands() -> Iterator[None]:
    """Workers that are started meanwhile never replace their hands for their age."""
    before = dict(os.environ)
    os.environ.update(ENDLESS)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def endure(stack: Stack, jobs: int) -> list[Reading]:
    """Keep the worker busy, and read its memory now and then."""
    client, chance = Client(stack.settings), random.Random(7)  # noqa: S311 - the same jobs each time
    originals = [client.upload(OWNER, data, uuid.uuid4().hex) for data in photos(chance)]
    readings = []
    for start in range(0, jobs, EVERY):
        due = []
        for _ in range(min(EVERY, jobs - start)):
            due.append(submit(client, chance.choice(originals), chance))
            if len(due) > AHEAD:
                client.wait(due.pop(0), TIMEOUT_SECONDS)
        for job_id in due:
            client.wait(job_id, TIMEOUT_SECONDS)
        readings.append(read(stack, start + EVERY))
        say(readings[-1])
    return readings


def photos(chance: random.Random) -> Sequence[bytes]:
    """Small photos of every format, and a few of them cut short."""
    whole = [data for make in FORMATS for data in make()]
    return [*whole, *(data[: chance.randrange(len(data) // 2, len(data))] for data in whole[::10])]


def submit(client: Client, source_key: str, chance: random.Random) -> int:
    """One more job, every third of them edited. Returns its number."""
    look = {"look": {"name": chance.choice(sorted(BUILT_IN_LOOKS)), "strength": chance.randint(1, 100)}}
    edits = {"adjustments": {"warmth": chance.randint(1, 100), "structure": chance.randint(1, 100)}}
    recipe = {**look, **edits} if chance.random() < 1 / 3 else {}
    return client.submit(OWNER, source_key, key=uuid.uuid4().hex, lane=Lane.BATCH, recipe=recipe).job_id


def read(stack: Stack, jobs: int) -> Reading:
    """What head and hands hold now; of several processes of one kind, the largest."""
    held = dict.fromkeys(MEMBERS, 0)
    for process in stack.pool.processes():
        for name, command in MEMBERS.items():
            if process.command.startswith(command):
                held[name] = max(held[name], process.memory_bytes)
    return Reading(jobs=jobs, head=held["head"] / MIB, hands=held["hands"] / MIB)


def say(reading: Reading) -> None:
    """One line, as it comes: the run takes a while."""
    print(
        f"{time.strftime('%H:%M:%S')} {reading.jobs:7} jobs: head {reading.head:.1f} MB, hands {reading.hands:.1f} MB"
    )
    sys.stdout.flush()


def slope(readings: Sequence[Reading], member: str) -> float:
    """Megabytes for each thousand jobs, by least squares."""
    steady = readings[WARM_UP:] if len(readings) > WARM_UP + 1 else readings
    if len(steady) < 2:
        return 0.0
    held = [getattr(reading, member) for reading in steady]
    return float(np.polyfit([reading.jobs / EVERY for reading in steady], held, 1)[0])


def tabulate(readings: Sequence[Reading]) -> Table:
    """The slopes."""
    table = Table(title=f"One worker over {readings[-1].jobs:,} jobs: resident MB")
    for heading in ("", "first", "last", "a thousand jobs"):
        table.add_column(heading, justify="right" if heading else "left")
    for member in MEMBERS:
        first, last = (getattr(readings[place], member) for place in (0, -1))
        table.add_row(member, f"{first:.1f}", f"{last:.1f}", f"{slope(readings, member):+.2f}")
    return table
