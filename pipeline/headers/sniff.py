"""Which format the bytes are. Names and the client's Content-Type are never asked."""

from collections.abc import Callable

from jobs.errors import Rejected
from pipeline.headers.header import Format
from pipeline.headers.reader import U32, number
from pipeline.headers.strangers import TEXT_BYTES, stranger

# ISO/IEC 23008-12 (HEIF), 23000-22 (MIAF) and the AV1 Image File Format: brands of still images and image sequences.
# Which codec is inside is told by the primary item, not by the brand.
IMAGE_BRANDS = frozenset(b"mif1 mif2 mif3 msf1 miaf avif avis avio heic heix heim heis hevc hevx hevm hevs".split())
QUICKTIME_BOXES = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))  # files from before `ftyp`
TS_PACKET = 188  # bytes; each begins with 0x47
BRANDS_READ = 64

SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"II*\0", Format.TIFF),
    (b"MM\0*", Format.TIFF),
    (b"II+\0", Format.TIFF),
    (b"MM\0+", Format.TIFF),
    (b"BM", Format.BMP),
)

NO_PHOTO = "no photo that we know"


def sniff(data: memoryview) -> Format:
    """The format that the first bytes claim; HEIC stands for every HEIF container until its items are read.

    Raises:
        Rejected: `video_not_photo` for a clip, `unknown_format` for anything else that is not let in.
    """
    head = bytes(data[:16])
    for signature, photo in SIGNATURES:
        if head.startswith(signature):
            return photo
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[4:8] == b"ftyp" and not IMAGE_BRANDS.isdisjoint(_brands(data)):
        return Format.HEIC
    if any(begins_as(data) for begins_as in CLIPS):
        raise Rejected("video_not_photo", "This is a clip; it was submitted as a photo.")
    raise Rejected(
        "unknown_format",
        f"This looks like {stranger(bytes(data[:TEXT_BYTES]), NO_PHOTO)}; {', '.join(Format)} are taken.",
    )


def _brands(data: memoryview) -> list[bytes]:
    """The major and the compatible brands of an `ftyp` box at the start."""
    end = min(number(U32, data, 0), len(data), 16 + 4 * BRANDS_READ)
    return [bytes(data[8:12]), *(bytes(data[at : at + 4]) for at in range(16, end, 4))]


def _is_iso_media(data: memoryview) -> bool:
    return bytes(data[4:8]) == b"ftyp" and bytes(data[8:12]) != b"crx "  # Canon's raw photos share the container


def _is_old_quicktime(data: memoryview) -> bool:
    return bytes(data[4:8]) in QUICKTIME_BOXES


def _is_matroska(data: memoryview) -> bool:
    return bytes(data[:4]) == b"\x1a\x45\xdf\xa3"


def _is_avi(data: memoryview) -> bool:
    return bytes(data[:4]) == b"RIFF" and bytes(data[8:12]) == b"AVI "


def _is_transport_stream(data: memoryview) -> bool:
    """Four packets in a row, plain or with the four-byte time stamps of a camcorder's m2ts."""
    return any(
        len(data) > start + 3 * stride and all(data[start + n * stride] == 0x47 for n in range(4))
        for start, stride in ((0, TS_PACKET), (4, TS_PACKET + 4))
    )


CLIPS: tuple[Callable[[memoryview], bool], ...] = (
    _is_iso_media,
    _is_old_quicktime,
    _is_matroska,
    _is_avi,
    _is_transport_stream,
)
