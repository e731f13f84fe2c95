"""What a person sees while something goes on: bars on standard error, and only in a terminal."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from jobs.job import JobStatus
from scripts.darkroom.show import percent, time_left

Value = TypeVar("Value")


class TimeLeft(TimeRemainingColumn):
    """The ledger's estimate where there is one, else what follows from how fast it was counted."""

    def render(self, task: Task) -> Text:
        """The column's text for one bar."""
        return Text(task.fields["left"]) if "left" in task.fields else super().render(task)


class Watch:
    """Bars while its block runs: one that counts, and one of the job at hand if that tells how far it is."""

    def __init__(self, *, show: bool, screen: Console | None = None) -> None:
        screen = screen or Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeLeft())
        self._bars = Progress(*columns, console=screen, transient=True, disable=not (show and screen.is_terminal))
        self._job = self._bars.add_task("", total=1.0, visible=False, told="", left="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()

    def counted(self, values: Sequence[Value], description: str) -> Iterator[Value]:
        """The values, counted as they are done with."""
        bar = self._bars.add_task(description, total=len(values), told=f"0/{len(values)}")
        for done, value in enumerate(values, 1):
            yield value
            self._bars.update(bar, completed=done, told=f"{done}/{len(values)}")
            self._bars.update(self._job, visible=False)

    def see(self, status: JobStatus) -> None:
        """Show how far the job at hand is; nothing while it has not told."""
        self._bars.update(
            self._job,
            description=f"Job {status.job_id}",
            visible=status.progress is not None,
            completed=status.progress or 0.0,
            told=percent(status),
            left=time_left(status),
        )
