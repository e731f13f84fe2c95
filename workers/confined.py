"""A process that a stranger's file may take over: it gives up what it can, then answers its head."""

import os
import signal
import socket
from collections.abc import Callable

from workers import sandbox, wire
from workers.exits import OUT_OF_MEMORY
from workers.sandbox import Bounds

Answer = Callable[[wire.Message], wire.Message]


def serve(connection: socket.socket, bounds: Bounds, load: Callable[[], Answer]) -> int:
    """Confine this process around what `load` makes, and answer until the head hangs up. Returns the exit status.

    `load` runs between the two halves of the confinement: after the network is left, which works only before the first
    thread, and before memory is bounded, which has to know what the libraries take.
    """
    isolated = sandbox.leave_network()
    sandbox.renounce_privileges()
    sandbox.follow_parent(signal.SIGKILL)
    answer = load()
    sandbox.stand_back(bounds.niceness)  # not before: a busy machine would hardly let it begin
    sandbox.limit_resources(bounds)
    wire.send(connection, {"network_isolated": isolated})
    try:
        while request := wire.receive(connection):
            sandbox.allow_cpu(bounds.cpu_seconds)
            wire.send(connection, answer(request))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once: unwinding needs memory too
    return 0
