"""A renderer whose photos are orders: what the file says is what happens to the process that opens it."""

import ctypes
import os
import socket
import sys
import time
from pathlib import Path

from filters.recipe import canonical
from jobs.errors import Rejected
from pipeline.services import Encoded, Rendered
from pipeline.stopwatch import Stopwatch
from workers import renderer


def obey(data, ladder, limits, edits):
    order, _, argument = data.partition(b" ")
    if order == b"edits":
        return tell({"recipe": canonical(edits.recipe), "look": edits.look.decode()}, ladder)
    return ORDERS[order](argument.decode(), ladder)


def echo(argument, ladder):
    """Renditions that name themselves."""
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


def tell(facts, ladder):
    return Rendered(width=1, height=1, facts=facts, images=echo("", ladder).images, timings={})


def see(argument, ladder):
    """What this process can see of the world."""
    facts = {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "network": str(Path("/proc/self/ns/net").readlink()),
        "reaches_loopback": reaches_loopback(),
    }
    return tell(facts, ladder)


def reaches_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("127.0.0.1", 9))
        except OSError:
            return False
    return True


def measure(argument, ladder):
    return tell({"characters": len(argument)}, ladder)


def work(argument, ladder):
    end = time.process_time() + float(argument)
    while time.process_time() < end:
        pass
    return tell({"pid": os.getpid()}, ladder)


def write(argument, ladder):
    """Write more than a renderer may."""
    os.truncate(int(sys.argv[5]), 1 << 30)


def hang_up(argument, ladder):
    """Close the socket, and live on."""
    os.close(int(sys.argv[1]))
    time.sleep(600)


def crash(argument, ladder):
    with Stopwatch().stage("decode", of=argument):
        ctypes.string_at(0)


def spin(argument, ladder):
    while True:
        pass


def sleep(argument, ladder):
    with Stopwatch().stage("sleep"):
        time.sleep(float(argument))
    return echo(argument, ladder)


def stage(argument, ladder):
    """Go through a stage, and one within it."""
    with Stopwatch().stage(argument), Stopwatch().stage("within"):
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
    Path(argument).write_text(str(pid))
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
    b"measure": measure,
    b"work": work,
    b"write": write,
    b"hang_up": hang_up,
    b"crash": crash,
    b"spin": spin,
    b"sleep": sleep,
    b"stage": stage,
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
    sys.exit(renderer.main(sys.argv[1:], load, lambda: {"libheif": "1.2.3", "ffmpeg": "5.1"}))
