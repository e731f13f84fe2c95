"""The two small processes above a worker that has a process namespace of its own.

    keeper   started by the head, in the head's process namespace; ends as the worker proper ended
    init     the namespace's process 1: when it dies, the kernel kills whatever the namespace holds
    worker   its process 2, or thereabouts: an ordinary process, to which signals mean what they mean

The worker cannot be process 1 itself, because the kernel spares that one every signal that it has no handler for, such
as SIGXCPU at the CPU limit.
"""

import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from workers.exits import BROKEN
from workers.sandbox import kernel

STATUS = struct.Struct("i")  # as wait(2) tells it
FIRST_OF_OURS = 3  # descriptors below are the standard ones


def descend(prepare: Callable[[], None]) -> None:
    """Go on as the worker proper, below an init that has run `prepare`. The process that calls becomes its keeper.

    Must follow `kernel.unshare(CLONE_NEWPID)`: there is no way back from it, so whatever fails ends the process that it
    fails in. Neither keeper nor init ever goes on as the worker.
    """
    with or_end():
        told, telling = os.pipe()
        init = os.fork()
        if init:
            keep(init, told)
        kernel.follow_parent(signal.SIGKILL)
        prepare()
        worker = os.fork()
        if worker:
            be_init(worker, telling)
    os.close(told)
    os.close(telling)


@contextmanager
def or_end() -> Iterator[None]:
    """End this process, with the reason on standard error, whatever is raised inside."""
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - one too many of us must not go on, whatever happens
        with suppress(OSError):
            sys.stderr.write(f"cannot enter a process namespace: {type(error).__name__}: {error}\n")
            sys.stderr.flush()
        os._exit(BROKEN)


def keep(init: int, told: int) -> NoReturn:
    """Wait for the init's end, and end as the worker did."""
    settle(told)
    word = os.read(told, STATUS.size)
    _, status = os.waitpid(init, 0)
    end_as(STATUS.unpack(word)[0] if len(word) == STATUS.size else status)


def be_init(worker: int, telling: int) -> NoReturn:
    """Bury who dies until the worker has, and tell how it ended. The kernel kills the rest."""
    settle(telling)
    while True:
        pid, status = os.wait()
        if pid == worker:
            os.write(telling, STATUS.pack(status))
            os._exit(0)


def settle(descriptor: int) -> None:
    """Hold nothing but this descriptor, and no rights: from here on there is only waiting."""
    os.chdir("/")
    os.closerange(FIRST_OF_OURS, descriptor)
    os.closerange(descriptor + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    with suppress(OSError):  # it may have none; and it runs nobody's file
        kernel.drop_capabilities()


def end_as(status: int) -> NoReturn:
    """End in the way that wait(2) told of another process."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))
