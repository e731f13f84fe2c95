"""The head's side of its hands: a renderer child that is replaced when it dies, grows fat or gets old."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, NotRequired, TypedDict, TypeVar, Unpack

from config import Limits, MisconfiguredError
from jobs.errors import Rejected, Unavailable
from pipeline.clip.model import RenderedClip
from pipeline.services import ClipRequest, Edits, OnWait, Rendered
from workers.child import RENDERER, Child, PhotoChild
from workers.clip_child import CLIP_RENDERER, ClipChild
from workers.log import Log
from workers.pauses import pause_seconds
from workers.sandbox import Parts, lacking

LONGEST_PAUSE_SECONDS = 5.0  # before the next renderer, when one after another died before its first job was done
NAP_SECONDS = 0.1


class Options(TypedDict):
    """See `ChildHands`."""

    jobs: int
    memory_bytes: int
    required: NotRequired[bool]


C = TypeVar("C", bound=Child)
T = TypeVar("T")

log = Log("hands")


class ChildHands(Generic[C]):
    """`pipeline.services.Hands` as a process of its own, which never holds a credential.

    It is started by the first `start` or job, and again after each death. Use from the main thread only: the kernel
    kills the child when the thread that started it ends.
    """

    def __init__(self, make: Callable[[], C], *, jobs: int, memory_bytes: int, required: bool = False) -> None:
        """A child is replaced after so many jobs, or when it holds so much resident memory.

        `required`: whether one is no use that is confined in less than every way.
        """
        self._make = make
        self._jobs = jobs
        self._memory_bytes = memory_bytes
        self._required = required
        self._child: C | None = None
        self._early_deaths = 0
        self._told_lacking: dict[str, str] = {}

    def start(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """Have a warm renderer at hand, calling `on_wait` about every second until it is; what that raises ends it.

        Raises:
            Unavailable: it does not come up.
            MisconfiguredError: the machine does not grant every part of the sandbox, and that is required.
        """
        self._ready(on_wait)

    @property
    def pid(self) -> int | None:
        """The renderer's process; None before there is one."""
        return self._child.pid if self._child else None

    def kill(self) -> None:
        """Kill the renderer, whatever it is doing. Safe from any thread."""
        if child := self._child:  # read once: the main thread may be replacing it
            child.kill()

    def close(self) -> None:
        """End the renderer; the next job would start a new one."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _work(self, render: Callable[[C], T | Rejected | Unavailable], on_wait: Callable[[], None]) -> T:
        """What `render` returns of a child that is ready. A failure that it raises ends the child, none it returns."""
        child = self._ready(on_wait)
        try:
            outcome = render(child)
        except BaseException:
            self.close()
            raise
        self._early_deaths = 0
        self._retire(child)
        if isinstance(outcome, (Rejected, Unavailable)):
            raise outcome
        return outcome

    def _ready(self, on_wait: Callable[[], None]) -> C:
        if self._child is not None and not self._child.alive:
            self.close()  # it died of something between two jobs, which is not to be the next one's fault
        if self._child is None:
            self._child = self._start(on_wait)
        return self._child

    def _start(self, on_wait: Callable[[], None]) -> C:
        rest(pause_seconds(self._early_deaths, longest=LONGEST_PAUSE_SECONDS), on_wait)
        self._early_deaths += 1
        begun = time.monotonic()
        child = self._make()
        try:
            child.wait_ready(on_wait)
            self._check_sandbox(child.parts)
        except BaseException:
            child.close()
            raise
        seconds = round(time.monotonic() - begun, 2)
        facts = {"hands_pid": child.pid, "seconds": seconds, "resident_bytes": child.resident_bytes}
        log.info("hands.ready", **facts)
        return child

    def _check_sandbox(self, parts: Parts) -> None:
        """Tell what these hands lack, unless it is what was told of others before them. Raises as `start`."""
        if self._required:
            check_sandbox(parts)
        missing = lacking(parts)
        if missing and missing != self._told_lacking:
            log.warning("sandbox.lacking", parts=missing)
        self._told_lacking = missing

    def _retire(self, child: C) -> None:
        if child.jobs >= self._jobs or child.resident_bytes >= self._memory_bytes:
            log.info("hands.retired", hands_pid=child.pid, jobs=child.jobs, resident_bytes=child.resident_bytes)
            self.close()


class PhotoHands(ChildHands[PhotoChild]):
    """`pipeline.services.PhotoHands`."""

    def __init__(self, limits: Limits, *, command: Sequence[str] = RENDERER, **options: Unpack[Options]) -> None:
        super().__init__(partial(PhotoChild, command, limits), **options)

    def render(self, original: bytes, ladder: str, edits: Edits, on_wait: Callable[[], None]) -> Rendered:
        """See `pipeline.services.PhotoHands`."""
        return self._work(lambda child: child.render(original, ladder, edits, on_wait), on_wait)


class ClipHands(ChildHands[ClipChild]):
    """`pipeline.services.ClipHands`."""

    def __init__(
        self, limits: Limits, folder: Path, *, command: Sequence[str] = CLIP_RENDERER, **options: Unpack[Options]
    ) -> None:
        """`folder` is where the jobs' folders come and go."""
        super().__init__(partial(ClipChild, command, limits, folder), **options)

    def render(self, request: ClipRequest, on_part: Callable[[RenderedClip], None], on_wait: OnWait) -> RenderedClip:
        """See `pipeline.services.ClipHands`."""
        return self._work(lambda child: child.render(request, on_part, on_wait), on_wait)


def check_sandbox(parts: Parts) -> None:
    """Raise MisconfiguredError unless every part was granted."""
    if missing := lacking(parts):
        reasons = ", ".join(f"{name} ({word})" for name, word in missing.items())
        raise MisconfiguredError(
            f"DARKROOM_SANDBOX=required, and this machine does not grant: {reasons}. `darkroom doctor` says what to do"
        )


def rest(seconds: float, on_wait: Callable[[], None]) -> None:
    """Sleep, calling `on_wait` meanwhile; what it raises ends the rest."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        on_wait()
        time.sleep(min(left, NAP_SECONDS))
