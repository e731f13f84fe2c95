"""What a head sees of its renderer: memory, and whether anything of it runs."""

import os
import resource
from functools import partial
from pathlib import Path

import psutil


def resident_bytes(pid: int) -> int:
    """The resident memory of a process; 0 once it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * resource.getpagesize()


def group_runs(group: int) -> bool:
    """Whether any process of the group runs. One that has died and is not yet buried by its parent does not.

    It knows nothing of one that has left the group: see `workers.child.Child.kill`.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return any(map(partial(_runs_in, group), psutil.process_iter()))


def _runs_in(group: int, process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
