"""The stack's own workers: one supervised pool in the background, found again by any later command."""

import fcntl
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from workers.stack import processes
from workers.stack.account import Account

PATIENCE_SECONDS = 35  # for a drain of 25 s, and what comes after it


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process of the pool. `memory_bytes` is resident."""

    pid: int
    command: str
    cpu_seconds: float
    memory_bytes: int


class LocalPool:
    """`darkroom pool` as a background process of a local stack."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.home = directory / "pool"
        self.log = self.home / "pool.log"
        self._environment = environment
        self._pid_file = self.home / "pool.process"

    @property
    def running(self) -> bool:
        """Whether the supervisor that this stack started is there."""
        return processes.recall(self._pid_file) is not None

    def start(self, *, photo: int, clip: int = 0) -> None:
        """Start so many workers for photos and for clips with their sweeper and relay, unless a pool runs."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once start one pool
            if not self.running:
                self._spawn(photo, clip)

    def _spawn(self, photo: int, clip: int) -> None:
        command = [sys.executable, "-m", "workers.supervisor", "--photo", str(photo), "--clip", str(clip)]
        environment = {**os.environ, **self._environment}
        started = processes.spawn(command, account=Account(), home=self.home, log=self.log, environment=environment)
        processes.remember(started, self._pid_file)

    def stop(self) -> None:
        """Drain it and end it."""
        if process := processes.recall(self._pid_file):
            processes.end(process, signal.SIGTERM, patience_seconds=PATIENCE_SECONDS)
        self._pid_file.unlink(missing_ok=True)

    def processes(self) -> list[Process]:
        """The supervisor and everything below it; none when the pool is down."""
        process = processes.recall(self._pid_file)
        if process is None:
            return []
        found = []
        with suppress(psutil.NoSuchProcess):  # of those that end while we look; a zombie is one of them
            supervisor = psutil.Process(process.pid)
            for member in (supervisor, *supervisor.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    found.append(_describe(member))
        return found


def _describe(process: psutil.Process) -> Process:
    with process.oneshot():
        words = process.cmdline()
        module = words.index("-m") + 1 if "-m" in words else 0
        clock = process.cpu_times()
        return Process(
            pid=process.pid,
            command=" ".join(words[module:]),
            cpu_seconds=clock.user + clock.system,
            memory_bytes=process.memory_info().rss,
        )
