"""Leaving what a process shares with the rest of the machine: users, network, IPC, host name, mounts, processes."""

import os
import platform
import re
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from workers.sandbox import kernel
from workers.sandbox.bounds import limit
from workers.sandbox.keeper import descend
from workers.sandbox.parts import GRANTED, Parts, trying

ROOMS = {
    "network": kernel.CLONE_NEWNET,
    "ipc": kernel.CLONE_NEWIPC,
    "hostname": kernel.CLONE_NEWUTS,
    "mounts": kernel.CLONE_NEWNS,
}
ROOT, NOBODY = 0, 65_534  # the second is what we are called inside: no number with a meaning, and above all not root's
FIRST_TO_KILL = "1000"  # oom_score_adj: rather us than anything else on the machine
BESIDE = 3  # processes that are counted with the hands': the keeper, the init, and one that is being started

PID_MAX = Path("/proc/sys/kernel/pid_max")
RESERVED_PIDS = 300  # numbers that the kernel gives once, and not again when it begins anew
COUNTED_WITHIN = (5, 14)  # the first Linux that counts a user's processes for each user namespace
OWN_PID_MAX = (6, 14)  # the first Linux with one for each process namespace; before, it is the whole machine's


def enter(processes: int) -> Parts:
    """Leave what can be left, and go on in a process namespace as the worker proper, below an init of its own.

    Returns in the worker alone: see `workers.sandbox.keeper`. Of `processes` and threads there are so many at most.

    Must run before the first thread starts, because the kernel gives a new user namespace to single-threaded processes
    only, and before anything large is loaded, because two processes stay behind with what there is by now.
    """
    parts: Parts = {}
    with trying(parts, "oom_score"):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_KILL)
    with trying(parts, "users"):
        leave_users()
    for name, flag in ROOMS.items():
        with trying(parts, name):
            kernel.unshare(flag)
    kernel.renounce_privileges()
    kernel.follow_parent(signal.SIGKILL)  # not before: new credentials clear it
    with trying(parts, "pids"):
        require(parts, "mounts")
        kernel.make_private()
        in_a_trial(mount_proc_of_its_own)
        kernel.unshare(kernel.CLONE_NEWPID)
        descend(mount_proc)
    with trying(parts, "processes"):
        bound_processes(processes, parts)
    return parts


def leave_users() -> None:
    """Move into a user namespace, which gives every right over the other namespaces and none over the machine."""
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    for file, numbers in (
        ("setgroups", "deny"),  # without it nobody but root may write the next
        ("gid_map", f"{NOBODY} {group} 1"),
        ("uid_map", f"{NOBODY} {user} 1"),
    ):
        Path("/proc/self", file).write_text(numbers)


def bound_processes(processes: int, parts: Parts) -> None:
    """Let there be no more processes and threads in these namespaces. Raises OSError where the kernel counts none.

    RLIMIT_NPROC counts a user's within a user namespace, and never counts root's; for those the process namespace's
    own highest number has to do.
    """
    require(parts, "users")
    if release() < COUNTED_WITHIN:
        raise OSError(0, f"processes are counted over the whole machine before Linux {written(COUNTED_WITHIN)}")
    limit(resource.RLIMIT_NPROC, processes + BESIDE)
    if outer_user() == ROOT:
        require(parts, "pids")
        if release() < OWN_PID_MAX:
            raise OSError(0, f"root's processes are not counted before Linux {written(OWN_PID_MAX)}")
        PID_MAX.write_text(str(RESERVED_PIDS + processes + BESIDE))


def outer_user() -> int:
    """Our user's number outside of its namespace."""
    return int(Path("/proc/self/uid_map").read_text().split()[1])


def written(version: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def release() -> tuple[int, ...]:
    """The kernel's version, as (6, 14)."""
    return tuple(map(int, re.findall(r"\d+", platform.release())[:2]))


def require(parts: Parts, name: str) -> None:
    """Raise OSError unless this part was granted, without which another cannot be had."""
    if parts[name] != GRANTED:
        raise OSError(0, f"needs {name}")


def mount_proc() -> None:
    """Have /proc show the processes of this namespace, and no others."""
    kernel.mount("proc", Path("/proc"), kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def mount_proc_of_its_own() -> None:
    """Move into a process namespace and look whether /proc can be mounted there: containers often forbid it."""
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWPID)
    in_a_trial(mount_proc)


def in_a_trial(act: Callable[[], None]) -> None:
    """Do it in a process of its own, which ends there and then. Raises the OSError that it raised."""
    trial = os.fork()
    if not trial:
        try:
            act()
        except OSError as error:
            os._exit(error.errno or 1)
        except BaseException:  # noqa: BLE001 - a copy of this process must not go on, whatever happens
            os._exit(1)
        os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(trial, 0)[1])
    if number:
        raise OSError(number, os.strerror(number))
