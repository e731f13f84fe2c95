"""Bounds-checked reading: the only way the parsers take anything from a file."""

from struct import Struct
from typing import Any

from jobs.errors import Rejected

U16 = Struct(">H")
U32 = Struct(">I")
U64 = Struct(">Q")


def corrupt(message: str) -> Rejected:
    """The refusal of a file whose structure contradicts itself or breaks off."""
    return Rejected("corrupt_header", message)


def unsupported(message: str) -> Rejected:
    """The refusal of a known format in a variant that no camera, phone or browser uses."""
    return Rejected("unsupported_variant", message)


def unpack(layout: Struct, data: memoryview, at: int) -> tuple[Any, ...]:
    """The fields of `layout` at offset `at`.

    Raises:
        Rejected: `corrupt_header`, they do not lie within `data`.
    """
    # struct alone would count a negative offset from the end, and fail with other errors on a huge one.
    if at < 0 or at + layout.size > len(data):
        raise corrupt(f"{layout.size} bytes at offset {at} lie outside the {len(data)} that are there.")
    return layout.unpack_from(data, at)


def number(layout: Struct, data: memoryview, at: int) -> int:
    """The one whole number of `layout` at offset `at`; raises as `unpack` does."""
    value: int = unpack(layout, data, at)[0]
    return value


def take(data: memoryview, at: int, size: int) -> memoryview:
    """Exactly `size` bytes from offset `at`, without a copy.

    Raises:
        Rejected: `corrupt_header`, they do not lie within `data`.
    """
    if at < 0 or size < 0 or at + size > len(data):
        raise corrupt(f"{size} bytes at offset {at} lie outside the {len(data)} that are there.")
    return data[at : at + size]
