"""gearmand, with its queue in memory: the ledger is the truth, and the sweeper brings lost tickets again."""

import socket
from collections.abc import Sequence
from pathlib import Path

from workers.stack import programs
from workers.stack.server import Server


class Gearmand(Server):
    """The job server."""

    name = "gearmand"

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self.plan.gearmand_port

    @property
    def executable(self) -> Path:
        """The program that runs it."""
        return programs.find("gearmand")

    def arguments(self) -> Sequence[str | Path]:
        """With which it runs in the foreground."""
        return [
            "--listen=127.0.0.1",
            f"--port={self.port}",
            f"--pid-file={self.home / 'gearmand.pid'}",
            "--log-file=stderr",
            "--verbose=WARNING",
            "--hashtable-buckets=200003",  # with the default 991 a submit into 500k queued jobs takes 233 us, not 6
            "--job-retries=3",  # the default, no limit, means "none" in gearmand 2
            "--worker-wakeup=1",  # one sleeping worker a job, not all of them
            "--keepalive",
            "--keepalive-idle=60",
            "--keepalive-interval=15",
            "--keepalive-count=4",
        ]

    def probe(self) -> str:
        """Ask for the version in the text protocol."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(b"version\r\n")
            answer = connection.recv(200).decode()
        if not answer.startswith("OK "):
            raise ConnectionError(f"gearmand answered {answer!r}")
        return answer.removeprefix("OK ").strip()
