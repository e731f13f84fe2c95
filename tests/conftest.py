"""What tests of every folder share: real servers, and real media."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from workers.stack import MissingProgramError, Stack

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
CORPUS = SHARED / "corpus"
ORACLE = SHARED / "looks"
MARKS = {
    "stack": "server",
    "second_stack": "server",
    "staffed_stack": "server",
    "corpus": "corpus",
    "oracle": "corpus",
}  # by the fixture that a test asks for


# Hypothesis tries the same examples on every machine and times none; `scripts/fuzz` looks for new ones.
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch of `tests/filters/test_golden.py`."""
    parser.addoption("--regenerate-golden", action="store_true", help="write what recipes make of the golden picture")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers or media, so that `-m "not server"` leaves the slow tests out."""
    for item in items:
        for fixture in MARKS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKS[fixture])


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A whole fresh stack of this session's own. A test that ends one of its servers calls `stack.up()` again."""
    with temporary_stack() as fresh:
        fresh.up()
        yield fresh


@pytest.fixture
def second_stack() -> Iterator[Stack]:
    """Another stack, not yet up, for one test alone."""
    with temporary_stack() as fresh:
        yield fresh


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of media that tests may read and never copy."""
    folder = Path(os.environ.get("DARKROOM_CORPUS", CORPUS))
    if not folder.is_dir():
        pytest.skip(f"no media corpus at {folder}: set DARKROOM_CORPUS")
    return folder


@pytest.fixture(scope="session")
def oracle() -> Path:
    """The folder of photos and what somebody else's looks made of them, PHOTO.jpg and PHOTO-LOOK.jpg."""
    folder = Path(os.environ.get("DARKROOM_LOOKS_ORACLE", ORACLE))
    if not folder.is_dir():
        pytest.skip(f"no photos with their renders at {folder}: set DARKROOM_LOOKS_ORACLE")
    return folder


@contextmanager
def temporary_stack() -> Iterator[Stack]:
    """A stack that is removed afterwards, whatever happens. Skips the test if a server's program is missing."""
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-stack-", ignore_cleanup_errors=True) as folder,
        missing_programs_skip(),
    ):
        Path(folder).chmod(0o755)  # the servers' user passes through
        fresh = Stack.open(Path(folder))
        try:
            yield fresh
        finally:
            fresh.remove()


@contextmanager
def missing_programs_skip() -> Iterator[None]:
    """Skip where a program is not installed, but never on the build server."""
    try:
        yield
    except MissingProgramError as missing:
        if "CI" in os.environ:
            raise
        pytest.skip(str(missing))
