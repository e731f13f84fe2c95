"""A progress bar for benches that take their time."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Step = TypeVar("Step")


def followed(steps: Sequence[Step], says: str) -> Iterable[Step]:
    """The same, with a progress bar where a person watches."""
    screen = Console(stderr=True)
    return track(steps, says, console=screen, transient=True, disable=not screen.is_terminal)
