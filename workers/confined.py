"""A process that a stranger's file may take over: it gives up what it can, then answers its head."""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pipeline.stopwatch import observe
from workers import sandbox, wire
from workers.exits import OUT_OF_MEMORY
from workers.sandbox import Bounds

Answer = Callable[[wire.Message], wire.Message]


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a process has once it is warm. `libraries` are versions by name, of what may be at fault for its death."""

    answer: Answer
    libraries: Mapping[str, str]


def serve(connection: socket.socket, stage: int, bounds: Bounds, load: Callable[[], Loaded]) -> int:
    """Confine this process around what `load` makes, and answer until the head hangs up. Returns the exit status.

    `stage` is the memory file in which it notes what it is doing.

    `load` runs between the two halves of the confinement: after the network is left, which works only before the first
    thread, and before memory is bounded, which has to know what the libraries take.
    """
    isolated = sandbox.leave_network()
    sandbox.renounce_privileges()
    sandbox.follow_parent(signal.SIGKILL)
    loaded = load()
    observe(partial(wire.note_stage, stage))
    sandbox.stand_back(bounds.niceness)  # not before: a busy machine would hardly let it begin
    sandbox.limit_resources(bounds)
    wire.send(connection, {"network_isolated": isolated, "libraries": dict(loaded.libraries)})
    try:
        while request := wire.receive(connection):
            sandbox.allow_cpu(bounds.cpu_seconds)
            wire.send(connection, loaded.answer(request))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once: unwinding needs memory too
    return 0
