"""What tests of every folder share: real servers, and real media."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.stack import MissingProgramError, Stack

CORPUS = Path(__file__).resolve().parent.parent.parent / "shared" / "corpus"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A whole fresh stack of this session's own. A test that ends one of its servers calls `stack.up()` again."""
    directory = Path(tempfile.mkdtemp(prefix="darkroom-stack-"))
    directory.chmod(0o755)  # the servers' user passes through
    local = Stack.open(directory)
    try:
        bring_up(local)
        yield local
    finally:
        local.remove()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of media that tests may read and never copy."""
    folder = Path(os.environ.get("DARKROOM_CORPUS", CORPUS))
    if not folder.is_dir():
        pytest.skip(f"no media corpus at {folder}: set DARKROOM_CORPUS")
    return folder


def bring_up(local: Stack) -> None:
    """Start a stack; without the programs skip the test, but never on the build server."""
    try:
        local.up()
    except MissingProgramError as missing:
        if "CI" in os.environ:
            raise
        pytest.skip(str(missing))
