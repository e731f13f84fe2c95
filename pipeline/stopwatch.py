"""How long each stage of a flow took, on the processor and on the wall."""

import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

Observe = Callable[[str], None]

_observe: ContextVar[Observe] = ContextVar("observe", default=lambda _: None)
_stage: ContextVar[str] = ContextVar("stage", default="")


class Stopwatch:
    """Adds up the stages of one run. `timings` has `<stage>_cpu_ms` and `<stage>_wall_ms` for each."""

    def __init__(self) -> None:
        self._timings: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str, of: str = "") -> Iterator[None]:
        """Count what happens inside towards the stage `name`; CPU is the whole process's, and its ended programs'.

        `of` is the format that is worked on, for who observes.
        """
        cpu, wall = cpu_seconds(), time.perf_counter()
        try:
            with observed(f"{name} {of}".rstrip()):
                yield
        finally:
            self._timings[f"{name}_cpu_ms"] += 1000 * (cpu_seconds() - cpu)
            self._timings[f"{name}_wall_ms"] += 1000 * (time.perf_counter() - wall)

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds so far, to a microsecond."""
        return {name: round(milliseconds, 3) for name, milliseconds in self._timings.items()}


def observe(tell: Observe) -> None:
    """Have `tell` told of every stage that begins from here on: "decode heic". See `observed`."""
    _observe.set(tell)


@contextmanager
def observed(stage: str) -> Iterator[None]:
    """Tell who observes that the stage begins, and after it of the one around it, or of none: "".

    After an exception nothing is told: what failed is what was told last.
    """
    tell, outer = _observe.get(), _stage.set(stage)
    tell(stage)
    try:
        yield
    finally:
        _stage.reset(outer)
    tell(_stage.get())


def cpu_seconds() -> float:
    """What this process has spent so far, and the programs that it started and that have ended.

    Not time.process_time(): under a CPU limit, such as a renderer's, the kernel moves that clock in ticks of 4 ms.
    """
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
