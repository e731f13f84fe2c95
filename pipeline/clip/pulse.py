"""A clip's progress, which grows by a hair while something works and has nothing to show for it.

A stretch that is only decoded to be dropped, loudness, an encoder that looks ahead: all of it takes time in which
nothing comes out. What works takes CPU time, what is stuck takes none, and whoever watches the progress can tell. What
turns in circles takes CPU time too, so it is believed for so long only.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import psutil

BEAT_SECONDS = 1.0
WORK_SECONDS = 0.1  # of CPU, from which on it counts: ffmpeg takes 0.001 a second to look whether a pipe has moved
MOST_SILENT_SECONDS = 600.0  # of CPU without anything to show: ten minutes of 1080p, decoded to be dropped
HAIR = 1e-6  # of the work: in an hour less than the least stage
WHOLE = 0.99  # what all the work comes to, so that there is room for hairs when the last frame waits to be encoded


class Pulse:
    """A report of the share that is done, 0 to 1, that beats within its context. It never goes back."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._told = 0.0
        self._silent_seconds = 0.0  # of CPU
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
            self._silent_seconds = 0.0
        self._tell(WHOLE * share)

    def _tell(self, progress: float) -> None:
        with self._one_at_a_time:
            self._told = min(1.0, max(self._told, progress))
            self._report(self._told)

    def _watch(self) -> None:
        noted = worked_seconds()
        while not self._ended.wait(BEAT_SECONDS):
            worked = worked_seconds()
            if worked - noted >= WORK_SECONDS and self._silent_seconds < MOST_SILENT_SECONDS:
                self._silent_seconds += worked - noted
                noted = worked
                self._tell(self._told + HAIR)


def worked_seconds() -> float:
    """CPU time of this process without the calling thread, and of the programs that it has started in all its life.

    Of those that have ended first: one that ends in between is left out until the next time, and never counts twice.
    """
    own = psutil.Process()
    ended = own.cpu_times()
    total = time.process_time() - time.thread_time() + ended.children_user + ended.children_system
    for program in own.children(recursive=True):
        with suppress(psutil.Error):
            times = program.cpu_times()
            total += times.user + times.system
    return total
