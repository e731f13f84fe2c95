"""Edits on clips: each frame through the kernels that edit a photo, between one ffmpeg to decode and one to encode.

So still and clip agree, and every tool works. There are never more than a few frames here, however long the clip.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config import Limits
from filters.geometry import ROTATIONS, bends, edited_size, reframe
from filters.planes import frame_bytes, planes_of, read_planes, write_planes
from filters.program import Program
from filters.recipe import Crop, Geometry
from filters.resample import TRANSPOSED
from jobs.errors import Rejected
from pipeline.clip.arguments import decode_arguments
from pipeline.clip.ffmpeg import Process, Report, decoder, encoder
from pipeline.clip.model import Source
from pipeline.clip.plan import Frames, Span, count_frames, even
from pipeline.decode.jpeg import HEADROOM

Pixels = NDArray[np.uint8]
Size = tuple[int, int]  # height, width
Draw = Callable[[Pixels], Pixels]

PIPE_BYTES = 1 << 20  # the most that any user may have a pipe hold: the more, the less often two processes take turns
REPORTED_FRAMES = 10  # between two reports


def edit_frames(  # noqa: PLR0913
    source: Source,
    span: Span,
    program: Program,
    frames: Frames,
    encode_arguments: Sequence[str],
    limits: Limits,
    *,
    folder: Path,
    poster: Pixels,
    report: Report,
) -> int:
    """Edit every frame of the span and have it encoded; return how many there were.

    `frames` are the edited ones, as `encode_arguments` take them on standard input; they should be no larger than the
    edited frame's own pixels. Sharpening counts in pixels of these, and every rung is made of them, so that a player
    that changes rungs changes nothing but the resolution. `poster` (h, w, 3) is an unedited frame, upright, whose
    automatic tone the whole clip gets. `report` is told the share (0 to 1) that is done.

    Raises:
        Rejected: `corrupt_media`, with ffmpeg's last words.
        Unavailable: one of the two processes was killed, ran out of memory or time, or had no room to write.
    """
    drawn = frames.height, frames.width
    decoded = decoded_size((source.height, source.width), program.geometry, drawn)
    arguments = decode_arguments(source, span, decoded[1], decoded[0], frames.rate, limits)
    draw, expected = drawing(program, poster, drawn), count_frames(span, frames.rate)
    with (
        decoder(arguments, limits, folder=folder) as original,
        encoder(encode_arguments, limits, folder=folder) as rungs,
    ):
        count = 0
        for frame in edited(read_frames(original, decoded), decoded, draw, drawn):
            if not write_frame(rungs, frame):
                break
            count += 1
            if count % REPORTED_FRAMES == 0:
                report(min(1.0, count / expected))
        else:
            original.finish()
        rungs.finish()
    if not count:
        raise Rejected("corrupt_media", "This clip has no picture that can be decoded.")
    return count


def decoded_size(whole: Size, geometry: Geometry, drawn: Size) -> Size:
    """Height and width at which to decode frames of the size `whole`, so that their edited part is drawn at `drawn`.

    What is only turned and mirrored is decoded at that very size; what is cut or bent with a fifth of headroom, because
    it is resampled once more. Never enlarged, and if reduced, to even sides: odd ones would move its colours.
    """
    if geometry.crop == Crop() and not bends(geometry):
        return drawn[::-1] if ROTATIONS[geometry.rotate] in TRANSPOSED else drawn
    frame = edited_size(*whole, geometry)
    scale = HEADROOM * max(drawn[0] / frame[0], drawn[1] / frame[1])
    return whole if scale >= 1 else (even(whole[0] * scale), even(whole[1] * scale))


def drawing(program: Program, poster: Pixels, drawn: Size) -> Draw:
    """What is done to each frame of a clip whose `poster` decides on what is automatic."""
    settled = program.settled(reframe(poster, *drawn, program.geometry))

    def draw(pixels: Pixels) -> Pixels:
        return settled.finish(settled.apply(reframe(pixels, *drawn, settled.geometry)))

    return draw


def edited(frames: Iterable[bytearray], decoded: Size, draw: Draw, drawn: Size) -> Iterator[Pixels]:
    """Each frame edited, as planes. One that repeats the frame before costs nothing, and where time stands many do."""
    pixels, result = np.empty((*decoded, 3), np.uint8), np.empty(frame_bytes(*drawn), np.uint8)
    before = None
    for frame in frames:
        if frame != before:
            read_planes(planes_of(np.frombuffer(frame, np.uint8), *decoded), pixels)
            write_planes(draw(pixels), planes_of(result, *drawn))
        before = frame
        yield result


def read_frames(process: Process, size: Size) -> Iterator[bytearray]:
    """The frames that a process writes, in two buffers by turns, until it ends."""
    pipe = process.stdout.fileno()
    widen(pipe)
    for frame in cycle((bytearray(frame_bytes(*size)), bytearray(frame_bytes(*size)))):
        if not fill(pipe, memoryview(frame)):
            return
        yield frame


def fill(pipe: int, rest: memoryview) -> bool:
    """Read a whole frame. False where none is left."""
    while rest:
        count = os.readv(pipe, [rest])
        if not count:
            return False
        rest = rest[count:]
    return True


def write_frame(process: Process, frame: Pixels) -> bool:
    """Write a frame. False where the process takes no more, because it has ended."""
    rest = frame.data
    try:
        while rest:
            rest = rest[os.write(process.stdin.fileno(), rest) :]
    except BrokenPipeError:
        return False
    return True


def widen(pipe: int) -> None:
    """Have a pipe hold more, unless this user's pipes hold too much already."""
    with contextlib.suppress(PermissionError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
