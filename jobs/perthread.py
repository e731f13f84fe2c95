"""Connections that must not be shared: one each for a thread or a process, made when first asked for."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerThread(Generic[T]):
    """One T for each thread of each process. After a fork the child makes its own and leaves its parent's alone."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._local = threading.local()

    def get(self) -> T:
        """The calling thread's own."""
        if not self._is_made():
            self._local.made = self._make()
            self._local.process = os.getpid()
        made: T = self._local.made
        return made

    def drop(self) -> T | None:
        """Forget the calling thread's own and return it, to be closed. None if it was not made."""
        if not self._is_made():
            return None
        self._local.process = None
        made: T = self._local.__dict__.pop("made")
        return made

    def _is_made(self) -> bool:
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
