"""What a process may take, bounded by itself; the wall clock is the head's business (`workers.hands`)."""

import contextlib
import math
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from config import Limits

OPEN_FILES = 64
FEW, MANY = 16, 1_024  # processes and threads of hands: ffmpeg has some for each processor, and for each rung
PHOTO_FILE_BYTES = 64 << 20  # its answer's renditions included

AUTOGROUP = Path("/proc/self/autogroup")
AUTOGROUP_TRIES, AUTOGROUP_SECONDS = 10, 0.12


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a renderer may take for a job.

    The programs that it starts inherit its limits, each for itself, and cannot have more than the kernel's hard ones.
    """

    cpu_seconds: int
    memory_bytes: int  # growth of its address space above what the libraries take
    file_bytes: int  # the largest file that it may write
    program_memory_bytes: int = 0  # address space of a program that it starts
    processes: int = FEW  # and threads
    niceness: int = 0


def photo_bounds(limits: Limits) -> Bounds:
    """The bounds of a photo, which is rendered without any other program."""
    return Bounds(
        cpu_seconds=limits.photo_cpu_seconds, memory_bytes=limits.photo_memory_bytes, file_bytes=PHOTO_FILE_BYTES
    )


def clip_bounds(limits: Limits) -> Bounds:
    """The bounds of a clip, whose poster frame is rendered as a photo."""
    return Bounds(
        cpu_seconds=limits.clip_cpu_seconds,
        memory_bytes=limits.photo_memory_bytes,
        file_bytes=limits.clip_file_bytes,
        program_memory_bytes=limits.clip_memory_bytes,
        processes=MANY,
        niceness=limits.clip_niceness,
    )


def limit_resources(bounds: Bounds) -> None:
    """Bound memory, files and core dumps from here on.

    Memory is bounded as growth of the address space: the libraries alone reserve half a gigabyte of it, most never
    touched.
    """
    own_bytes = address_space_bytes() + bounds.memory_bytes
    limit(resource.RLIMIT_AS, own_bytes, max(own_bytes, bounds.program_memory_bytes))
    limit(resource.RLIMIT_FSIZE, bounds.file_bytes)
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    limit(resource.RLIMIT_CORE, 0)


def allow_cpu(seconds: int) -> None:
    """Let this process use `seconds` more of CPU, over all its threads; then the kernel sends it SIGXCPU.

    The kernel counts whole seconds, so up to one more may pass.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(usage.ru_utime + usage.ru_stime) + seconds, hard))


def stand_back(niceness: int) -> None:
    """Be nice(2), 0 to 19, against every other process of the machine; nicer than before, or as nice.

    Trap: where the kernel groups processes by session, niceness counts within a session alone, and each worker and each
    renderer has one of its own. There the session is to be as nice as its process. Source: sched(7).
    """
    niceness = os.nice(max(0, niceness - os.nice(0)))
    for _ in range(AUTOGROUP_TRIES if niceness > 0 and AUTOGROUP.exists() else 0):
        with contextlib.suppress(OSError):  # of all unprivileged users one may ask within 0.1 s; some may never
            AUTOGROUP.write_text(str(niceness))
            return
        time.sleep(AUTOGROUP_SECONDS)


def address_space_bytes() -> int:
    """The size of this process's address space."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def limit(what: int, value: int, most: int | None = None) -> None:
    """Set the limit, and as the hard one `most`, by default the same; none above the hard one that there is."""
    _, hard = resource.getrlimit(what)
    ceiling = value if most is None else most
    if hard != resource.RLIM_INFINITY:
        ceiling = min(ceiling, hard)
    resource.setrlimit(what, (min(value, ceiling), ceiling))
