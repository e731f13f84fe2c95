"""Processes that outlive us, found again by a pid file and never mistaken for another process."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from workers.stack.account import Account

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Identity:
    """A process for good: pids come round again, but not with the same start time (clock ticks since boot)."""

    pid: int
    started: int


def spawn(
    command: Sequence[str | Path], *, account: Account, home: Path, log: Path, environment: Mapping[str, str]
) -> Identity:
    """Start a process in `home`, in a session of its own, so that neither our end nor Ctrl-C ends it."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **account.process_options,
        )
    return Identity(child.pid, _started(child.pid) or 0)


def remember(process: Identity, pid_file: Path) -> None:
    """Write the pid file from which `recall` finds the process again."""
    pid_file.write_text(f"{process.pid} {process.started}\n")


def recall(pid_file: Path) -> Identity | None:
    """The process of a pid file, if that very process still runs."""
    try:
        pid, started = (int(word) for word in pid_file.read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    return Identity(pid, started) if runs(Identity(pid, started)) else None


def runs(process: Identity) -> bool:
    """Whether this very process runs."""
    return _started(process.pid) == process.started


def end(process: Identity, how: signal.Signals, *, patience_seconds: float) -> None:
    """Ask a process to leave; kill it with its descendants if it is still there after `patience_seconds`."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, how)
    if not _gone(process, patience_seconds):
        kill(process)


def kill(process: Identity) -> None:
    """Kill a process and its descendants at once, as a power cut would."""
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid)
        for member in (family, *family.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                member.kill()
    _gone(process, patience_seconds=5)


def _gone(process: Identity, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while runs(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _started(pid: int) -> int | None:
    """When a process started, from the kernel; None if there is none or only its zombie."""
    try:
        # The name in parentheses may hold anything; after it come state (field 3) and start time (field 22).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])
