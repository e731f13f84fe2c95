"""What is asked of one renderer process for clips, and for how long it is waited for."""

import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from config import CLIP_LADDERS, Limits
from jobs.errors import Rejected, Unavailable
from jobs.job import Crash
from pipeline.clip.ffmpeg import EncoderDied
from pipeline.clip.model import RenderedClip
from pipeline.openfile import opened_folder
from pipeline.scratch import OUT
from pipeline.services import ClipRequest, OnWait
from workers import clip_wire, wire
from workers.child import Child
from workers.sandbox import clip_bounds
from workers.starvation import Starvation

CLIP_RENDERER = (sys.executable, "-s", "-m", "workers.clip_renderer")
BEAT_SECONDS = 0.25  # how often a waiting head looks at its other duties: a cancelled clip is to end within 2 s
# By what an EncoderDied says.
ENCODERS_LIMITS = {"memory limit": "memory", "SIGXCPU": "cpu", "interrupted": "cpu", "wall limit": "wall"}
SUSPICIOUS_SECONDS = 2.0  # without progress, before anybody asks the kernel why


class ClipChild(Child):
    """A renderer of clips. An original and its renditions lie in a folder of the job's own."""

    def __init__(self, command: Sequence[str], limits: Limits, folder: Path) -> None:
        """`folder` is where the jobs' folders come and go; it sees no other."""
        super().__init__(command, limits, clip_bounds(limits), arguments=[str(folder)])

    def render(
        self, request: ClipRequest, on_part: Callable[[RenderedClip], None], on_wait: OnWait
    ) -> RenderedClip | Rejected | Unavailable:
        """What one clip came to. After an exception this child is of no more use: kill it.

        Raises:
            HandsDied: it died, answered nonsense, made no progress, or did not end within the wall limit.
        """
        ladder, patience = CLIP_LADDERS[request.ladder], Patience(self._limits, self.group)
        part_awaited = bool(request.mandatory)
        with opened_folder(request.folder) as folder, opened_folder(OUT, folder) as out, self._believing():
            self._ask(clip_wire.request(request))
            while True:
                message = self._hear_within(patience, on_wait)
                if "progress" in message:
                    on_wait(patience.note(clip_wire.read_progress(message)))
                elif "part" in message:
                    if not part_awaited:
                        raise wire.GarbledError("a part that nobody awaits")
                    part_awaited = False
                    on_part(clip_wire.read_part(message, out, ladder))
                    patience.advance(0.0)
                else:
                    outcome = clip_wire.read_answer(message, out, ladder)
                    if isinstance(outcome, EncoderDied):
                        outcome.crash = self._encoders_crash(str(outcome))
                    self.jobs += 1
                    return outcome

    def _hear_within(self, patience: "Patience", on_wait: OnWait) -> wire.Message:
        while patience.seconds_left > 0:
            with suppress(TimeoutError):
                return self._hear(min(BEAT_SECONDS, patience.seconds_left), lambda: None)
            patience.wait_for_the_starved()
            on_wait()
        raise self._died(patience.reason, limit=patience.limit)

    def _encoders_crash(self, reason: str) -> Crash:
        """How ffmpeg died, by what its renderer says of it."""
        died = re.match(r"SIG\w+", reason)
        signal = died[0] if died else None
        limit = next((limit for sign, limit in ENCODERS_LIMITS.items() if reason.startswith(sign)), None)
        return self._crash(signal=signal, limit=limit, words=reason)


class Patience:
    """How long to wait for a clip: while it advances, and no longer than the wall limit."""

    def __init__(self, limits: Limits, group: int) -> None:
        """`group` is that of the renderer and its programs."""
        self._limits = limits
        self._group = group
        self._began = time.monotonic()
        self.advance(0.0)

    def advance(self, progress: float) -> None:
        """Count from here, and from this share."""
        self._most = progress
        self._advanced_at = time.monotonic()
        self._starvation = Starvation(self._group)

    def note(self, progress: float) -> float:
        """Take note of the share that is done; one that is no greater than before is no advance. Returns it."""
        if progress > self._most:
            self.advance(progress)
        return progress

    def wait_for_the_starved(self) -> None:
        """Leave out of account what a busy machine has kept from them since the last time; to be called every beat."""
        if time.monotonic() - self._advanced_at > SUSPICIOUS_SECONDS:
            self._advanced_at += self._starvation.seconds()

    @property
    def seconds_left(self) -> float:
        """Until the patience ends."""
        stall_end = self._advanced_at + self._limits.clip_stall_seconds
        return min(stall_end, self._began + self._limits.clip_wall_seconds) - time.monotonic()

    @property
    def limit(self) -> str:
        """Which of the two has ended it: `wall` or `stall`."""
        return "wall" if time.monotonic() >= self._began + self._limits.clip_wall_seconds else "stall"

    @property
    def reason(self) -> str:
        """Why it has ended."""
        if self.limit == "wall":
            return f"wall limit of {self._limits.clip_wall_seconds} s"
        return f"no progress for {self._limits.clip_stall_seconds} s, at {self._most:.0%}"
