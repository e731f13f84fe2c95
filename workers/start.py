"""How each of our processes begins."""

import os
import signal
from argparse import ArgumentParser

from jobs import failpoints
from workers.log import Log, log_to_stderr
from workers.sandbox import follow_parent, hide_memory
from workers.signals import Signals

log = Log("start")


def member_parser(prog: str) -> ArgumentParser:
    """A command line that a pool may write: it names the pool's process."""
    parser = ArgumentParser(prog=prog)
    parser.add_argument("--pool", type=int, help="the process that started this one, and takes it along")
    return parser


def begin(pool: int | None = None) -> Signals:
    """Hide the credentials, log to standard error, listen to signals, and follow the pool that started this process."""
    hide_memory()
    log_to_stderr()
    if armed := failpoints.armed():  # never silently: this is no way to run in production
        log.warning("failpoints.armed", steps=sorted(armed))
    signals = Signals().listen()
    if pool:
        follow_pool(pool)
    return signals


def follow_pool(pid: int) -> None:
    """Be asked to stop when the pool that started this process has ended, however it ended."""
    follow_parent(signal.SIGTERM)
    if os.getppid() != pid:  # it ended before the kernel was told to watch it
        os.kill(os.getpid(), signal.SIGTERM)
