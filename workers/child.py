"""One renderer process, from its start to its death, as the head sees it; and what is asked of one for photos."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from config import LADDERS, Limits
from jobs import failpoints
from jobs.errors import HandsDied, Rejected, Unavailable
from jobs.job import Crash
from pipeline.libraries import suspects
from pipeline.services import Edits, Rendered
from pipeline.signals import signal_name
from workers import wire
from workers.exits import OUT_OF_MEMORY
from workers.sandbox import Bounds, Parts, group_runs, photo_bounds, resident_bytes

RENDERER = (sys.executable, "-s", "-m", "workers.renderer")
ROOT = Path(__file__).resolve().parent.parent

START_SECONDS = 120.0  # imports and compiled kernels: 1 s with a warm cache, half a minute on a first run
DYING_SECONDS = 2.0  # between closing its socket and its end, or between a kill and the end of its programs
POLL_SECONDS = 0.01
BEAT_SECONDS = 1.0  # how often a waiting head looks at its other duties
TAIL_BYTES = 2_000  # of what the child said before it died
WORDS_CHARACTERS = 1_000  # of that, in what is kept of its death

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

T = TypeVar("T")


class Child:
    """A started renderer. Not thread-safe: one job at a time is its nature."""

    def __init__(
        self, command: Sequence[str], limits: Limits, bounds: Bounds, *descriptors: int, arguments: Sequence[str] = ()
    ) -> None:
        """`descriptors` are for the process too, before `arguments`, and from now on this child's to close."""
        self._limits = limits
        self._bounds = bounds
        with contextlib.ExitStack() as opened:  # closed again if the process cannot be started
            for descriptor in descriptors:
                opened.callback(os.close, descriptor)
            self._said = wire.sealed_file("stderr", wire.NOTEBOOK_BYTES)
            opened.callback(os.close, self._said)
            self._stage = wire.sealed_file("stage", wire.STAGE_BYTES)
            opened.callback(os.close, self._stage)
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            opened.enter_context(self._socket)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            with theirs:
                inherited = (theirs.fileno(), self._stage, *descriptors)
                self._process = self._start(command, inherited, arguments)
            self._opened = opened.pop_all()
        self.jobs = 0
        self.pid = self.group  # of the renderer itself, once it is ready; its keeper comes before it
        self.parts: Parts = {}
        self._libraries: Mapping[str, str] = {}

    def _start(
        self, command: Sequence[str], inherited: Sequence[int], arguments: Sequence[str]
    ) -> subprocess.Popen[bytes]:
        theirs, *others = map(str, inherited)
        return subprocess.Popen(
            [*command, theirs, json.dumps(asdict(self._limits)), *others, *arguments],
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            pass_fds=inherited,
            start_new_session=True,
        )

    @property
    def group(self) -> int:
        """The process group of all that was started."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs and, as it should between two jobs, says nothing; its end is heard too."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        return self._process.poll() is None and not readable

    @property
    def resident_bytes(self) -> int:
        """The memory it holds now."""
        return resident_bytes(self.pid)

    def wait_ready(self, on_wait: Callable[[], None]) -> None:
        """Wait until it is warm and confined, and note which `parts` of the confinement the machine granted.

        Raises:
            Unavailable: it did not come up; the message has the end of what it said.
        """
        try:
            heard = self._wait(START_SECONDS, on_wait, wire.receive_signed)
        except TimeoutError as error:
            raise Unavailable(f"the renderer is not ready after {START_SECONDS:g} s: {self._tail()}") from error
        if heard is None:
            status = self._process.wait()
            raise Unavailable(f"the renderer cannot start (exit status {status}): {self._tail()}")
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        answer, self.pid = heard
        with self._believing(), wire.suspicion():
            self._libraries = wire.read_libraries(answer["libraries"])
            self.parts = wire.read_parts(answer["sandbox"])

    def kill(self) -> None:
        """Kill it and everything it started. Safe from any thread.

        The init of its process namespace is in the group too, and with it the kernel kills who has left the group. Only
        where the machine grants no such namespace a clip's renderer that was taken over can start what survives this.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, wait until nothing of it runs, and forget its memory."""
        self.kill()
        self._process.wait()
        self._outlive_group()
        self._opened.close()

    def _outlive_group(self) -> None:
        """Its programs are not ours to wait for, but they may write until they have gone."""
        end = time.monotonic() + DYING_SECONDS
        while group_runs(self.group) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)

    def _ask(self, request: wire.Message) -> None:
        os.lseek(self._said, 0, os.SEEK_SET)
        wire.note_stage(self._stage, "")
        with contextlib.suppress(ConnectionError):  # a child that is dead by now is noticed later, with the cause
            wire.send(self._socket, request)
        failpoints.reach("mid_render", self._crash_it)

    def _crash_it(self) -> None:
        """End it as a fault of its own would, which its original is blamed for. An answer by then is not heard."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSEGV)
        self._socket.settimeout(DYING_SECONDS)
        with contextlib.suppress(OSError):  # it may be cut off, or take its time
            while self._socket.recv(1):
                pass

    def _hear(self, seconds: float, on_wait: Callable[[], None]) -> wire.Message:
        """Its next message. Raises HandsDied, or TimeoutError after so many seconds."""
        with self._believing():
            message = self._wait(seconds, on_wait, wire.receive)
        if message is None:
            raise self._buried()
        return message

    def _wait(
        self, seconds: float, on_wait: Callable[[], None], receive: Callable[[socket.socket], T | None]
    ) -> T | None:
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            self._socket.settimeout(min(rest, BEAT_SECONDS))
            try:
                return receive(self._socket)
            except TimeoutError:
                on_wait()
        raise TimeoutError

    @contextlib.contextmanager
    def _believing(self) -> Iterator[None]:
        """Raise HandsDied for what no honest renderer says inside."""
        try:
            yield
        except wire.GarbledError as error:
            raise self._died(f"garbled answer: {error}", words=str(error)) from error

    def _died(self, message: str, *, signal: str | None = None, limit: str | None = None, words: str = "") -> HandsDied:
        """Its death, with what is known of how it came about."""
        crash = self._crash(signal=signal, limit=limit, words=words or self._tail())
        return HandsDied(message, crash)

    def _crash(self, *, signal: str | None, limit: str | None, words: str) -> Crash:
        stage = wire.noted_stage(self._stage)
        said = "".join(c for c in words if c.isprintable() or c == "\n")[-WORDS_CHARACTERS:]
        return Crash(stage=stage, signal=signal, limit=limit, words=said, libraries=suspects(stage, self._libraries))

    def _buried(self) -> HandsDied:
        """Wait for its end, and say what it died of."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may have only closed its socket
            self._process.wait(DYING_SECONDS)
        self.kill()
        status = self._process.wait()
        cause = cause_of_death(status, self._bounds, self._tail())
        return self._died(cause, signal=signal_of(status), limit=LIMITS_HIT.get(status))

    def _tail(self) -> str:
        return wire.written_last(self._said, TAIL_BYTES).decode(errors="replace").strip()


class PhotoChild(Child):
    """A renderer of photos. An original and its renditions pass in memory files, which it keeps."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        self._original, self._result = wire.memory_file("original"), wire.memory_file("result")
        super().__init__(command, limits, photo_bounds(limits), self._original, self._result)

    def render(
        self, original: bytes, ladder: str, edits: Edits, on_wait: Callable[[], None]
    ) -> Rendered | Rejected | Unavailable:
        """What one photo came to. After an exception this child is of no more use: kill it.

        Raises:
            HandsDied: it died, answered nonsense, or not within the wall limit.
        """
        self._ask(wire.request(self._original, original, ladder, edits))
        try:
            answer = self._hear(self._limits.photo_wall_seconds, on_wait)
        except TimeoutError as error:
            raise self._died(f"wall limit of {self._limits.photo_wall_seconds} s", limit="wall") from error
        with self._believing():
            outcome = wire.read_answer(answer, self._result, LADDERS[ladder])
        for descriptor in (self._original, self._result):
            os.ftruncate(descriptor, wire.KEPT_BYTES)
        self.jobs += 1
        return outcome


LIMITS_HIT = {-signal.SIGXCPU: "cpu", OUT_OF_MEMORY: "memory"}  # by exit status (negative: the signal)


def signal_of(status: int) -> str | None:
    """The name of the signal that an exit status stands for; None for an end of its own."""
    return signal_name(-status) if status < 0 else None


def cause_of_death(status: int, bounds: Bounds, said: str) -> str:
    """A renderer's death in words, from its exit status (negative: the signal) and the end of what it said."""
    if status == -signal.SIGXCPU:
        return f"CPU limit of {bounds.cpu_seconds} s"
    if status == OUT_OF_MEMORY:
        return f"memory limit of {bounds.memory_bytes >> 20} MiB"
    name = signal_of(status) or f"exit status {status}"
    return f"{name}: {said.splitlines()[-1]}" if said else name


def environment() -> dict[str, str]:
    """All that a renderer knows of the outside: no credentials, no addresses."""
    passed = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**TUNING, **passed, "PYTHONPATH": str(ROOT)}
