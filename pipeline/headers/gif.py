"""GIF: the logical screen, and one walk over the blocks that counts the frames (GIF89a specification, 1990)."""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from config.limits import Limits
from pipeline.headers.bounds import check_animation, check_frames, check_size
from pipeline.headers.header import Format, Header
from pipeline.headers.reader import corrupt, unpack

SCREEN = Struct("<HHBBB")  # width, height, flags, background, aspect; after the six bytes of signature
IMAGE = Struct("<HHHHB")  # left, top, width, height, flags
EXTENSION, SEPARATOR = 0x21, 0x2C
GRAPHIC_CONTROL = b"\xf9\x04"  # label and size
TRANSPARENT = 1  # bit of its flags
MOST_SUB_BLOCKS = 400_000  # of up to 255 bytes: 50 MB are 200,000 full ones; a terminator counts as one


class Frame(NamedTuple):
    """How far a frame reaches from the screen's corner, in pixels, and whether it has a transparent colour."""

    right: int
    bottom: int
    alpha: bool


def parse(data: memoryview, limits: Limits) -> Header:
    """The header of a GIF; see `pipeline.headers.read_header`."""
    screen_width, screen_height, flags, _, _ = unpack(SCREEN, data, 6)
    frames = []
    for frame in read_frames(data, 6 + SCREEN.size + color_table_bytes(flags)):
        frames.append(frame)
        check_frames(len(frames), limits)
    if not frames:
        raise corrupt("The GIF ends before or within its first picture.")
    # A frame may reach beyond the screen, and some screens are 0 x 0: Pillow then grows the screen, as viewers do.
    width, height = max(screen_width, frames[0].right), max(screen_height, frames[0].bottom)
    canvas = max(width, *(f.right for f in frames)), max(height, *(f.bottom for f in frames))
    check_size(*canvas, side=limits.side, pixels=limits.pixels)
    check_animation(len(frames), *canvas, limits)
    return Header(format=Format.GIF, width=width, height=height, alpha=frames[0].alpha, frames=len(frames))


def read_frames(data: memoryview, at: int) -> Iterator[Frame]:
    """The frames whose data are whole, from the block at `at` to the trailer, or to what is no block.

    Raises:
        Rejected: `corrupt_header`, there are absurdly many blocks.
    """
    sub_blocks, alpha = MOST_SUB_BLOCKS, False
    while at < len(data) and data[at] in (EXTENSION, SEPARATOR):
        frame = None
        if data[at] == EXTENSION:
            alpha = alpha or sets_transparency(bytes(data[at + 1 : at + 4]))
            at += 2
        elif at + 1 + IMAGE.size < len(data):
            left, top, width, height, flags = IMAGE.unpack_from(data, at + 1)
            frame, alpha = Frame(left + width, top + height, alpha), False
            at += 1 + IMAGE.size + color_table_bytes(flags) + 1  # one byte: the smallest code
        else:
            return
        at, sub_blocks = skip_sub_blocks(data, at, sub_blocks)
        if frame and at <= len(data):
            yield frame


def sets_transparency(extension: bytes) -> bool:
    """Whether an extension that begins so is a graphic control that names a transparent colour."""
    return extension[:2] == GRAPHIC_CONTROL and extension[2:] != b"" and extension[2] & TRANSPARENT > 0


def color_table_bytes(flags: int) -> int:
    """The size of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def skip_sub_blocks(data: memoryview, at: int, most: int) -> tuple[int, int]:
    """The offset after a chain of sub-blocks and their terminator, and how many more sub-blocks may come.

    It lies beyond the data if a sub-block breaks off. A terminator that is missing at the end is not missed: whether
    the pixels are all there is for the decoder to say.
    """
    end = len(data)
    for left in range(most, 0, -1):
        if at >= end:
            return at, left
        if data[at] == 0:
            return at + 1, left - 1
        at += data[at] + 1
    raise corrupt(f"A GIF of more than {MOST_SUB_BLOCKS} data blocks.")
