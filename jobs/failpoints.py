"""Named steps at which a test may have a process die, stop, wait or fail. In production none is armed.

DARKROOM_FAILPOINTS, which nobody but this module reads, has entries `STEP=ACTION` with commas between:

kill        the process kills itself, as by kill -9
stop        it stops itself, as by SIGSTOP, until somebody continues it
delay:S     it waits so many seconds
error       the step raises Unavailable
crash       the renderer that is at work is killed (`mid_render` only)

`ACTION@FOLDER` happens once for each file that lies in FOLDER, over all processes: each takes one away. So a test says
how often, and sees what has happened, however many processes it started. A step may have several entries, which happen
in their order.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jobs.errors import Unavailable

VARIABLE = "DARKROOM_FAILPOINTS"
STEPS = (
    "after_claim",
    "after_fetch",
    "mid_render",
    "after_put",  # of each rendition
    "before_publish",
    "after_publish",  # before Gearman has its answer
    "after_post",  # of events, before they are forgotten
)
ACTIONS = ("kill", "stop", "delay", "error", "crash")


@dataclass(frozen=True, kw_only=True)
class Failpoint:
    """What is to happen at a step, and where the files lie that say how often; None: each time."""

    step: str
    action: str
    seconds: float = 0.0
    shots: Path | None = None


def reach(step: str, crash: Callable[[], None] | None = None) -> None:
    """Say that this process has come to a step. `crash` kills the renderer that is at work.

    Raises:
        Unavailable: the failpoint asks for it.
    """
    for point in armed().get(step, ()):
        if has_shot(point):
            fire(point, crash)


@cache
def armed() -> Mapping[str, tuple[Failpoint, ...]]:
    """The failpoints of this process by step, read once."""
    points = [parse(entry) for entry in os.environ.get(VARIABLE, "").split(",") if entry]
    return {step: there for step in STEPS if (there := tuple(point for point in points if point.step == step))}


def parse(entry: str) -> Failpoint:
    """A failpoint from its text. Raises ValueError for one that there is not."""
    step, _, rest = entry.partition("=")
    what, _, shots = rest.partition("@")
    action, _, seconds = what.partition(":")
    if step not in STEPS or action not in ACTIONS:
        raise ValueError(f"{VARIABLE} has {entry!r}; steps: {', '.join(STEPS)}; actions: {', '.join(ACTIONS)}")
    return Failpoint(step=step, action=action, seconds=float(seconds or 0), shots=Path(shots) if shots else None)


def has_shot(point: Failpoint) -> bool:
    """Whether it is to happen this time."""
    return point.shots is None or any(map(take, sorted(point.shots.iterdir())))


def take(shot: Path) -> bool:
    """Remove a file; False if another process was faster."""
    with suppress(FileNotFoundError):
        shot.unlink()
        return True
    return False


def fire(point: Failpoint, crash: Callable[[], None] | None) -> None:
    """Have it happen."""
    match point.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "delay":
            time.sleep(point.seconds)
        case "error":
            raise Unavailable(f"failpoint {point.step}")
        case "crash" if crash:
            crash()
