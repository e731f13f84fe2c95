"""The whole way of a photo through real servers: how many a second, and what of a worker's CPU is not rendering.

A fresh stack of its own; the photos of the folder in turn, stored once and submitted again and again. What the workers
spend is read from the kernel (their heads and hands together), what each stage spent from the lines that they log.
Claiming and taking tickets are too short to be timed one by one and are measured in a loop.
"""

import json
import sys
import tempfile
import time
import uuid
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

from jobs import Client
from jobs.gearman import Dispatcher, serve, survey
from jobs.job import PHOTO, JobState, JobStatus, Lane, Ticket
from jobs.postgres import PostgresLedger
from workers.stack import Stack

PHOTOS = 500
WARM_UP = 20
IDLE_ROUNDS = 40
LOOPS = 1_000  # of what is too short to be timed once
OWNER = 1
TIMEOUT_SECONDS = 600.0
RENDERING = ("header", "decode", "resample", "color", "encode", "placeholders", "verify")


@dataclass(frozen=True, kw_only=True)
class Load:
    """One run of many photos. CPU in milliseconds a photo."""

    workers: int
    photos_per_second: float
    cpu_ms: float  # of heads and hands together
    stages_ms: Mapping[str, float]  # of the stages that the workers time

    @property
    def rendering_ms(self) -> float:
        """What making the renditions costs, from header to verification."""
        return sum(self.stages_ms.get(stage, 0.0) for stage in RENDERING)


def run(inputs: Path) -> Mapping[str, float]:
    """Measure with the JPEGs of a folder, print the tables, return the figures."""
    photos = sorted(inputs.glob("*.jpg"))
    if not photos:
        sys.exit(f"There is no .jpg in {inputs}.")
    with fresh_stack() as stack:
        client = Client(stack.settings)
        originals = [client.upload(OWNER, photo, photo.name) for photo in photos]
        loads = []
        for workers in (1, 2):
            with staffed(stack, photo=workers):
                loads.append(measure_load(stack, client, originals, workers))
        with staffed(stack, photo=1):
            make(client, originals, WARM_UP)
            idle = measure_idle(client, originals)
        claim = measure_claim(PostgresLedger(stack.settings.database_url))
        short = {"claim": claim, "gearman": measure_gearman(stack.settings.gearman_servers)}
    Console().print(tabulate(loads, short))
    one, two = loads
    return {
        "not_rendering_share": 1 - one.rendering_ms / one.cpu_ms,
        "idle_p50_ms": median(idle),
        "photos_per_s_1": one.photos_per_second,
        "photos_per_s_2": two.photos_per_second,
    }


@contextmanager
def fresh_stack() -> Iterator[Stack]:
    """Real servers of this bench's own, gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="darkroom-bench-"))
    directory.chmod(0o755)  # the servers' user passes through
    stack = Stack.open(directory)
    try:
        stack.up()
        yield stack
    finally:
        stack.pool.stop()
        stack.remove()


@contextmanager
def staffed(stack: Stack, *, photo: int = 0, clip: int = 0) -> Iterator[None]:
    """So many workers, ready."""
    stack.pool.start(photo=photo, clip=clip)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(survey(stack.settings.gearman_servers[0], 2.0).workers) < photo + clip:
        if time.monotonic() > deadline:
            sys.exit(f"The workers did not come up; see {stack.pool.log}.")
        time.sleep(0.1)
    try:
        yield
    finally:
        stack.pool.stop()


def measure_load(stack: Stack, client: Client, originals: Sequence[str], workers: int) -> Load:
    """Let the workers make many photos."""
    make(client, originals, WARM_UP)
    before = worker_cpu_seconds(stack)
    done = make(client, originals, PHOTOS)
    spent = worker_cpu_seconds(stack) - before
    return Load(
        workers=workers,
        photos_per_second=len(done) / span_seconds(done),
        cpu_ms=1000 * spent / len(done),
        stages_ms=logged_stages(stack.pool.log, {job.job_id for job in done}),
    )


def logged_stages(log: Path, jobs: Container[int]) -> dict[str, float]:
    """The mean CPU milliseconds of each stage, by the lines that workers wrote at the end of these jobs."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if '"job.done"' in line)
    timings = [line for line in lines if line["job_id"] in jobs]
    stages = {name.removesuffix("_cpu_ms") for name in timings[0] if name.endswith("_cpu_ms")}
    return {stage: fmean(timing[f"{stage}_cpu_ms"] for timing in timings) for stage in stages}


def make(client: Client, originals: Sequence[str], count: int, function: str = PHOTO) -> list[JobStatus]:
    """Submit so many jobs, and wait for them all."""
    receipts = [submit(client, originals[number % len(originals)], function) for number in range(count)]
    done = [client.wait(job_id, TIMEOUT_SECONDS) for job_id in receipts]
    if any(job.state is not JobState.DONE for job in done):
        sys.exit("A job did not end as done: this bench measures media that are well.")
    return done


def submit(client: Client, source_key: str, function: str = PHOTO) -> int:
    """A job of its own, whatever was submitted before. Returns its number."""
    return client.submit(OWNER, source_key, key=uuid.uuid4().hex, function=function).job_id


def span_seconds(jobs: Sequence[JobStatus]) -> float:
    """From the first claim to the last publication, by the database's clock."""
    return (max(map(ended, jobs)) - min(map(began, jobs))).total_seconds()


def began(job: JobStatus) -> datetime:
    """When a job that is done was claimed."""
    return job.started_at or job.submitted_at


def ended(job: JobStatus) -> datetime:
    """When a job that is done was published."""
    return job.finished_at or job.submitted_at


def worker_cpu_seconds(stack: Stack) -> float:
    """What all heads and hands have spent so far."""
    parts = ("workers.head", "workers.renderer")
    return sum(process.cpu_seconds for process in stack.pool.processes() if process.command.startswith(parts))


def measure_idle(client: Client, originals: Sequence[str]) -> list[float]:
    """Milliseconds from submit to published of single photos, nothing else to do."""
    jobs = [make(client, originals[turn % len(originals) :][:1], 1)[0] for turn in range(IDLE_ROUNDS)]
    return [1000 * (ended(job) - job.submitted_at).total_seconds() for job in jobs]


def measure_claim(ledger: PostgresLedger) -> float:
    """CPU milliseconds of one claim, of a job that is not there."""
    began = time.process_time()
    for _ in range(LOOPS):
        ledger.claim(0, "bench", 1.0)
    return 1000 * (time.process_time() - began) / LOOPS


def measure_gearman(servers: Sequence[str]) -> float:
    """CPU milliseconds of taking one ticket that asks for nothing."""
    tickets = [Ticket(job_id=n, attempt=0, function="bench", lane=Lane.BATCH) for n in range(1, LOOPS + 1)]
    Dispatcher(servers, 3.0).send(tickets)
    taken: list[Ticket] = []
    began = time.process_time()
    serve(servers, {"bench": taken.append}, lambda: len(taken) < LOOPS, name="bench", connect_timeout_seconds=3.0)
    return 1000 * (time.process_time() - began) / LOOPS


def tabulate(loads: Sequence[Load], short: Mapping[str, float]) -> Table:
    """Where a photo's CPU goes in a worker, a column for each number of workers."""
    table = Table(title="A photo's way through real servers: CPU milliseconds a photo in the worker")
    table.add_column("")
    for load in loads:
        table.add_column(f"{load.workers} worker{'s' if load.workers > 1 else ''}", justify="right")
    for name in parts(loads[0], short):
        table.add_row(name, *(f"{parts(load, short)[name]:.2f}" for load in loads))
    table.add_row("photos a second", *(f"{load.photos_per_second:.1f}" for load in loads))
    return table


def parts(load: Load, short: Mapping[str, float]) -> dict[str, float]:
    """A photo's CPU by what it was spent on, and all of it."""
    known = {
        "render": load.rendering_ms,
        "S3": load.stages_ms["fetch"] + load.stages_ms["store"],
        "hands, passing pixels": load.stages_ms["hands"],
        "ledger": short["claim"] + load.stages_ms["publish"],
        "Gearman": short["gearman"],
    }
    return {**known, "rest": load.cpu_ms - sum(known.values()), "all": load.cpu_ms}
