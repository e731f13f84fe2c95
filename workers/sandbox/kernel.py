"""System calls that Python has no function for. Each raises OSError with the kernel's own word.

Numbers and layouts are those of the kernel's headers (sched.h, mount.h, prctl.h, capability.h).
"""

import ctypes
import os
import platform
import signal
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x8, 0x4000, 0x4_0000
MNT_DETACH = 0x2
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC = 0x1, 0x2, 0x4, 0x8  # MOUNT_ATTR_

_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = 0x1, 0x4
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # one number for every processor
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 23, 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "users")]


def unshare(flags: int) -> None:
    """Move this process into namespaces of its own; a process namespace is for what it starts from here on."""
    _check(_libc.unshare(flags))


def follow_parent(with_signal: signal.Signals) -> None:
    """Have the kernel send this process a signal when the thread that started it ends.

    A change of credentials clears it, a new user namespace among them.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, with_signal, 0, 0, 0))


def hide_memory() -> None:
    """Let no other process of this user trace this one, nor read its memory and environment; root still may.

    Its /proc folder is root's from now on, and it leaves no core dump. What it starts by exec is not hidden.
    """
    _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def renounce_privileges() -> None:
    """Never gain rights by an exec again."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def drop_capabilities() -> None:
    """Give up every capability of this thread, and that any could be had again.

    Raises OSError where the second may not be; the first is done all the same.
    """
    try:
        _empty_bounding_set()
    finally:
        nothing = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, of 64 bits each
        version = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
        _check(_libc.capset(version, nothing))


def mount(what: str, where: Path, flags: int, options: str = "") -> None:
    """Mount a file system that the kernel makes: `proc`, `tmpfs`."""
    _check(_libc.mount(what.encode(), os.fsencode(where), what.encode(), ctypes.c_ulong(flags), options.encode()))


def make_private() -> None:
    """Have no other namespace see what this one mounts."""
    _check(_libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))


def unmount(where: Path) -> None:
    """Detach what is mounted there, and what is mounted below it."""
    _check(_libc.umount2(os.fsencode(where), MNT_DETACH))


def clone_tree(where: Path) -> int:
    """A descriptor of a folder or file, and what is mounted below it, that `move_tree` can mount a second time."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE
    return _check(_libc.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(where), flags))


def restrict_tree(tree: int, attributes: int) -> None:
    """Set attributes, READ_ONLY and its like, on a cloned tree and what is mounted below it."""
    _set_attributes(tree, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, attributes)


def restrict_mount(where: Path, attributes: int) -> None:
    """Set attributes on what is mounted there, and on nothing below it."""
    _set_attributes(_AT_FDCWD, os.fsencode(where), 0, attributes)


def move_tree(tree: int, where: Path) -> None:
    """Mount a cloned tree there."""
    _check(_libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(where), _MOVE_MOUNT_F_EMPTY_PATH))


def pivot_root(new: Path) -> None:
    """Make what is mounted there the root of every process of this namespace, and let go of the old one."""
    os.chdir(new)
    _check(_libc.syscall(_PIVOT_ROOT.get(platform.machine(), -1), b".", b"."))
    _check(_libc.umount2(b".", MNT_DETACH))  # the old root, which has come to lie upon the new one
    os.chdir("/")


def _empty_bounding_set() -> None:
    capability = 0
    while _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:  # until the kernel knows no further one
        _check(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
        capability += 1


def _set_attributes(folder: int, path: bytes, flags: int, attributes: int) -> None:
    wanted = _MountAttributes(set=attributes)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    _check(_libc.syscall(_MOUNT_SETATTR, folder, path, flags, ctypes.byref(wanted), size))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
