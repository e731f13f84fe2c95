"""Where the numbers of the built-in looks lie. Plain Python, so that a rendition can be named without NumPy."""

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("looks")


def look_file(name: str) -> Path:
    """The file of the built-in look of this name.

    Raises:
        KeyError: there is none.
    """
    file = FOLDER / f"{name}.json"
    if not (name.isalnum() and file.is_file()):
        raise KeyError(name)
    return file


@cache
def look_digest(name: str) -> str:
    """The SHA-256, hexadecimal, of a built-in look's file. Raises KeyError if there is none of this name."""
    return hashlib.sha256(look_file(name).read_bytes()).hexdigest()
