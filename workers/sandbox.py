"""What the hands give up before they touch a stranger's file. Linux only.

Limits are set by the process on itself; the wall clock is the head's business (`workers.hands`).
"""

import ctypes
import math
import resource
import signal
from pathlib import Path

from config import Limits

OPEN_FILES = 64
WRITTEN_BYTES = 64 << 20  # the largest file a renderer may write, its answer's renditions included

CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000  # sched.h
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # prctl.h

_libc = ctypes.CDLL(None, use_errno=True)


def leave_network() -> bool:
    """Move this process into empty network and IPC namespaces of its own; False where the kernel forbids it.

    Must run before the first thread starts: the kernel gives a new user namespace to single-threaded processes only.
    A new user namespace also takes root's capabilities over the machine from a renderer that was started by root.
    """
    rooms = CLONE_NEWNET | CLONE_NEWIPC
    return any(_libc.unshare(flags) == 0 for flags in (rooms | CLONE_NEWUSER, rooms))


def follow_parent(with_signal: signal.Signals) -> None:
    """Have the kernel send this process a signal when the thread that started it ends.

    In a renderer it must follow `leave_network`: a change of credentials clears it.
    """
    _libc.prctl(PR_SET_PDEATHSIG, with_signal, 0, 0, 0)


def renounce_privileges() -> None:
    """Never gain rights by an exec again."""
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def limit_resources(limits: Limits) -> None:
    """Bound memory, files and core dumps from here on.

    Memory is bounded as growth of the address space: the libraries alone reserve half a gigabyte of it, most never
    touched.
    """
    _limit(resource.RLIMIT_AS, address_space_bytes() + limits.photo_memory_bytes)
    _limit(resource.RLIMIT_FSIZE, WRITTEN_BYTES)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)


def allow_cpu(seconds: int) -> None:
    """Let this process use `seconds` more of CPU, over all its threads; then the kernel sends it SIGXCPU.

    The kernel counts whole seconds, so up to one more may pass.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(usage.ru_utime + usage.ru_stime) + seconds, hard))


def address_space_bytes() -> int:
    """The size of this process's address space."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def resident_bytes(pid: int) -> int:
    """The resident memory of a process; 0 once it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * resource.getpagesize()


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (ceiling, ceiling))
