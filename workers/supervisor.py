"""The pool: this machine's processes, each started again when it dies.

    python -m workers.supervisor [--photo N] [--clip N] [--sweep N] [--relay N] [--janitor N]

What renders clips is nice: a photo that comes meanwhile takes the core. Without numbers there is a worker for photos a
core, and one for clips if there are two cores.

SIGTERM or SIGINT is passed on, and the pool ends when all have drained; a second one makes them leave at once. Exit
statuses: 0, and 78 when a process could not begin at all, which its last log line explains.
"""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path

from config import MisconfiguredError, Settings
from jobs.errors import LedgerUnavailable
from jobs.job import CLIP
from jobs.ledger import Ledger
from jobs.postgres import PostgresLedger
from pipeline import scratch
from workers.exits import LEFT, UNABLE
from workers.functions import FUNCTIONS
from workers.head import worker_name
from workers.log import Log
from workers.pauses import pause_seconds
from workers.signals import Signals
from workers.start import begin

MODULES = {  # of members that are no workers
    "sweep": "workers.sweeper",
    "relay": "workers.relay",
    "janitor": "workers.janitor",
}
TICK_SECONDS = 0.1
GRACE_SECONDS = 5.0  # beyond drain_seconds, and after a second request, before the kernel ends what is left
STEADY_SECONDS = 10.0  # who lived for so long did not die of its start
LONGEST_PAUSE_SECONDS = 30.0

log = Log("pool")


class Member:
    """One place in the pool, and the process that fills it now."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.due_at = 0.0
        self._token = ""
        self._began = 0.0
        self._early_deaths = 0

    def start(self) -> None:
        """Start its process, in a session of its own, so that a terminal's Ctrl-C reaches only the pool."""
        self._token = secrets.token_hex(3)
        self._began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, start_new_session=True)
        log.info("pool.started", **self.facts)

    @property
    def command(self) -> list[str]:
        """What its next process runs."""
        module = [MODULES[self.kind]] if self.kind in MODULES else ["workers.head", "--function", self.kind]
        token = [] if self.kind in MODULES else ["--token", self._token]
        return [sys.executable, "-m", *module, "--pool", str(os.getpid()), *token]

    @property
    def facts(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"kind": self.kind, "number": self.number, "pid": self.process.pid if self.process else None}

    @property
    def holds_leases_as(self) -> str | None:
        """Its worker's name, if it is one."""
        return worker_name(self.process.pid, self._token) if self.process and self.kind in FUNCTIONS else None

    def reap(self) -> None:
        """Note that its process has ended, and when to start the next."""
        steady = time.monotonic() - self._began > STEADY_SECONDS
        self._early_deaths = 0 if steady else self._early_deaths + 1
        self.due_at = time.monotonic() + pause_seconds(self._early_deaths, longest=LONGEST_PAUSE_SECONDS)
        self.process = None


class Pool:
    """Members that are kept alive until the pool is asked to stop."""

    def __init__(
        self,
        members: Sequence[Member],
        ledger: Ledger,
        signals: Signals,
        *,
        drain_seconds: float,
        scratch_directory: Path,
    ) -> None:
        """What a dead worker left in the `scratch_directory` is removed."""
        self._members = members
        self._scratch_directory = scratch_directory
        self._ledger = ledger
        self._signals = signals
        self._drain_seconds = drain_seconds
        self._passed_on = 0
        self._told_at = 0.0
        self._status = 0

    def run(self) -> int:
        """Keep the members alive; when asked to stop, or when one is unable to begin, end them all."""
        while not self._stopping or self._running:
            self._bury_the_dead()
            if self._stopping:
                self._pass_on()
            else:
                self._start_the_due()
            time.sleep(TICK_SECONDS)
        return self._status

    @property
    def _stopping(self) -> bool:
        return self._signals.times > 0

    @property
    def _running(self) -> list[Member]:
        return [member for member in self._members if member.process is not None]

    def _start_the_due(self) -> None:
        for member in self._members:
            if member.process is None and time.monotonic() >= member.due_at:
                member.start()

    def _bury_the_dead(self) -> None:
        for member in self._running:
            status = member.process.poll() if member.process else None
            if status is not None:
                self._bury(member, status)

    def _bury(self, member: Member, status: int) -> None:
        write = log.info if status in (0, LEFT) else log.error
        write("pool.ended", **member.facts, status=status)
        if status not in (0, LEFT) and member.holds_leases_as:
            self._release(member.holds_leases_as)
        if member.kind == CLIP and status != 0:
            # It may take a while. What it has not come to when the pool ends, the next worker removes.
            threading.Thread(target=self._clear_scratch, name="clear", daemon=True).start()
        if status == UNABLE and not self._stopping:
            log.error(
                "pool.unable", **member.facts, reason="it could not begin, and would not the next time: see above"
            )
            self._status = UNABLE
            self._signals.ask()
        member.reap()

    def _release(self, worker: str) -> None:
        try:
            log.warning("pool.released", worker=worker, jobs=self._ledger.release(worker))
        except LedgerUnavailable as error:
            log.warning("release.failed", worker=worker, reason=str(error))  # the leases will expire

    def _clear_scratch(self) -> None:
        try:
            log.info("pool.cleared", folders=scratch.clear(self._scratch_directory))
        except MisconfiguredError as error:
            log.warning("clear.failed", reason=str(error))  # the next worker will tell, too

    def _pass_on(self) -> None:
        """Pass on each request to stop once; the members leave at once on the second."""
        while self._passed_on < self._signals.times:
            self._passed_on += 1
            self._told_at = time.monotonic()
            self._tell(signal.SIGTERM)
        patience = GRACE_SECONDS + (self._drain_seconds if self._passed_on == 1 else 0)
        if time.monotonic() - self._told_at > patience:
            self._tell(signal.SIGKILL)

    def _tell(self, number: signal.Signals) -> None:
        for member in self._running:
            if member.process:
                member.process.send_signal(number)


def main(arguments: Sequence[str]) -> int:
    """Run a pool until asked to stop. Returns the exit status."""
    counts = parse(arguments)
    signals = begin()
    try:
        settings = Settings.load()
    except MisconfiguredError as error:
        log.error("pool.unable", reason=str(error))  # noqa: TRY400 - the message says it all
        return UNABLE
    members = [Member(kind, number) for kind, count in counts.items() for number in range(1, count + 1)]
    ledger = PostgresLedger.from_settings(settings)
    scratch_directory = Path(settings.scratch_dir)
    return Pool(
        members, ledger, signals, drain_seconds=settings.drain_seconds, scratch_directory=scratch_directory
    ).run()


def parse(arguments: Sequence[str]) -> Mapping[str, int]:
    """How many processes of each kind the command line asks for."""
    parser = ArgumentParser(prog="python -m workers.supervisor")
    cores = os.cpu_count() or 1
    parser.add_argument("--photo", type=int, default=cores, help="workers for photos (default: one a core)")
    parser.add_argument(
        "--clip", type=int, default=int(cores > 1), help="workers for clips (default: 1 if there are two cores)"
    )
    parser.add_argument("--sweep", type=int, default=1, help="sweepers (default: 1)")
    parser.add_argument("--relay", type=int, default=1, help="event relays (default: 1)")
    parser.add_argument("--janitor", type=int, default=1, help="janitors, which remove what was deleted (default: 1)")
    return vars(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
