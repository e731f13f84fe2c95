"""One server of the stack: started, asked whether it is well, and ended."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.stack import processes
from workers.stack.account import Account
from workers.stack.errors import StackError
from workers.stack.plan import Plan, write_private
from workers.stack.programs import SEARCH_PATH

POLL_SECONDS = 0.05
LOG_LINES = 12  # of a server that died, in the error's message


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """A server as `darkroom status` shows it. `version` is what the server itself says; None unless healthy."""

    name: str
    version: str | None
    pid: int | None
    port: int
    log: Path
    running: bool
    healthy: bool


class Server(ABC):
    """What the four have in common. Each keeps its data, log and pid file in a directory of its own."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    start_seconds: ClassVar[float] = 30
    stop_seconds: ClassVar[float] = 10

    def __init__(self, home: Path, plan: Plan, account: Account) -> None:
        self.home = home / self.name
        self.plan = plan
        self.account = account
        self.log = self.home / f"{self.name}.log"
        self.pid_file = self.home / f"{self.name}.process"

    @property
    @abstractmethod
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""

    @property
    @abstractmethod
    def executable(self) -> Path:
        """The program that runs it. Raises MissingProgramError."""

    @abstractmethod
    def arguments(self) -> Sequence[str | Path]:
        """With which it runs in the foreground."""

    @abstractmethod
    def probe(self) -> str:
        """Use the server as a client would. Returns its version; raises anything at all if it is not well."""

    def prepare(self) -> None:  # noqa: B027 - not every server has something to prepare
        """Write what the program reads: configuration, an empty database."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing of ours reaches a server but this: an AWS_PROFILE or a PGHOST would mislead it."""
        return {"PATH": SEARCH_PATH, "HOME": str(self.home), "LANG": "C.UTF-8"}

    @property
    def runs_as(self) -> Account:
        """The stack's account, or ourselves where that cannot reach the program (an environment below /root)."""
        return self.account if self.account.may_execute(self.executable) else Account()

    @property
    def running(self) -> bool:
        """Whether the process that this stack started is there."""
        return processes.recall(self.pid_file) is not None

    def start(self) -> None:
        """Start it unless it runs, and return when it answers.

        Raises:
            MissingProgramError: it is not installed.
            StackError: it died or did not answer in time; it is not left behind.
        """
        if self.running and self._answers():
            return
        self.runs_as.own(self.home)
        self.prepare()
        self._spawn()
        if not self._answers():
            raise StackError(f"{self.name} died at its start. The end of {self.log}:\n{self._last_words()}")

    def stop(self) -> None:
        """End it in order, or by force after `stop_seconds`."""
        if process := processes.recall(self.pid_file):
            processes.end(process, self.stop_signal, patience_seconds=self.stop_seconds)
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill it at once, with all its children: what a crash of its machine would do."""
        if process := processes.recall(self.pid_file):
            processes.kill(process)

    def status(self) -> ServerStatus:
        """How it is, asked now."""
        process = processes.recall(self.pid_file)
        version = self._version() if process else None
        return ServerStatus(
            name=self.name,
            version=version,
            pid=process.pid if process else None,
            port=self.port,
            log=self.log,
            running=process is not None,
            healthy=version is not None,
        )

    def lay_down(self, name: str, text: str) -> Path:
        """Write a file into its home that it alone can read; returns its path."""
        file = self.home / name
        write_private(file, text)
        self.runs_as.give(file)
        return file

    def _spawn(self) -> None:
        started = processes.spawn(
            [self.executable, *self.arguments()],
            account=self.runs_as,
            home=self.home,
            log=self.log,
            environment=self.environment,
        )
        processes.remember(started, self.pid_file)

    def _answers(self) -> bool:
        """Wait until it does; False if it dies meanwhile."""
        deadline = time.monotonic() + self.start_seconds
        while self._version() is None:
            if not self.running:
                return False
            if time.monotonic() > deadline:
                self.stop()
                raise StackError(
                    f"{self.name} did not answer on 127.0.0.1:{self.port} within {self.start_seconds:.0f} s. "
                    f"The end of {self.log}:\n{self._last_words()}"
                )
            time.sleep(POLL_SECONDS)
        return self.running  # or was it a stranger on the same port that answered?

    def _version(self) -> str | None:
        try:
            return self.probe()
        except Exception:  # noqa: BLE001 - whatever a client library raises, the answer is "not well"
            return None

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])
