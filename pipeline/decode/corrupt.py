"""How a decoder's complaints become ours."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
from PIL import UnidentifiedImageError

from jobs.errors import Rejected
from pipeline.headers.header import Format, Header

# What Pillow, libheif and their Python halves were seen or are documented to raise for bad bytes. MemoryError is not
# among them: it says something of this machine, not of the file.
_COMPLAINTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    cv2.error,
    struct.error,
    zlib.error,
)

_LIBHEIF_REFUSAL = "Security limit exceeded"


def corrupt(header: Header, why: object) -> Rejected:
    """The rejection of a photo whose header is sound and whose pixels are not."""
    photo = f"{header.format.value.upper()} photo of {header.width}x{header.height}"
    return Rejected("corrupt_media", f"The pixels of this {photo} are incomplete or damaged: {why}. Upload it again.")


def unknown_variant(header: Header, what: object) -> Rejected:
    """The rejection of a photo that may be sound, and that none of our decoders knows how to read."""
    return Rejected("unsupported_variant", f"This kind of {header.format.value.upper()} cannot be read: {what}.")


@contextmanager
def translating_complaints(header: Header) -> Iterator[None]:
    """Turn whatever a decoder raises for bad bytes into `Rejected`.

    Raises:
        Rejected: `corrupt_media`, or `unsupported_variant` where the decoder says so.
        MemoryError: also where a library hides it in an error of another kind.
    """
    try:
        yield
    except MemoryError as error:
        if _LIBHEIF_REFUSAL in str(error):  # asked for absurdly much, not out of memory
            raise corrupt(header, error) from error
        raise
    except UnidentifiedImageError as error:  # its own message is an address in memory
        if header.format is Format.TIFF:  # the one format whose pixels are of more kinds than Pillow knows
            raise unknown_variant(header, "the decoder does not know its kind of pixels") from error
        raise corrupt(header, "they are not what the header promises") from error
    except _COMPLAINTS as error:
        if "memory" in str(error).lower():
            raise MemoryError(str(error)) from error
        if "unsupported" in str(error).lower():
            raise unknown_variant(header, error) from error
        raise corrupt(header, error) from error
