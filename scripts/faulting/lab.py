"""Real servers with workers of ours under load, and what a fault can do to them."""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

from config import Settings
from jobs import Client, failpoints
from jobs.gearman import survey
from scripts.faulting import books
from scripts.faulting.frontend import Acknowledged, Frontend, Load
from scripts.faulting.model import NotHereError
from scripts.faulting.programs import Program, wait_for
from scripts.faulting.receiver import Receiver, receiving
from workers.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0  # for workers to come up, on a machine that is busy
DRAIN_SECONDS = 40.0  # for a pool to leave in order, when nothing is at stake
DELAY_SECONDS = 2.0  # of the failpoints that wait
EXTRA_SECONDS = 1.0  # after which one more job is submitted, if a failpoint's shot is still not taken
SHOT_SECONDS = 60.0  # within which it is
MOMENT_SECONDS = 0.005  # how exactly it is noted when


class Lab:
    """A stack of its own, and all that a fault needs of it. One fault at a time, `reset` before each.

    `environment` goes over the stack's own for every process that is started, and is emptied by `reset`: addresses of
    proxies, say. `dice` is the seed's, and a fault takes what it chooses from it. `frontend` submits, `receiver`
    follows the events; `pool` is what `staff` started last.
    """

    def __init__(self, stack: Stack, receiver: Receiver, folder: Path, seed: int, patience: float) -> None:
        self.stack = stack
        self.receiver = receiver
        self.folder = folder  # for whatever a fault writes
        self.patience = patience  # how many times the seconds are that count as promised
        self.dice = random.Random(seed)  # noqa: S311 - the same faults for the same seed
        self._numbers = count(1)
        self.frontend = Frontend(Client(stack.settings), self._numbers)
        self.environment: dict[str, str] = {}
        self.struck_at: list[float] = []  # wall clock, seconds: when the fault struck, as often as it did
        self.recoveries_seconds: list[float] = []  # that a fault has measured itself, beside what the ledger tells
        self.begun = False  # whether there were workers: before that, nothing has happened to anybody
        self.pool: Program | None = None
        self._staffing: object = None
        self._programs: list[Program] = []
        self._load: Load | None = None

    @classmethod
    @contextmanager
    def opened(cls, seed: int, patience: float = 1.0) -> Iterator["Lab"]:
        """A lab on servers of its own, all gone afterwards. Raises MissingProgramError."""
        folder = Path(tempfile.mkdtemp(prefix="darkroom-faults-"))
        folder.chmod(0o755)  # the servers' user passes through
        stack = Stack.open(folder / "stack")
        try:
            stack.up()
            with receiving() as receiver:
                lab = cls(stack, receiver, folder, seed, patience)
                try:
                    yield lab
                finally:
                    lab.end_all()
        finally:
            stack.remove()
            shutil.rmtree(folder, ignore_errors=True)

    # What a fault asks for.

    def staff(
        self,
        *,
        photo: int = 2,
        clip: int = 0,
        sweep: int = 1,
        relay: int = 1,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> Program:
        """A pool, ready; the load begins. One of the same make that is there already is taken as it is.

        `environment` goes over everything else; `prefix` is a command that runs the pool, such as `ip netns exec n`.
        """
        self.begun = True
        given = {**self.environment, **(environment or {})}
        counts = {"--photo": photo, "--clip": clip, "--sweep": sweep, "--relay": relay}
        staffing = (counts, given, tuple(prefix))
        if not (self.pool and self.pool.running and self._staffing == staffing):
            self.dismiss()
            words = chain.from_iterable((name, str(number)) for name, number in counts.items())
            self.pool = self.start("workers.supervisor", *words, environment=given, prefix=prefix)
            self._staffing = staffing
        self.wait_for_workers(photo + clip)
        if self._load:
            self._load.go.set()
        return self.pool

    def staff_again(self) -> None:
        """Have what a fault left open done: where it ended its pool, by one as it usually is."""
        if not (self.pool and self.pool.running):
            self.environment = {}
            self.staff(clip=1)

    def start(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> Program:
        """A process of ours, such as `workers.head`, with every failpoint armed and no shot given."""
        command = [*prefix, sys.executable, "-m", module, *arguments]
        log = self.folder / f"{module}-{len(self._programs)}.log"
        program = Program(command, {**self._environment(), **(environment or {})}, log)
        self._programs.append(program)
        return program

    def dismiss(self) -> None:
        """End the pool, in order if it can."""
        if self.pool and self.pool.running:
            self.resume()
            self.pool.terminate()
            with suppress(TimeoutError):
                wait_for(lambda: not (self.pool and self.pool.running), DRAIN_SECONDS, "the pool's end")
            self.pool.kill_all()
        self.pool = None

    def wait_for_workers(self, number: int) -> None:
        """Return once so many workers have registered at gearmand."""
        server = f"127.0.0.1:{self.stack.gearmand.port}"
        wait_for(lambda: len(survey(server, 2.0).workers) >= number, READY_SECONDS, f"{number} workers")

    def photo(self, **order: Any) -> Acknowledged:
        """Upload and submit one more photo."""
        return self.frontend.photo(self.dice, **order)

    def clip(self, **order: Any) -> Acknowledged:
        """Upload and submit one more clip."""
        return self.frontend.clip(self.dice, **order)

    def strike(self) -> None:
        """Note that the fault strikes now, or that what it took away is back: recovery is counted from here."""
        self.struck_at.append(time.time())

    def shots(self, step: str, action: str) -> Path:
        """The folder whose files are the shots of a failpoint."""
        folder = self.folder / "shots" / f"{step}-{action}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def shoot(self, step: str, action: str, *, clip: bool = False, waiting: Sequence[str] = ()) -> None:
        """Have a failpoint happen once, and note when it did. Jobs are submitted until one comes that way.

        `waiting` are source keys of photos that are submitted all at once, so that the strike finds some in the queue.

        Raises:
            TimeoutError: none came.
        """
        shot = self.shots(step, action) / "shot"
        shot.touch()
        for source_key in waiting:
            self.frontend.submit(source_key)
        end, extra = time.monotonic() + SHOT_SECONDS, time.monotonic() + EXTRA_SECONDS
        while shot.exists():
            if time.monotonic() > end:
                shot.unlink(missing_ok=True)
                raise TimeoutError(f"nobody came to {step} within {SHOT_SECONDS:g} s")
            if time.monotonic() > extra:
                extra += EXTRA_SECONDS * (4 if clip else 1)
                self.clip() if clip else self.photo()
            time.sleep(MOMENT_SECONDS)
        self.strike()

    def resume(self) -> int:
        """Continue every process of the pool that is stopped. Returns how many there were."""
        stopped = self.pool.stopped() if self.pool else []
        for process in stopped:
            process.send_signal(signal.SIGCONT)
        return len(stopped)

    def settle(self, seconds: float) -> bool:
        """Wait until all that was acknowledged is final and told. False: not within so many seconds."""
        job_ids = [answered.receipt.job_id for answered in self.frontend.acknowledged]
        try:
            wait_for(lambda: books.is_settled(self.stack, job_ids), seconds, "every job's end")
        except TimeoutError:
            return False
        return True

    # What the harness asks for.

    def reset(self) -> None:
        """As it was before any fault: every server up, nobody stopped, nothing noted. A pool in order may stay."""
        self.stack.up()
        self.resume()
        for program in self._programs:
            if program is not self.pool:
                program.kill_all()
        for folder in (self.folder / "shots").glob("*/*"):
            folder.unlink()
        self.receiver.refuses = False
        self.environment = {}
        self.struck_at, self.recoveries_seconds = [], []
        self.begun = False
        self.frontend = Frontend(Client(self.stack.settings), self._numbers)

    @contextmanager
    def under_load(self, photos: int, clips: int) -> Iterator[None]:
        """Have a load submitted from the moment that there are workers; none if the fault is not to be had here."""
        load = self._load = Load(self.frontend, random.Random(self.dice.random()), photos, clips)  # noqa: S311
        load.start()
        try:
            yield
        except (NotHereError, KeyboardInterrupt, SystemExit):
            load.enough.set()
            raise
        finally:
            load.go.set()
            load.join()
            self._load = None

    def end_all(self) -> None:
        """Kill what still runs of ours."""
        for program in self._programs:
            program.kill_all()

    def _environment(self) -> dict[str, str]:
        ours = {"PYTHONPATH": str(ROOT), "DARKROOM_EVENTS_URL": self.receiver.url}
        scratch = {"DARKROOM_SCRATCH_DIR": str(self.folder / "scratch"), "DARKROOM_LIMIT_CLIP_NICENESS": "1"}
        armed = {failpoints.VARIABLE: ",".join(self._failpoints())}
        return {**os.environ, **self.stack.environment, **ours, **scratch, **armed, **self.environment}

    def _failpoints(self) -> Iterator[str]:
        for step in failpoints.STEPS:
            for action in failpoints.ACTIONS:
                what = f"delay:{DELAY_SECONDS:g}" if action == "delay" else action
                yield f"{step}={what}@{self.shots(step, action)}"

    def settings(self) -> Settings:
        """The stack's settings with `environment` over them: for a frontend that goes the way of the workers."""
        return Settings.load(environ={**self.stack.environment, **self.environment}, file=Path(os.devnull))
