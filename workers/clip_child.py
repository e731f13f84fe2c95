"""What is asked of one renderer process for clips, and for how long it is waited for."""

import sys
import time
from collections.abc import Callable, Sequence

from config import CLIP_LADDERS, Limits
from jobs.errors import HandsDied, Rejected, Unavailable
from pipeline.clip.model import RenderedClip
from pipeline.services import ClipRequest, OnWait
from workers import clip_wire
from workers.child import Child, believing
from workers.sandbox import clip_bounds

CLIP_RENDERER = (sys.executable, "-s", "-m", "workers.clip_renderer")


class ClipChild(Child):
    """A renderer of clips. An original and its renditions lie in a folder of the job's own."""

    beat_seconds = 0.25  # a cancelled clip is to end within 2 s

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        super().__init__(command, limits, clip_bounds(limits))

    def render(
        self, request: ClipRequest, on_part: Callable[[RenderedClip], None], on_wait: OnWait
    ) -> RenderedClip | Rejected | Unavailable:
        """What one clip came to. After an exception this child is of no more use: kill it.

        Raises:
            HandsDied: it died, answered nonsense, made no progress, or did not end within the wall limit.
        """
        ladder, patience = CLIP_LADDERS[request.ladder], Patience(self._limits)
        with clip_wire.opened_out(request.folder) as out, believing():
            self._ask(clip_wire.request(request))
            while True:
                message = self._hear_within(patience, on_wait)
                if "progress" in message:
                    on_wait(patience.note(clip_wire.read_progress(message)))
                elif "part" in message:
                    on_part(clip_wire.read_part(message, out, ladder))
                    patience.begin_anew()
                else:
                    outcome = clip_wire.read_answer(message, out, ladder)
                    self.jobs += 1
                    return outcome

    def _hear_within(self, patience: "Patience", on_wait: OnWait) -> dict[str, object]:
        try:
            return self._hear(patience.seconds_left, on_wait)
        except TimeoutError as error:
            raise HandsDied(patience.reason) from error


class Patience:
    """How long to wait for a clip: while it advances, and no longer than the wall limit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._began = time.monotonic()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Let progress count from 0."""
        self._most = 0.0
        self._advanced_at = time.monotonic()

    def note(self, progress: float) -> float:
        """Take note of the share that is done; one that is no greater than before is no advance. Returns it."""
        if progress > self._most:
            self._most, self._advanced_at = progress, time.monotonic()
        return progress

    @property
    def seconds_left(self) -> float:
        """Until the patience ends."""
        stall_end = self._advanced_at + self._limits.clip_stall_seconds
        return min(stall_end, self._began + self._limits.clip_wall_seconds) - time.monotonic()

    @property
    def reason(self) -> str:
        """Why it has ended."""
        if time.monotonic() >= self._began + self._limits.clip_wall_seconds:
            return f"wall limit of {self._limits.clip_wall_seconds} s"
        return f"no progress for {self._limits.clip_stall_seconds} s, at {self._most:.0%}"
