"""What of the file system is left to a process."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.clip.ffmpeg import ENVIRONMENT, FFMPEG, FFPROBE
from workers.sandbox import kernel
from workers.sandbox.kernel import NO_DEVICES, NO_EXEC, NO_SUID, READ_ONLY

PROJECT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("config", "filters", "jobs", "pipeline", "workers")  # not `var`, with its credentials
STAGE = Path("/tmp")  # where a new root is built: any folder that is always there  # noqa: S108
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/alternatives")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
ROOT_BYTES, TEMPORARY_BYTES = 1 << 20, 16 << 20
FILES = 1_024  # and folders, of each of the two: an empty one takes memory too
SEALED = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC


@dataclass(frozen=True, kw_only=True)
class View:
    """Files and folders by their names, and what may be done there. Without any there is an empty folder."""

    readable: tuple[Path, ...] = ()  # and programs there may be run
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    temporary: bool = False  # whether there is a small /tmp

    def attributes(self) -> dict[Path, int]:
        """What is mounted where, those before that hold others."""
        found = {
            **dict.fromkeys(outermost(self.readable), READ_ONLY | NO_SUID | NO_DEVICES),
            **dict.fromkeys(self.devices, READ_ONLY | NO_SUID | NO_EXEC),
            **dict.fromkeys(self.writable, NO_SUID | NO_DEVICES | NO_EXEC),
        }
        return {path: found[path] for path in sorted(found) if path.exists()}


NOTHING = View()


def clip_view(folder: Path) -> View:
    """What ffmpeg and its renderer need; of all that can be written to, `folder` alone."""
    programs = (shutil.which(name, path=ENVIRONMENT["PATH"]) for name in (FFMPEG, FFPROBE))
    linked = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    names = [*LIBRARIES, sysconfig.get_path("stdlib"), *filter(None, (*programs, *linked)), "/proc"]
    return View(
        readable=(*map(Path, names), *importable(map(Path, sys.path))),
        writable=(folder,),
        devices=tuple(map(Path, DEVICES)),
        temporary=True,
    )


def importable(path: Iterable[Path]) -> Iterator[Path]:
    """The folders of an import path; of the project's own its packages alone."""
    for folder in path:
        if folder.resolve() == PROJECT:
            yield from (PROJECT / package for package in PACKAGES)
        elif folder.is_absolute() and folder.is_dir():
            yield folder


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Those that lie in none of the others."""
    given = set(paths)
    return [path for path in given if given.isdisjoint(path.parents)]


def change_root(view: View) -> None:
    """Leave this namespace's processes nothing but the view. Raises OSError, and then all is as it was."""
    with ExitStack() as opened:
        trees = [clone(path, attributes, opened) for path, attributes in view.attributes().items()]
        build(view, trees)


def build(view: View, trees: Iterable["Tree"]) -> None:
    """Make a root of the cloned trees, and move into it."""
    kernel.mount("tmpfs", STAGE, SEALED, f"mode=0755,size={ROOT_BYTES},nr_inodes={FILES}")
    with staged():
        if view.temporary:
            mount_temporary(STAGE / "tmp")
        for tree in trees:
            place(tree)
        kernel.restrict_mount(STAGE, READ_ONLY | NO_SUID | NO_DEVICES | NO_EXEC)
        kernel.pivot_root(STAGE)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A file or folder that is to be mounted a second time: by then its name may lead elsewhere."""

    path: Path
    folder: bool
    descriptor: int


def clone(path: Path, attributes: int, opened: ExitStack) -> Tree:
    """What lies there, so restricted, until `opened` is closed."""
    descriptor = kernel.clone_tree(path)
    opened.callback(os.close, descriptor)
    kernel.restrict_tree(descriptor, attributes)
    return Tree(path=path, folder=path.is_dir(), descriptor=descriptor)


@contextmanager
def staged() -> Iterator[None]:
    """Clear the stage if it comes to nothing."""
    try:
        yield
    except OSError:
        kernel.unmount(STAGE)
        raise


def mount_temporary(where: Path) -> None:
    """An empty folder in memory."""
    where.mkdir()
    kernel.mount("tmpfs", where, SEALED, f"mode=0700,size={TEMPORARY_BYTES},nr_inodes={FILES}")


def place(tree: Tree) -> None:
    """Mount a cloned tree in the new root, by its old name."""
    where = STAGE / tree.path.relative_to("/")
    where.parent.mkdir(parents=True, exist_ok=True)
    if tree.folder:
        where.mkdir(exist_ok=True)
    else:
        where.touch()
    kernel.move_tree(tree.descriptor, where)
