"""How much memory a process and all that it started hold."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from scripts.looking import looking

SAMPLED_SECONDS = 0.2  # between two looks, each of some milliseconds; an encoder holds what it has for seconds


class Peak:
    """The most bytes of resident memory that were seen so far, of one process and of all together."""

    def __init__(self) -> None:
        self.one = self.all = 0

    def look(self, root: psutil.Process) -> None:
        """See how much it is now. What processes share counts in each."""
        with suppress(psutil.NoSuchProcess):
            held = [resident(process) for process in (root, *root.children(recursive=True))]
            self.one, self.all = max(self.one, *held), max(self.all, sum(held))


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """The peak of a process and those below it, looked at again and again while the context lasts."""
    peak, root = Peak(), psutil.Process(pid)
    with looking(lambda: peak.look(root), SAMPLED_SECONDS):
        yield peak


def resident(process: psutil.Process) -> int:
    """The resident memory of one process; none once it is gone."""
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0
