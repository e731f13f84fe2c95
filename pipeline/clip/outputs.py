"""Where a clip's results lie before they are stored: under names made of their content."""

import hashlib
from pathlib import Path

NAME_DIGITS = 32  # hexadecimal, of SHA-256


def content_name(file: Path) -> str:
    """The name that the file's content has: the first 32 hexadecimal digits of its SHA-256, and its own extension."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return f"{digest[:NAME_DIGITS]}{file.suffix}"


def keep(file: Path, out: Path) -> str:
    """Move a finished file into `out`, a folder on the same disk, under its content's name, which is returned."""
    name = content_name(file)
    file.rename(out / name)
    return name


def keep_bytes(data: bytes | memoryview, extension: str, out: Path) -> str:
    """Write a small result into `out` under its content's name, which is returned."""
    name = f"{hashlib.sha256(data).hexdigest()[:NAME_DIGITS]}.{extension}"
    (out / name).write_bytes(data)
    return name
