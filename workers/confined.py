"""A process that a stranger's file may take over: it gives up what it can, then answers its head."""

import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from pipeline.stopwatch import observe
from workers import sandbox, wire
from workers.exits import BROKEN, OUT_OF_MEMORY
from workers.sandbox import Confinement

Answer = Callable[[wire.Message], wire.Message]


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a process has once it is warm. `libraries` are versions by name, of what may be at fault for its death."""

    answer: Answer
    libraries: Mapping[str, str]


def serve(connection: socket.socket, stage: int, confinement: Confinement, load: Callable[[], Loaded]) -> int:
    """Confine this process around what `load` makes, and answer until the head hangs up. Returns the exit status.

    `stage` is the memory file in which it notes what it is doing.
    """
    sys.excepthook = end_at_once
    parts = confinement.begin()
    loaded = load()
    observe(partial(wire.note_stage, stage))
    confinement.complete(parts)
    wire.send(connection, {"sandbox": parts, "libraries": dict(loaded.libraries)})
    try:
        while request := wire.receive(connection):
            sandbox.allow_cpu(confinement.bounds.cpu_seconds)
            wire.send(connection, loaded.answer(request))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once: unwinding needs memory too
    return 0


def end_at_once(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook`: say what failed and end, without the seconds that the libraries take to be unloaded."""
    with suppress(OSError):  # what the head keeps of our words may be full
        traceback.print_exception(kind, error, trace)
        sys.stderr.flush()
    os._exit(BROKEN)
