"""Clips through real servers: how many a minute, what a worker spends beside ffmpeg, and what photos feel of them.

A fresh stack of its own. First clips alone, with one worker and with two: the time is the database's, from the first
claim to the last publication; what heads and hands spend themselves and what ffmpeg spends is read from the kernel.
Then photos one at a time, in turns with every clip worker idle and with every one busy, of each kind as many workers as
there are cores; a photo's latency is from its submit to its publication.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles

import psutil
from rich.console import Console
from rich.table import Table

from jobs import Client
from jobs.job import CLIP, JobState
from scripts.benches.clip import find_clips, make_clip
from scripts.benches.pipeline import OWNER, TIMEOUT_SECONDS, ended, fresh_stack, make, span_seconds, staffed, submit
from scripts.benches.progress import followed
from scripts.sample import sample_photo
from workers.stack import Stack

CLIPS_PER_WORKER = 3
TURNS = 6  # quiet and busy alternate
PHOTOS_PER_TURN = 50
WARM_UP = 10
CANCELLED_SECONDS = 3.0  # within which a cancelled clip's processes are gone
CORES = os.cpu_count() or 1
WORKERS = ("workers.head", "workers.clip_renderer")


@dataclass(frozen=True, kw_only=True)
class Load:
    """One run of several clips. CPU in seconds a clip."""

    workers: int
    clips_per_minute: float
    own_seconds: float  # of heads and hands
    encoding_seconds: float  # of the ffmpegs that the hands ran

    @property
    def beside_ffmpeg(self) -> float:
        """What Python, the ledger, the queue and the store add to ffmpeg."""
        return self.own_seconds / self.encoding_seconds


def run(inputs: Sequence[Path]) -> Mapping[str, float]:
    """Measure with clips and photos, print the tables, return the figures. What is lacking is made by code."""
    with tempfile.TemporaryDirectory() as folder, fresh_stack() as stack:
        client = Client(stack.settings)
        files = find_clips(inputs) or [make_clip(Path(folder))]
        clips = [client.upload(OWNER, file, file.name, CLIP) for file in files]
        photos = [client.upload(OWNER, photo, f"photo-{place}") for place, photo in enumerate(find_photos(inputs))]
        loads = [measure_load(stack, client, clips, workers) for workers in (1, 2)]
        with staffed(stack, photo=CORES, clip=CORES):
            make(client, photos, WARM_UP)
            quiet, busy = measure_photos(client, photos, clips)
    Console().print(tabulate_loads(loads), tabulate_photos(quiet, busy))
    return figures(loads, quiet, busy)


def find_photos(inputs: Sequence[Path]) -> list[Path | bytes]:
    """The photos beside the clips, or one made by code."""
    found = [photo for path in inputs if path.is_dir() for photo in sorted(path.glob("*.jpg"))]
    return [*found] or [sample_photo(3024, 4032)]


def measure_load(stack: Stack, client: Client, clips: Sequence[str], workers: int) -> Load:
    """Let so many workers make some clips each."""
    with staffed(stack, clip=workers):
        before = spent_seconds(stack)
        done = make(client, clips, CLIPS_PER_WORKER * workers, CLIP)
        own, encoding = (after - earlier for after, earlier in zip(spent_seconds(stack), before, strict=True))
    return Load(
        workers=workers,
        clips_per_minute=60 * len(done) / span_seconds(done),
        own_seconds=own / len(done),
        encoding_seconds=encoding / len(done),
    )


def spent_seconds(stack: Stack) -> tuple[float, float]:
    """CPU of heads and hands, and of what the hands ran and waited for."""
    members = [member for member in stack.pool.processes() if member.command.startswith(WORKERS)]
    clocks = [psutil.Process(member.pid).cpu_times() for member in members]
    own = sum(clock.user + clock.system for clock in clocks)
    return own, sum(clock.children_user + clock.children_system for clock in clocks)


def measure_photos(client: Client, photos: Sequence[str], clips: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds from submit to publication of single photos: with clip workers idle, and with all of them busy."""
    latencies: tuple[list[float], list[float]] = [], []
    for turn in followed(range(TURNS), "Photos beside clips"):
        busy = turn % 2
        crowd = Crowd(client, clips, CORES if busy else 0)
        for number in range(PHOTOS_PER_TURN):
            crowd.keep()
            (photo,) = make(client, photos[number % len(photos) :][:1], 1)
            latencies[busy].append(1000 * (ended(photo) - photo.submitted_at).total_seconds())
        crowd.disperse()
    return latencies


class Crowd:
    """So many clips that are being made at any time."""

    def __init__(self, client: Client, clips: Sequence[str], size: int) -> None:
        self._client, self._clips = client, cycle(clips)
        self._jobs = [self._ask() for _ in range(size)]
        self._await(lambda state: state is not JobState.QUEUED)

    def keep(self) -> None:
        """Ask for another where one has ended."""
        self._jobs = [self._ask() if self._client.status(job).state.final else job for job in self._jobs]

    def disperse(self) -> None:
        """Cancel what is left, and wait until its workers are idle."""
        for job in self._jobs:
            self._client.cancel(job)
        self._await(lambda state: state.final)
        time.sleep(CANCELLED_SECONDS if self._jobs else 0)

    def _ask(self) -> int:
        return submit(self._client, next(self._clips), CLIP)

    def _await(self, holds: Callable[[JobState], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not all(holds(self._client.status(job).state) for job in self._jobs):
            if time.monotonic() > deadline:
                sys.exit("The clip workers do not take up clips, or do not let go of them.")
            time.sleep(0.1)


def tabulate_loads(loads: Sequence[Load]) -> Table:
    """Clips a minute and where a worker's CPU goes, a column for each number of workers."""
    table = Table(title="Clips through real servers: CPU seconds a clip in the worker")
    table.add_column("")
    for load in loads:
        table.add_column(f"{load.workers} worker{'s' if load.workers > 1 else ''}", justify="right")
    table.add_row("ffmpeg", *(f"{load.encoding_seconds:.2f}" for load in loads))
    table.add_row("head and hands", *(f"{load.own_seconds:.2f}" for load in loads))
    table.add_row("beside ffmpeg", *(f"{load.beside_ffmpeg:.1%}" for load in loads))
    table.add_row("clips a minute", *(f"{load.clips_per_minute:.2f}" for load in loads))
    return table


def tabulate_photos(quiet: Sequence[float], busy: Sequence[float]) -> Table:
    """Photos' latencies with clip workers idle and busy."""
    table = Table(title="A photo's way from submit to publication: milliseconds")
    for heading in ("clip workers", "median", "p95"):
        table.add_column(heading, justify="right" if heading != "clip workers" else "left")
    for name, latencies in {"idle": quiet, "busy": busy}.items():
        table.add_row(name, f"{median(latencies):.0f}", f"{p95(latencies):.0f}")
    return table


def p95(latencies: Sequence[float]) -> float:
    """What 95 of 100 stay below."""
    return quantiles(latencies, n=20, method="inclusive")[-1]


def figures(loads: Sequence[Load], quiet: Sequence[float], busy: Sequence[float]) -> dict[str, float]:
    """The figures of a run by name."""
    one, two = loads
    return {
        "clips_per_minute_1": one.clips_per_minute,
        "clips_per_minute_2": two.clips_per_minute,
        "beside_ffmpeg": one.beside_ffmpeg,
        "photo_p95_ms": p95(quiet),
        "photo_p95_beside_clips_ms": p95(busy),
        "photo_p95_over_quiet": p95(busy) / p95(quiet),
    }
