"""Whether an original is a photo or a clip, told from its first bytes and never from its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs import Client
from jobs.errors import Rejected
from jobs.job import CLIP, PHOTO
from pipeline.clip.sniff import HEAD_BYTES, sniff_clip
from pipeline.headers.sniff import sniff


def told_function(head: bytes) -> str:
    """The function for an original that begins with `head`.

    What moves and may be a photo too, such as a GIF, is one; so is what is neither: its worker says what it is.
    """
    return CLIP if not is_known(sniff, memoryview(head)) and is_known(sniff_clip, head) else PHOTO


def is_known(sniffed: Callable[[Any], object], head: bytes | memoryview) -> bool:
    """Whether one of the sniffers lets it in."""
    try:
        sniffed(head)
    except Rejected:
        return False
    return True


def first_bytes(client: Client, source: str) -> bytes:
    """Enough of a file, or of what lies at an s3:// address, to tell what it is. Raises OSError or Rejected."""
    if source.startswith("s3://"):
        return client.peek(source, HEAD_BYTES)
    with Path(source).open("rb") as file:
        return file.read(HEAD_BYTES)
