"""The hands: a process that turns a stranger's photo into renditions and can reach nothing else.

    python -m workers.renderer SOCKET ORIGINAL RESULT LIMITS

The first three are descriptors inherited from the head (see `workers.wire`), the last `config.Limits` as JSON. It
reports what the machine let it give up, then answers one request after another until the head closes the socket.
What is not the photo's fault ends it: the head tells the cause from its exit status, and starts another.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from config import LADDERS, Limits, PhotoPreset
from jobs.errors import Rejected
from pipeline.services import Edits, Rendered
from workers import sandbox, wire
from workers.exits import OUT_OF_MEMORY

Render = Callable[[bytes, Sequence[PhotoPreset], Limits, Edits], Rendered]


def main(arguments: Sequence[str], load: Callable[[], Render]) -> int:
    """Confine this process around the renderer that `load` makes, and serve. Returns the exit status.

    `load` runs between the two halves of the confinement: after the network is left, which works only before the first
    thread, and before memory is bounded, which has to know what the libraries take.
    """
    connection, original, result = socket.socket(fileno=int(arguments[0])), int(arguments[1]), int(arguments[2])
    limits = Limits(**json.loads(arguments[3]))
    isolated = sandbox.leave_network()
    sandbox.renounce_privileges()
    sandbox.follow_parent(signal.SIGKILL)
    render = load()
    sandbox.limit_resources(limits)
    wire.send(connection, {"network_isolated": isolated})
    try:
        while request := wire.receive(connection):
            sandbox.allow_cpu(limits.photo_cpu_seconds)
            wire.send(connection, answer(request, render, limits, original, result))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once: unwinding needs memory too
    return 0


def answer(request: wire.Message, render: Render, limits: Limits, original: int, result: int) -> wire.Message:
    """Render the photo that lies in the memory file `original` and leave its renditions in `result`."""
    try:
        data, ladder, edits = wire.read_request(request, original)
        return wire.rendered_answer(render(data, LADDERS[ladder], limits, edits), result)
    except Rejected as rejected:
        return wire.rejected_answer(rejected)


def load_photo() -> Render:
    """`pipeline.edit.render_edited`, warm: its kernels compiled, its tables built, one thread a library."""
    from pipeline.edit import render_edited  # noqa: PLC0415 - its libraries may start threads
    from pipeline.warm import warm  # noqa: PLC0415

    warm()
    return render_edited


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], load_photo))
