"""Files that another process may meddle with: each is opened once, and what is held is the file and not its name."""

import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PIECE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class OpenFile:
    """As many bytes of an open file as it had when it was opened. It is read from its start each time.

    `on_piece` is called before each piece, by whatever thread reads; what it raises ends the reading.
    """

    descriptor: int
    size: int
    on_piece: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return self.size

    def pieces(self) -> Iterator[bytes]:
        """The bytes, a piece at a time. Raises OSError if there are fewer by now."""
        at = 0
        while at < self.size:
            self.on_piece()
            piece = os.pread(self.descriptor, min(PIECE_BYTES, self.size - at), at)
            if not piece:
                raise OSError(f"the file has {at} bytes and had {self.size}")
            yield piece
            at += len(piece)

    def digests(self) -> tuple[str, int]:
        """The SHA-256 in hexadecimal and zlib's CRC-32, taken of the same bytes. Raises OSError as `pieces` does."""
        sha256, crc32 = hashlib.sha256(), 0
        for piece in self.pieces():
            sha256.update(piece)
            crc32 = zlib.crc32(piece, crc32)
        return sha256.hexdigest(), crc32


@contextmanager
def opened_folder(folder: Path | str, within: int | None = None) -> Iterator[int]:
    """A descriptor of the folder, whatever its name leads to later; `within` is one of the folder that it is in.

    Raises OSError, also for a symbolic link.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def new_file(name: str, folder: int) -> int:
    """A descriptor of a new file in the folder of that descriptor, to write and read.

    Raises FileExistsError if there is anything of that name, a symbolic link too: nothing of it is touched.
    """
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)


@contextmanager
def opened_file(name: str, folder: int) -> Iterator[OpenFile]:
    """The file of that name in the folder of that descriptor.

    Raises:
        ValueError: it is no regular file, or has other names too.
        OSError: there is none, or a symbolic link.
    """
    # Trap: opening a FIFO would wait for its writer.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ValueError(f"{name} is no regular file of one name")
        yield OpenFile(descriptor=descriptor, size=found.st_size)
    finally:
        os.close(descriptor)
