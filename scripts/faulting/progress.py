"""How far a run of faults is, and how long it still takes."""

import math
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.faulting.model import Fault, Tally

WIDE = 150  # columns of a log: nothing is folded there


class Teller:
    """Tells each fault as it ends, with how far the run is; where a person watches, below it a bar that moves."""

    def __init__(self, faults: int | None, seconds: float = math.inf) -> None:
        """`faults` is how many there will be; None: they go on for `seconds`."""
        self.console = Console(width=WIDE if not sys.stdout.isatty() else None, highlight=False, markup=False)
        self._faults, self._seconds = faults, seconds
        self._done = 0
        self._began = time.monotonic()
        self._bar = Progress(
            *(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[way]}"), TimeElapsedColumn()),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("", total=faults or seconds, way="")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show the bar inside."""
        with self._bar:
            yield

    def follow(self, order: Iterable[Fault]) -> Iterator[Fault]:
        """The same faults; each is named while it happens."""
        for fault in order:
            self._show(f"{fault.group}: {fault.name}")
            yield fault
            self._done += 1
        self._show("everything once more")

    def say(self, text: str) -> None:
        """A line with the time of day, above the bar."""
        self.console.print(f"{time.strftime('%H:%M:%S')} {text}", soft_wrap=True)

    def tell(self, tally: Tally) -> None:
        """What became of a fault, and everything that was found."""
        ended = f"skipped: {tally.skipped}" if tally.skipped else "kept" if tally.kept else "BROKEN"
        what = f"{tally.group:10} {tally.fault:40} {tally.seconds:5.1f} s  {ended}"
        self.say(f"{self.counted(self._done + 1):>7}  {what}  ({self.times(self._done + 1)})")
        for finding in tally.findings:
            self.console.print(f"    {finding}", soft_wrap=True)

    def counted(self, done: int) -> str:
        """How many faults are done, of how many."""
        return f"{done}/{self._faults}" if self._faults else f"{done}"

    def times(self, done: int) -> str:
        """How long the run has taken, and about how long it still does."""
        elapsed = time.monotonic() - self._began
        if self._faults is None:
            return f"{clock(elapsed)} of {clock(self._seconds)}"
        left = left_seconds(done, self._faults, elapsed)
        return f"{clock(elapsed)}, about {clock(left)} left"

    def _show(self, what: str) -> None:
        elapsed = time.monotonic() - self._began
        way = f"{self.counted(self._done)}  {self.times(self._done)}" if self._done else self.counted(self._done)
        self._bar.update(self._task, description=what, way=way, completed=self._done if self._faults else elapsed)


def left_seconds(done: int, whole: int, elapsed_seconds: float) -> float:
    """How long what is left takes if it goes on as it did; infinite before anything is done."""
    return elapsed_seconds * (whole - done) / done if done else math.inf


def clock(seconds: float) -> str:
    """Minutes and seconds, as 3:07, with hours if there are any; "?" for what nobody knows."""
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
