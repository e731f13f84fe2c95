"""What passes between a head and its hands: JSON packets, and for photos two memory files for the bytes.

The head creates both memory files and the child inherits them: the original and a look of one's own lie in one, the
renditions come back in the other. The head never maps a file that the child can shorten, and believes nothing of an
answer that it has not checked here: by then a stranger's file may be speaking.
"""

import fcntl
import json
import math
import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from config import PhotoPreset
from filters.recipe import canonical
from jobs.errors import DarkroomError, InternalError, Rejected, Unavailable
from jobs.looks import LOOK_BYTES
from jobs.recipes import read_recipe
from pipeline.services import Edits, Encoded, Rendered
from workers.sandbox import Parts

PACKET_BYTES = 64 * 1024  # one packet of a SOCK_SEQPACKET pair holds one message; well under the kernel's send buffer
REASON_CHARACTERS = 500
KEPT_BYTES = 8 << 20  # of a memory file between jobs: fresh pages cost five times what writing to old ones does

TIMING = re.compile(r"[a-z][a-z0-9_]{0,40}_ms")  # they become fields of log lines, where other names have a meaning
CREDENTIALS = struct.Struct("iII")  # pid, user and group: struct ucred of unix(7)
STAGE = re.compile(r"[a-z0-9_ ]{0,64}")
STAGE_BYTES = 64  # of the memory file that holds it
NOTEBOOK_BYTES = 256 << 10  # for what a renderer and its programs say over one job; what comes after is lost
SEALS = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
LIBRARY, VERSION = re.compile(r"[a-z][a-z0-9_-]{0,40}"), re.compile(r"[\w.+~: -]{1,60}")
CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
CONTENT_TYPES = {"image/jpeg": "jpg"}  # what the presets can ask for, and its extension

Message = dict[str, Any]


class GarbledError(DarkroomError):
    """An answer that no honest renderer gives."""


def memory_file(name: str) -> int:
    """A descriptor of anonymous memory that a child may inherit. Not sealable: nobody can lock the head out of it."""
    descriptor = os.memfd_create(name, 0)
    os.ftruncate(descriptor, KEPT_BYTES)
    return descriptor


def sealed_file(name: str, size: int) -> int:
    """A descriptor of anonymous memory that keeps its size: who writes beyond the end is refused, with EPERM."""
    descriptor = os.memfd_create(name, os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return descriptor


def written_last(notebook: int, size: int) -> bytes:
    """The last bytes, so many at most, that were written there since it was last turned to its beginning.

    The place of the next word belongs to all who have the descriptor: a hostile one may have turned to any.
    """
    end = min(os.lseek(notebook, 0, os.SEEK_CUR), NOTEBOOK_BYTES)
    begin = max(0, end - size)
    return os.pread(notebook, end - begin, begin)


def note_stage(descriptor: int, stage: str) -> None:
    """Leave word of what is being done. It stays when the process is gone."""
    os.pwrite(descriptor, stage.encode()[:STAGE_BYTES].ljust(STAGE_BYTES, b"\0"), 0)


def noted_stage(descriptor: int) -> str:
    """The stage that was noted last; "" for what is none."""
    stage = os.pread(descriptor, STAGE_BYTES, 0).rstrip(b"\0").decode(errors="replace")
    return stage if STAGE.fullmatch(stage) else ""


def read_libraries(value: Any) -> Mapping[str, str]:
    """Versions by name. Raises what a wrong field does: see `suspicion`."""
    libraries = {str(name): str(version) for name, version in value.items()}
    if not all(LIBRARY.fullmatch(name) and VERSION.fullmatch(libraries[name]) for name in libraries):
        raise ValueError("a library has no proper name or version")
    return libraries


def read_parts(value: Any) -> Parts:
    """What came of each part of a confinement. Raises what a wrong field does: see `suspicion`."""
    parts = {str(name): str(word)[:REASON_CHARACTERS] for name, word in value.items()}
    if not all(map(CODE.fullmatch, parts)):
        raise ValueError("a part has no proper name")
    return parts


def put(descriptor: int, data: bytes | memoryview, offset: int = 0) -> int:
    """Write all of `data` at `offset`. Returns where it ends."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
    return offset


def take(descriptor: int, size: int, offset: int = 0) -> bytes:
    """A copy of `size` bytes at `offset`. Raises GarbledError if they are not there."""
    data = os.pread(descriptor, size, offset)
    if len(data) != size:
        raise GarbledError(f"{size} bytes announced at {offset}, {len(data)} found")
    return data


def send(connection: socket.socket, message: Message) -> None:
    """Send one message. Raises OSError if the other side is gone."""
    connection.send(json.dumps(message, allow_nan=False).encode())


def receive(connection: socket.socket) -> Message | None:
    """The next message; None once the other side is gone.

    Raises:
        GarbledError: not a JSON object, or text that PostgreSQL's jsonb would refuse.
        TimeoutError: as the socket is set.
    """
    try:
        packet = connection.recv(PACKET_BYTES)
    except ConnectionResetError:
        return None
    return parse(packet) if packet else None


def request(descriptor: int, original: bytes, ladder: str, edits: Edits) -> Message:
    """The head's message for one photo; its bytes, and behind them its look's, go to the first memory file."""
    put(descriptor, edits.look, put(descriptor, original))
    sizes = {"bytes": len(original), "look_bytes": len(edits.look)}
    return {"ladder": ladder, "recipe": canonical(edits.recipe), **sizes}


def read_request(message: Message, descriptor: int) -> tuple[bytes, str, Edits]:
    """The original, the ladder's name and the edits of the head's message.

    Raises:
        GarbledError: what it announces is not there, or more than a look can have.
        Rejected: `bad_recipe`.
    """
    size, look_size = message["bytes"], message["look_bytes"]
    if not 0 <= look_size <= LOOK_BYTES:
        raise GarbledError(f"a look of {look_size} bytes")
    original, look = take(descriptor, size), take(descriptor, look_size, size)
    return original, message["ladder"], Edits(recipe=read_recipe(message["recipe"]), look=look)


def rendered_answer(rendered: Rendered, descriptor: int) -> Message:
    """The child's message for a rendered photo; the renditions' bytes go to the second memory file."""
    images, end = [], 0
    for image in rendered.images:
        shape = {"name": image.name, "width": image.width, "height": image.height, "type": image.content_type}
        images.append({**shape, "bytes": len(image.data)})
        end = put(descriptor, image.data, end)
    sizes = {"width": rendered.width, "height": rendered.height}
    return {**sizes, "images": images, "facts": dict(rendered.facts), "timings": dict(rendered.timings)}


def rejected_answer(rejected: Rejected) -> Message:
    """The child's message for media that is at fault."""
    reason = "".join(filter(str.isprintable, str(rejected)))  # it may quote the file
    return {"code": rejected.code, "reason": reason[:REASON_CHARACTERS]}


def unavailable_answer(unavailable: Unavailable) -> Message:
    """The child's message for what is not the media's fault, and leaves it able to go on."""
    reason = "".join(filter(str.isprintable, str(unavailable)))
    return {"unavailable": unavailable.code, "reason": reason[:REASON_CHARACTERS]}


def read_answer(message: Message, descriptor: int, ladder: Sequence[PhotoPreset]) -> Rendered | Rejected | Unavailable:
    """What the child's answer says, every field checked. All that it may find unavailable is a mistake of ours.

    Raises:
        GarbledError: a field is missing, of the wrong kind or out of its range.
    """
    with suspicion():
        if "unavailable" in message:
            return InternalError(str(message["reason"])[:REASON_CHARACTERS])
        return read_rejected(message) if "code" in message else _rendered(message, descriptor, ladder)


@contextmanager
def suspicion() -> Iterator[None]:
    """Raise GarbledError for whatever reading a wrong field raises inside."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise GarbledError(f"{type(error).__name__}: {error}") from error


def receive_signed(connection: socket.socket) -> tuple[Message, int] | None:
    """As `receive`, with the process id of who sent it, by the kernel's word; for a socket with SO_PASSCRED set."""
    packet, ancillary, _, _ = connection.recvmsg(PACKET_BYTES, socket.CMSG_SPACE(CREDENTIALS.size))
    if not packet:
        return None
    pids = [CREDENTIALS.unpack(data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS]
    if len(pids) != 1:
        raise GarbledError(f"sent by {len(pids)} processes")
    return parse(packet), pids[0]


def parse(packet: bytes) -> Message:
    """The message of a packet, which somebody hostile may have written. Raises GarbledError."""
    try:
        message = json.loads(packet, parse_constant=_refuse)
        json.dumps(message, ensure_ascii=False, allow_nan=False).encode()  # a lone surrogate or 1e999 fails here
    except (ValueError, RecursionError) as error:
        raise GarbledError(f"not JSON: {packet[:40]!r}") from error
    if not isinstance(message, dict) or b"\\u0000" in packet:
        raise GarbledError(f"not a message: {packet[:40]!r}")
    return message


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def read_rejected(message: Message) -> Rejected:
    """What `rejected_answer` told. Raises what a wrong field does, as the readers below: see `suspicion`."""
    code, reason = message["code"], message["reason"]
    if not CODE.fullmatch(code):
        raise ValueError(f"code {code!r:.40}")
    return Rejected(code, str(reason)[:REASON_CHARACTERS])


def _rendered(message: Message, descriptor: int, ladder: Sequence[PhotoPreset]) -> Rendered:
    return Rendered(
        width=read_side(message["width"]),
        height=read_side(message["height"]),
        facts=read_facts(message["facts"]),
        images=_images(message["images"], descriptor, ladder),
        timings=read_timings(message["timings"]),
    )


def _images(claims: Any, descriptor: int, ladder: Sequence[PhotoPreset]) -> tuple[Encoded, ...]:
    if [claim["name"] for claim in claims] != [preset.name for preset in ladder]:
        raise ValueError("other renditions than the ladder's")
    images, offset = [], 0
    for claim, preset in zip(claims, ladder, strict=True):
        images.append(_image(claim, preset, descriptor, offset))
        offset += len(images[-1].data)
    return tuple(images)


def _image(claim: Any, preset: PhotoPreset, descriptor: int, offset: int) -> Encoded:
    size, kind = claim["bytes"], claim["type"]
    if type(size) is not int or not 0 < size <= os.fstat(descriptor).st_size - offset:
        raise ValueError(f"{preset.name} of {size!r:.40} bytes")
    return Encoded(
        name=preset.name,
        width=read_side(claim["width"], at_most=preset.width),
        height=read_side(claim["height"]),
        content_type=kind,
        extension=CONTENT_TYPES[kind],
        data=take(descriptor, size, offset),
    )


def read_side(value: Any, at_most: int = 0x7FFF_FFFF) -> int:
    """A width or height in pixels."""
    if type(value) is not int or not 0 < value <= at_most:
        raise ValueError(f"a side of {value!r:.40} pixels")
    return value


def read_facts(value: Any) -> Mapping[str, Any]:
    """What a media's record keeps of it."""
    if not isinstance(value, dict):
        raise TypeError("facts are no object")
    return value


def read_timings(value: Any) -> Mapping[str, float]:
    """Milliseconds by stage."""
    timings = {stage: float(milliseconds) for stage, milliseconds in value.items()}
    if not all(TIMING.fullmatch(stage) and math.isfinite(timings[stage]) for stage in timings):
        raise ValueError("a timing has no proper name, or is not finite")
    return timings
