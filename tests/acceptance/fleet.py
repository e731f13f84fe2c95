"""Workers of a test's own on real servers, to be stopped, frozen and killed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import psutil

from jobs import Client
from jobs.job import JobState, JobStatus, Receipt
from scripts.sample import sample_photo
from workers.stack import Stack

ROOT = Path(__file__).resolve().parent.parent.parent


class Fleet:
    """What a test starts, all of which is gone when it ends."""

    def __init__(self, stack: Stack, logs: Path) -> None:
        self.stack = stack
        self.client = Client(stack.settings)
        self._logs = logs
        self._renders = logs / "renders"
        self._renders.mkdir()
        self._programs: list[Program] = []
        self._receipts: list[Receipt] = []

    def start(self, module: str, *arguments: str, **settings: object) -> "Program":
        """A process of ours: `workers.head`, or another of our modules. `settings` go over the stack's."""
        environment = {**os.environ, **self.stack.environment, "PYTHONPATH": str(ROOT)}
        environment["DARKROOM_FAILPOINTS"] = f"mid_render=delay:0@{self._renders}"  # each takes away what lies there
        environment |= {f"DARKROOM_{name.upper()}": str(value) for name, value in settings.items()}
        log = self._logs / f"{module}-{len(self._programs)}.log"
        program = Program([sys.executable, "-m", module, *arguments], environment, log)
        self._programs.append(program)
        return program

    def worker(self, function: str = "photo", **settings: object) -> "Program":
        """A worker that is ready to work."""
        worker = self.start("workers.head", "--function", function, **settings)
        worker.wait_for_event("worker.ready")
        return worker

    def pool(self, function: str = "photo", **settings: object) -> "Program":
        """A pool of one worker and a sweeper, both ready."""
        counts = {"--photo": "0", "--clip": "0", "--relay": "0"} | {f"--{function}": "1"}
        pool = self.start("workers.supervisor", *chain.from_iterable(counts.items()), **settings)
        pool.wait_for_event("worker.ready")
        return pool

    def upload(self, data: bytes | None = None) -> str:
        """Store an original, by default a small photo that was not there before. Returns its key."""
        data = data or sample_photo(height=20, width=30) + os.urandom(8)  # a tail, which decoders ignore
        return self.client.upload(7, data, key=os.urandom(8).hex())

    def submit(self, data: bytes | None = None) -> Receipt:
        """Submit a photo."""
        self._receipts.append(self.client.submit(7, self.upload(data)))
        return self._receipts[-1]

    def freeze_a_job(self, program: "Program") -> Receipt:
        """A job that a worker's, or a pool's, hands have at hand, stopped in the middle of it."""
        program.hands.suspend()
        render = self._renders / "awaited"
        render.touch()
        receipt = self.submit()
        wait_for(lambda: not render.exists(), 30)  # a job that runs may not have come to the hands yet
        return receipt

    def wait_until(self, receipt: Receipt, state: JobState, seconds: float = 30.0) -> JobStatus:
        """The job's status once it is in this state."""
        wait_for(lambda: self.client.status(receipt.job_id).state is state, seconds)
        return self.client.status(receipt.job_id)

    def close(self) -> None:
        """Kill what still runs, and leave no job to the next test's workers."""
        for program in self._programs:
            program.kill_all()
        for receipt in self._receipts:
            self.client.cancel(receipt.job_id)
        self.client.close()


class Program:
    """A process of ours, its children and its log."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of the log with this event."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in map(json.loads, lines) if line.get("event") == name]  # a relay prints others

    def wait_for_event(self, name: str, seconds: float = 60.0) -> dict[str, Any]:
        """The first such line, once it is there."""
        wait_for(lambda: self.events(name) or self.process.poll() is not None, seconds)
        assert self.events(name), self.log.read_text()
        return self.events(name)[0]

    @property
    def hands(self) -> psutil.Process:
        """The renderer that was started last."""
        pids = [line["hands_pid"] for line in self.events("hands.ready")]
        return psutil.Process(pids[-1])

    def wait(self, seconds: float = 30.0) -> int:
        """The exit status."""
        return self.process.wait(seconds)

    def kill_all(self) -> None:
        """Kill it and everything below it, frozen or not."""
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for member in family:
                with suppress(psutil.NoSuchProcess):  # it went with its parent
                    member.kill()
        self.process.wait()


def runs(process: psutil.Process) -> bool:
    """Whether it has not ended; a zombie has."""
    with suppress(psutil.NoSuchProcess):  # it may end while we look
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def stopped(process: psutil.Process) -> bool:
    """Whether somebody has stopped it, as by SIGSTOP."""
    return process.status() == psutil.STATUS_STOPPED


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    """Return once the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.02)
