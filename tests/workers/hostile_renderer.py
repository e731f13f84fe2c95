"""A renderer whose photos are orders: what the file says is what happens to the process that opens it."""

import ctypes
import fcntl
import os
import socket
import sys
import time
from functools import partial

from escapes import ESCAPES, refusal

from filters.recipe import canonical
from jobs.errors import Rejected
from pipeline.services import Encoded, Rendered
from pipeline.stopwatch import Stopwatch
from pipeline.verify import UncleanRenditionError
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
    return tell({"pid": os.getpid(), "environment": dict(os.environ), "descriptors": open_descriptors()}, ladder)


def open_descriptors():
    return [number for number in range(4096) if refusal(partial(fcntl.fcntl, number, fcntl.F_GETFD)) is None]


def attempt(argument, ladder):
    """Try to get out, in the way that the photo says, and tell what the kernel said to that."""
    way, _, argument = argument.partition(" ")
    return tell({"refusal": refusal(lambda: ESCAPES[way](argument))}, ladder)


def measure(argument, ladder):
    return tell({"characters": len(argument)}, ladder)


def work(argument, ladder):
    end = time.process_time() + float(argument)
    while time.process_time() < end:
        pass
    return tell({}, ladder)


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


def chatter(argument, ladder):
    """Say more than anybody keeps, then go on as the rest of the order says."""
    said = 0
    try:
        while True:
            said += os.write(2, b"x" * 4096)
    except PermissionError:
        pass
    if argument:
        order, _, rest = argument.partition(" ")
        return ORDERS[order.encode()](rest, ladder)
    return tell({"said": said}, ladder)


def leave(argument, ladder):
    os._exit(int(argument))


def reject(argument, ladder):
    raise Rejected("corrupt", argument)


def soil(argument, ladder):
    raise UncleanRenditionError(argument)


def break_down(argument, ladder):
    raise ZeroDivisionError(argument)


def lie(argument, ladder):
    """Answer with whatever the photo says, and hang up."""
    speaking = socket.socket(fileno=int(sys.argv[1]))
    speaking.send(argument.encode())
    time.sleep(600)


KEPT = []
ORDERS = {
    b"echo": echo,
    b"soil": soil,
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
    b"chatter": chatter,
    b"reject": reject,
    b"break": break_down,
    b"attempt": attempt,
    b"lie": lie,
}


def load():
    return obey


if __name__ == "__main__":
    sys.exit(renderer.main(sys.argv[1:], load, lambda: {"libheif": "1.2.3", "ffmpeg": "5.1"}))
