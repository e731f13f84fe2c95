"""A clip's progress, which grows by a hair while something works and has nothing to show for it.

A stretch that is only decoded to be dropped, an encoder that looks ahead: all of it takes time in which nothing comes
out. What works takes CPU time, what is stuck takes none, and whoever watches the progress can tell. What turns in
circles takes CPU time too, but comes to no place in its files where it has not been: so CPU time alone is believed for
some seconds only, and with new places for as long as the longest clip takes.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

BEAT_SECONDS = 1.0
WORK_SECONDS = 0.1  # of CPU, from which on it counts: ffmpeg takes 0.001 a second to look whether a pipe has moved
MOST_LOST_SECONDS = 10.0  # of CPU without a new place; the head waits for 30 s besides, and an encoder needs some 20
PLACE_BYTES = 1 << 16  # two reads of ffmpeg's
MOST_SILENT_SECONDS = 600.0  # of CPU without anything to show: ten minutes of 1080p, decoded to be dropped
HAIR = 1e-6  # of the work: in an hour less than the least stage
WHOLE = 0.99  # what all the work comes to, so that there is room for hairs when the last frame waits to be encoded

Place = tuple[int, str, int]  # a process, its open file, and where in it


class Pulse:
    """A report of the share that is done, 0 to 1, that beats within its context. It never goes back."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._told = 0.0
        self._silent_seconds = self._lost_seconds = 0.0  # of CPU
        self._seen: set[Place] = set()
        self._one_at_a_time = threading.Lock()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()

    def __call__(self, share: float) -> None:
        """Tell that this share of the work is done."""
        if WHOLE * share > self._told:
            self._silent_seconds = self._lost_seconds = 0.0
        self._tell(WHOLE * share)

    def _tell(self, progress: float) -> None:
        with self._one_at_a_time:
            self._told = min(1.0, max(self._told, progress))
            self._report(self._told)

    def _watch(self) -> None:
        noted = worked_seconds()
        while not self._ended.wait(BEAT_SECONDS):
            worked = worked_seconds()
            if worked - noted >= WORK_SECONDS:
                self._believe(worked - noted)
                noted = worked

    def _believe(self, seconds: float) -> None:
        """Advance for so much CPU time, if what took it gets anywhere."""
        places = set(open_places())
        if not places <= self._seen:
            self._lost_seconds = 0.0
        self._seen |= places
        if self._lost_seconds < MOST_LOST_SECONDS and self._silent_seconds < MOST_SILENT_SECONDS:
            self._tell(self._told + HAIR)
        self._lost_seconds += seconds
        self._silent_seconds += seconds


def open_places() -> Iterator[Place]:
    """Where this process and the programs that it has started are in the files that they read and write."""
    for program in (os.getpid(), *programs_below(os.getpid())):
        with suppress(OSError):  # it has ended
            for file in Path(f"/proc/{program}/fdinfo").iterdir():
                yield program, file.name, place_in(file)


def place_in(file: Path) -> int:
    """How far an open file is read or written, by its `fdinfo`, in steps. 0 for one that has no places, as a pipe."""
    with suppress(OSError):  # it was closed
        return int(file.read_text().split(maxsplit=2)[1]) // PLACE_BYTES
    return 0


def worked_seconds() -> float:
    """CPU time of this process without the calling thread, and of the programs that it has started in all its life.

    Of those that have ended first: one that ends in between is left out until the next time, and never counts twice.
    """
    ended = psutil.Process().cpu_times()
    total = time.process_time() - time.thread_time() + ended.children_user + ended.children_system
    for program in programs_below(os.getpid()):
        with suppress(psutil.Error):
            times = psutil.Process(program).cpu_times()
            total += times.user + times.system
    return total


def programs_below(process: int) -> list[int]:
    """The processes that one has started, and those that they have. No other process is looked at: psutil would."""
    below: list[int] = []
    with suppress(OSError):  # it has ended meanwhile
        for listed in Path(f"/proc/{process}/task").glob("*/children"):
            started = [int(child) for child in listed.read_text().split()]
            below += started + [program for child in started for program in programs_below(child)]
    return below
