"""Room on a disk for clips while they are worked on: bounded, and cleared after any death.

    DIR/lock                  held while workers' folders come and go
    DIR/<pid>-<random>/       one worker process's, locked by it for as long as it lives
    DIR/<pid>-<random>/<job>/ one job's: `original`, and `out/` for what is made of it

A folder whose lock nobody holds is a dead worker's, whatever its process id says.
"""

import errno
import fcntl
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config import MisconfiguredError
from jobs.errors import DiskShort
from pipeline.openfile import opened_folder

MIB = 1 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
ORIGINAL, OUT = "original", "out"


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """The folder of one worker process. `reserve_bytes` of its disk stay free."""

    folder: Path
    reserve_bytes: int

    @classmethod
    @contextmanager
    def opened(cls, directory: Path, reserve_bytes: int) -> Iterator["Scratch"]:
        """A folder of this process's own inside `directory`, after dead workers' were removed; removed in the end.

        Raises:
            MisconfiguredError: `directory` cannot be made or used, or others may write to it.
        """
        with _alone(directory):
            _remove_unheld(directory)
            folder = directory / f"{os.getpid()}-{secrets.token_hex(4)}"
            folder.mkdir(mode=0o700)
            held = _hold(folder)
        try:
            yield cls(folder=folder, reserve_bytes=reserve_bytes)
        finally:
            remove(folder)
            if held is not None:
                os.close(held)

    @contextmanager
    def job(self) -> Iterator[Path]:
        """A folder for one job, with an empty `out` in it, removed with whatever lies there in the end.

        Raises:
            DiskShort: for the operating system's own error inside, if that says that the disk is full.
        """
        folder = self.folder / secrets.token_hex(4)
        try:
            folder.mkdir(mode=0o700)
            with opened_folder(folder) as inside:
                os.mkdir(OUT, mode=0o700, dir_fd=inside)
            yield folder
        except OSError as error:
            if error.errno in FULL:
                raise DiskShort(f"{self._disk} is full: {error.strerror}") from error
            raise
        finally:
            remove(folder)

    def require(self, more_bytes: int = 0) -> None:
        """Raise DiskShort unless the disk takes so much more beyond what is to stay free."""
        free = shutil.disk_usage(self.folder).free
        if free < self.reserve_bytes + more_bytes:
            raise DiskShort(
                f"{self._disk} has {free // MIB} MiB free, and this takes {more_bytes // MIB} MiB beyond the "
                f"{self.reserve_bytes // MIB} MiB of DARKROOM_SCRATCH_RESERVE_BYTES: make room, or name another disk "
                f"in DARKROOM_SCRATCH_DIR"
            )

    @property
    def _disk(self) -> str:
        return f"the disk of {self.folder.parent}"


def clear(directory: Path) -> int:
    """Remove the folders of workers that are dead. Returns how many there were."""
    if not directory.is_dir():
        return 0
    with _alone(directory):
        return _remove_unheld(directory)


def remove(folder: Path) -> None:
    """Remove a folder, whatever a renderer has made of it: too deep for recursion, or closed to its owner."""
    for command in (["rm", "-rf"], ["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        if os.path.lexists(folder):
            subprocess.run([*command, "--", folder], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def check(directory: Path) -> None:
    """Raise MisconfiguredError if the directory is there and cannot be used, or others may write to it."""
    with _misconfigured(directory):
        if os.path.lexists(directory):
            _check_ours(directory)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let no other process add or remove folders meanwhile: between its making and its locking one has no owner."""
    with _misconfigured(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_ours(directory)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _misconfigured(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MisconfiguredError(
            f"{directory} cannot hold clips ({error}): name another folder in DARKROOM_SCRATCH_DIR"
        ) from error


def _check_ours(directory: Path) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "not a folder that this user alone may write to")


def _remove_unheld(directory: Path) -> int:
    dead = 0
    for folder in [Path(entry) for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]:
        held = _hold(folder)
        if held is not None:
            remove(folder)
            os.close(held)
            dead += 1
    return dead


def _hold(folder: Path) -> int | None:
    """A descriptor that holds the folder for as long as it is open; None if another process does, or it is gone."""
    try:
        folder.chmod(0o700)  # a renderer may have closed it
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:  # its worker has ended since it was listed
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
