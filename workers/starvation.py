"""How long processes have waited for a processor that others had: who starves is not stuck."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

NANOSECONDS = 1e-9


class Starvation:
    """Of the processes of a group, whose number may change meanwhile."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._waited: dict[int, int] | None = None  # nanoseconds by thread, as of the last call

    def seconds(self) -> float:
        """Since the last call, of the thread that has waited longest; 0 at first, or where the kernel tells nothing.

        Source: proc(5) and the kernel's sched-stats: the second number is the time spent waiting on a run queue.
        """
        before, self._waited = self._waited, waiting_times(self._group)
        if before is None:
            return 0.0
        return NANOSECONDS * max((now - before.get(thread, 0) for thread, now in self._waited.items()), default=0)


def waiting_times(group: int) -> dict[int, int]:
    """Nanoseconds that each thread of the group has waited for a processor in its life."""
    waited: dict[int, int] = {}
    for pid in psutil.pids():
        with suppress(OSError, IndexError):  # it has just ended
            if os.getpgid(pid) == group:
                waited |= {int(task.name): int((task / "schedstat").read_text().split()[1]) for task in tasks(pid)}
    return waited


def tasks(pid: int) -> list[Path]:
    """The threads of a process."""
    return list(Path(f"/proc/{pid}/task").iterdir())
