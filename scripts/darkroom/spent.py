"""What the processes below this one take of the machine: CPU and memory, as a renderer's do."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from scripts.looking import looking
from workers.sandbox import resident_bytes

CPU_SECONDS = 0.02  # between two looks at the CPU
MEMORY_SECONDS = 0.05  # between two looks at the memory
MEMORY_HIGH = re.compile(r"VmHWM:\s+(\d+) kB")
TRACER = "strace"  # which takes nothing of a job's


class Cpu:
    """What the processes below this one take, as far as it was seen: all but the last moment of each."""

    def __init__(self) -> None:
        self._before = seconds_by_process()
        self._after = dict(self._before)

    def look(self) -> None:
        """See how much it is now."""
        self._after |= seconds_by_process()

    @property
    def seconds(self) -> float:
        """Since this was made."""
        return sum(self._after.values()) - sum(self._before.values())


@contextmanager
def spent_cpu() -> Iterator[Cpu]:
    """What is taken while the context lasts, looked at again and again."""
    cpu = Cpu()
    try:
        with looking(cpu.look, CPU_SECONDS):
            yield cpu
    finally:
        cpu.look()


def seconds_by_process() -> dict[int, float]:
    """CPU of each process below this one; of its ended children it has none."""
    seconds = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds[process.pid] = float(times.user + times.system)
    return seconds


class Peak:
    """The most bytes that the processes below this one held at one time."""

    def __init__(self) -> None:
        self.bytes = 0
        self.apart = False  # whether they are in a process namespace of their own
        for process in descendants(os.getpid()):
            with suppress(OSError):
                Path(f"/proc/{process}/clear_refs").write_text("5")  # its high-water mark begins anew: proc(5)

    def look(self) -> None:
        """See how much it is now."""
        self.bytes = max(self.bytes, sum(map(resident_bytes, descendants(os.getpid()))))

    def look_back(self) -> None:
        """See how much one of those that still run ever held meanwhile."""
        for process in descendants(os.getpid()):
            with suppress(OSError):
                self.apart |= Path(f"/proc/{process}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
                high = MEMORY_HIGH.search(Path(f"/proc/{process}/status").read_text())
                self.bytes = max(self.bytes, 1024 * int(high[1])) if high else self.bytes


def descendants(process: int) -> list[int]:
    """The processes below one, without strace, which takes nothing of a job's."""
    below: list[int] = []
    with suppress(OSError):
        for listed in Path(f"/proc/{process}/task").glob("*/children"):
            for child in map(int, listed.read_text().split()):
                own = [] if Path(f"/proc/{child}/comm").read_text().strip() == TRACER else [child]
                below += [*own, *descendants(child)]
    return below


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """The peak while the context lasts."""
    peak = Peak()
    try:
        with looking(peak.look, MEMORY_SECONDS):
            yield peak
    finally:
        peak.look_back()
