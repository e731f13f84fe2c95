"""What of its confinement a process got, and of what it did not, why."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

GRANTED = "granted"
NAMES = (
    "oom_score",
    "users",
    "network",
    "ipc",
    "hostname",
    "mounts",
    "pids",
    "processes",
    "files",
    "capabilities",
    "calls",
)

Parts = dict[str, str]  # by name: GRANTED, or the kernel's word


@contextmanager
def trying(parts: Parts, name: str) -> Iterator[None]:
    """Note that what is done inside was granted, or the kernel's word if it refused."""
    try:
        yield
    except OSError as error:
        parts[name] = error.strerror or str(error)
    else:
        parts[name] = GRANTED


def lacking(parts: Mapping[str, str]) -> dict[str, str]:
    """The parts that were not granted, and why; one that was not told of is not there."""
    return {name: parts.get(name, "not told of") for name in NAMES if parts.get(name) != GRANTED}
