"""One renderer process, from its start to its death, as the head sees it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from config import LADDERS, Limits
from jobs.errors import HandsDied, Rejected, Unavailable
from pipeline.services import Edits, Rendered
from workers import wire
from workers.exits import OUT_OF_MEMORY
from workers.sandbox import resident_bytes

RENDERER = (sys.executable, "-s", "-m", "workers.renderer")
ROOT = Path(__file__).resolve().parent.parent

START_SECONDS = 120.0  # imports and compiled kernels: 1 s with a warm cache, half a minute on a first run
DYING_SECONDS = 2.0  # between closing its socket and its end
BEAT_SECONDS = 1.0  # how often a waiting head looks at its other duties
TAIL_BYTES = 2_000  # of what the child said before it died

# malloc keeps what it has: without this a third of a render is page faults. One thread a process: the pool is the
# parallelism.
TUNING = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
    "OPENBLAS_NUM_THREADS": "1",
    "LANG": "C.UTF-8",
}
INHERITED = ("NUMBA_CACHE_DIR", "LD_LIBRARY_PATH")


class Child:
    """A started renderer. Not thread-safe: one job at a time is its nature."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        self._limits = limits
        with contextlib.ExitStack() as opened:  # closed again if the process cannot be started
            self._original, self._result = wire.memory_file("original"), wire.memory_file("result")
            self._said = wire.notebook("stderr")
            for descriptor in (self._original, self._result, self._said):
                opened.callback(os.close, descriptor)
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            opened.enter_context(self._socket)
            with theirs:
                self._process = self._start(command, (theirs.fileno(), self._original, self._result))
            self._opened = opened.pop_all()
        self.jobs = 0

    def _start(self, command: Sequence[str], inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*command, *map(str, inherited), json.dumps(asdict(self._limits))],
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            pass_fds=inherited,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's id, which is also its group's."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def resident_bytes(self) -> int:
        """The memory it holds now."""
        return resident_bytes(self.pid)

    def wait_ready(self, on_wait: Callable[[], None]) -> wire.Message:
        """What the machine allowed it to give up, once it is warm and confined.

        Raises:
            Unavailable: it did not come up; the message has the end of what it said.
        """
        try:
            answer = self._wait(START_SECONDS, on_wait)
        except TimeoutError as error:
            raise Unavailable(f"the renderer is not ready after {START_SECONDS:g} s: {self._tail()}") from error
        if answer is None:
            status = self._process.wait()
            raise Unavailable(f"the renderer cannot start (exit status {status}): {self._tail()}")
        return answer

    def render(self, original: bytes, ladder: str, edits: Edits, on_wait: Callable[[], None]) -> Rendered | Rejected:
        """What one photo came to. After an exception this child is of no more use: kill it.

        Raises:
            HandsDied: it died, answered nonsense, or not within the wall limit.
        """
        os.ftruncate(self._said, 0)
        request = wire.request(self._original, original, ladder, edits)
        with contextlib.suppress(ConnectionError):  # a child that is dead by now is noticed below, with the cause
            wire.send(self._socket, request)
        try:
            return self._read(self._wait(self._limits.photo_wall_seconds, on_wait), ladder)
        except TimeoutError as error:
            raise HandsDied(f"wall limit of {self._limits.photo_wall_seconds} s") from error
        except wire.GarbledError as error:
            raise HandsDied(f"garbled answer: {error}") from error

    def kill(self) -> None:
        """Kill it and everything it started. Safe from any thread."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, and forget its memory."""
        self.kill()
        self._process.wait()
        self._opened.close()

    def _read(self, answer: wire.Message | None, ladder: str) -> Rendered | Rejected:
        if answer is None:
            raise HandsDied(self._cause_of_death())
        self.jobs += 1
        outcome = wire.read_answer(answer, self._result, LADDERS[ladder])
        for descriptor in (self._original, self._result):
            os.ftruncate(descriptor, wire.KEPT_BYTES)
        return outcome

    def _wait(self, seconds: float, on_wait: Callable[[], None]) -> wire.Message | None:
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            self._socket.settimeout(min(rest, BEAT_SECONDS))
            try:
                return wire.receive(self._socket)
            except TimeoutError:
                on_wait()
        raise TimeoutError

    def _cause_of_death(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may have only closed its socket
            self._process.wait(DYING_SECONDS)
        self.kill()
        return cause_of_death(self._process.wait(), self._limits, self._tail())

    def _tail(self) -> str:
        size = os.fstat(self._said).st_size
        text = os.pread(self._said, TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(errors="replace")
        return text.strip()


def cause_of_death(status: int, limits: Limits, said: str) -> str:
    """A renderer's death in words, from its exit status (negative: the signal) and the end of what it said."""
    if status == -signal.SIGXCPU:
        return f"CPU limit of {limits.photo_cpu_seconds} s"
    if status == OUT_OF_MEMORY:
        return f"memory limit of {limits.photo_memory_bytes >> 20} MiB"
    name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return f"{name}: {said.splitlines()[-1]}" if said else name


def environment() -> dict[str, str]:
    """All that a renderer knows of the outside: no credentials, no addresses."""
    passed = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**TUNING, **passed, "PYTHONPATH": str(ROOT)}
