"""A renderer whose photos are orders: what the file says is what happens to the process that opens it."""

import ctypes
import os
import socket
import sys
import time

from jobs.errors import Rejected
from pipeline.services import Encoded, Rendered
from workers import renderer


def obey(data, ladder, limits):
    order, _, argument = data.partition(b" ")
    return ORDERS[order](argument.decode(), ladder)


def echo(argument, ladder):
    """Renditions that name themselves, and as facts what this process can see of the world."""
    images = tuple(
        Encoded(
            name=preset.name,
            width=preset.width,
            height=7,
            content_type="image/jpeg",
            extension="jpg",
            data=f"{preset.name} of {argument}".encode(),
        )
        for preset in ladder
    )
    return Rendered(width=5, height=7, facts={"echo": argument}, images=images, timings={"decode_cpu_ms": 1.5})


def see(argument, ladder):
    facts = {
        "environment": dict(os.environ),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "session": os.getsid(0) == os.getpid(),
    }
    return Rendered(width=1, height=1, facts=facts, images=echo("", ladder).images, timings={})


def crash(argument, ladder):
    ctypes.string_at(0)


def spin(argument, ladder):
    while True:
        pass


def sleep(argument, ladder):
    time.sleep(float(argument))
    return echo(argument, ladder)


def hoard(argument, ladder):
    return bytearray(8 << 30)


def grow(argument, ladder):
    KEPT.append(bytearray(int(argument)))
    return echo(argument, ladder)


def leave(argument, ladder):
    os._exit(int(argument))


def reject(argument, ladder):
    raise Rejected("corrupt", argument)


def break_down(argument, ladder):
    raise ZeroDivisionError(argument)


def fork(argument, ladder):
    """Leave a grandchild behind, and then hang."""
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
    with open(argument, "w") as file:
        file.write(str(pid))
    time.sleep(600)


def lie(argument, ladder):
    """Answer with whatever the photo says, and hang up."""
    speaking = socket.socket(fileno=int(sys.argv[1]))
    speaking.send(argument.encode())
    time.sleep(600)


KEPT = []
ORDERS = {
    b"echo": echo,
    b"see": see,
    b"crash": crash,
    b"spin": spin,
    b"sleep": sleep,
    b"hoard": hoard,
    b"grow": grow,
    b"leave": leave,
    b"reject": reject,
    b"break": break_down,
    b"fork": fork,
    b"lie": lie,
}


def load():
    return obey


if __name__ == "__main__":
    sys.exit(renderer.main(sys.argv[1:], load))
