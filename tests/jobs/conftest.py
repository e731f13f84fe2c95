"""A real gearmand that a test may kill and bring back."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

OPTIONS = ["--config-file=/dev/null", "--log-file=none", "--job-retries=3", "--worker-wakeup=1", "--threads=1"]

SUBMIT_JOB_BG = 18  # of the protocol


class Gearmand:
    """One gearmand on a free loopback port, the same port after each start."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._pid_file = folder / "gearmand.pid"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        place = ["--listen=127.0.0.1", f"--port={self.port}", f"--pid-file={self._pid_file}"]
        self.process = subprocess.Popen(["gearmand", *place, *OPTIONS])
        wait_until(self._answers)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def pause(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)  # until then one of its threads may still answer

    def resume(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{holds} did not hold within {seconds} s"
        time.sleep(0.01)


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def gearmand(tmp_path: Path) -> Iterator[Gearmand]:
    yield from running_gearmand(tmp_path)


@pytest.fixture
def second_gearmand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gearmand]:
    yield from running_gearmand(tmp_path_factory.mktemp("second"))


def running_gearmand(folder: Path) -> Iterator[Gearmand]:
    if shutil.which("gearmand") is None and "CI" not in os.environ:
        pytest.skip("no gearmand: apt install gearman-job-server")
    server = Gearmand(folder)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None:
            server.kill()


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A socket that lets clients connect and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def swallowing_address() -> Iterator[str]:
    """A port that neither accepts nor refuses: its backlog is full, so the kernel drops every further SYN."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"
        for filler in fillers:
            filler.close()


@pytest.fixture
def closed_address() -> str:
    """A port on which nothing listens: it refuses at once."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def raw_submit() -> Callable[[Gearmand, bytes, bytes], None]:
    """Submits a background job byte by byte."""

    def submit(server: Gearmand, function: bytes, workload: bytes) -> None:
        payload = function + b"\0raw\0" + workload
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"\0REQ" + struct.pack(">II", SUBMIT_JOB_BG, len(payload)) + payload)
            client.recv(4096)

    return submit
