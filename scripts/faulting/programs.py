"""Processes of ours that a fault kills, stops and looks into."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

POLL_SECONDS = 0.02


class Program:
    """A process of ours, its children and its log."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Of the process itself."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log, and of those below it, with this event."""
        lines = self.log.read_text(errors="replace").splitlines()
        said = [line for line in lines if line.startswith("{") and line.endswith("}") and f'"{name}"' in line]
        return [line for line in map(json.loads, said) if line.get("event") == name]

    def children(self, module: str) -> list[psutil.Process]:
        """The processes below it that run this module of ours, the oldest first."""
        found = []
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if module in child.cmdline():
                        found.append(child)
        return sorted(found, key=lambda child: child.pid)

    def heads(self, function: str | None = None) -> list[psutil.Process]:
        """Its workers, of one function or of all."""
        return [head for head in self.children("workers.head") if function is None or function in head.cmdline()]

    def stopped(self) -> list[psutil.Process]:
        """The processes below it that are stopped, as by SIGSTOP."""
        found = []
        for child in self.children("-m"):
            with suppress(psutil.NoSuchProcess):
                if child.status() == psutil.STATUS_STOPPED:
                    found.append(child)
        return found

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """Its exit status. Raises subprocess.TimeoutExpired."""
        return self.process.wait(seconds)

    def kill_all(self) -> None:
        """Kill it and everything below it at once, stopped or not: what the loss of its machine would do."""
        if self.running:
            with suppress(psutil.NoSuchProcess):
                itself = psutil.Process(self.pid)
                itself.suspend()  # lest it start another while we look
                family = [itself, *itself.children(recursive=True)]
                for member in family:
                    with suppress(psutil.NoSuchProcess):
                        member.kill()
        self.process.wait()


def kill(process: psutil.Process) -> None:
    """Kill a process, unless it has ended."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return once the condition holds. Raises TimeoutError, which says what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(POLL_SECONDS)
