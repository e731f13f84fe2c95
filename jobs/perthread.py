"""Connections that must not be shared: one each for a thread or a process, made when first asked for."""

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Let go of what it holds."""


C = TypeVar("C", bound=Closable)
T = TypeVar("T")


class PerThread(Generic[C]):
    """One C for each thread of each process. After a fork the child makes its own and leaves its parent's alone."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._local = threading.local()

    def get(self) -> C:
        """The calling thread's own."""
        if not self._made_here():
            self._local.made = self._make()
            self._local.process = os.getpid()
        made: C = self._local.made
        return made

    def close(self) -> None:
        """Close the calling thread's own, if it was made; the next `get` makes another."""
        if self._made_here():
            self._local.process = None
            self._local.made.close()

    def _made_here(self) -> bool:
        return getattr(self._local, "process", None) == os.getpid()


class PerProcess(Generic[T]):
    """One T for each process, shared by its threads."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}

    def get(self) -> T:
        """The calling process's own."""
        process = os.getpid()
        if process not in self._made:
            # No lock, because a fork can copy it while it is held. Two threads that race make two, and keep one.
            self._made.setdefault(process, self._make())
        return self._made[process]
