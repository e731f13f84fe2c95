"""Which container the bytes are. Names and the client's Content-Type are never asked."""

from collections.abc import Callable
from struct import Struct

from jobs.errors import Rejected
from pipeline.headers.sniff import IMAGE_BRANDS, QUICKTIME_BOXES, SIGNATURES
from pipeline.headers.strangers import stranger

HEAD_BYTES = 1 << 16  # of a file, to look at
PNG = b"\x89PNG\r\n\x1a\n"
PNG_CHUNK = Struct(">I4s")
WEBP_FLAGS = 20  # where VP8X has them
WEBP_ANIMATED = 0x02
TS_PACKETS = ((0, 188), (4, 192), (0, 204))  # offset and stride: plain, a camcorder's m2ts, with error correction
WEBP = "webp"  # which ffmpeg 5.1 cannot play: `pipeline.clip.webp` unfolds it

SOUND_ALONE = (b"ID3", b"fLaC", b"#!AMR", b"MThd", b"\xff\xfb", b"\xff\xf1", b"\xff\xf9")


def sniff_clip(head: bytes) -> str:
    """The container as ffmpeg names it, or "webp", from a file's first `HEAD_BYTES`.

    Raises:
        Rejected: `photo_not_clip` for a still picture, `no_video` for a sound, `unknown_format` for anything else.
    """
    for demuxer, begins_as in CONTAINERS:
        if begins_as(head):
            return demuxer
    if is_photo(head):
        raise Rejected("photo_not_clip", "This is a photo; it was submitted as a clip.")
    if head.startswith(SOUND_ALONE) or is_riff(head, b"WAVE"):
        raise Rejected("no_video", "This is a sound alone, without a picture.")
    looks_like = stranger(head, "no clip that we know")
    raise Rejected("unknown_format", f"This looks like {looks_like}; MP4, MOV, WebM, MKV, TS, AVI and GIF are taken.")


def format_name(head: bytes, demuxer: str) -> str:
    """What a person calls the container: mp4, mov, 3gp, webm, mkv, gif."""
    if demuxer == "mov":
        return next((name for brand, name in BRANDS if head[8:].startswith(brand)), "mp4" if is_iso(head) else "mov")
    if demuxer == "matroska":
        return "webm" if b"webm" in head[:4096] else "mkv"
    return NAMES.get(demuxer, demuxer)


BRANDS = ((b"qt  ", "mov"), (b"3g", "3gp"))
NAMES = {"mpegts": "ts"}


def is_iso(head: bytes) -> bool:
    """MP4 and its kin. Canon's raw photos and HEIF's pictures share the container."""
    return head[4:8] == b"ftyp" and head[8:12] != b"crx " and head[8:12] not in IMAGE_BRANDS


def is_quicktime(head: bytes) -> bool:
    """MOV, also from before `ftyp`."""
    return is_iso(head) or head[4:8] in QUICKTIME_BOXES


def is_matroska(head: bytes) -> bool:
    """MKV and WebM."""
    return head.startswith(b"\x1a\x45\xdf\xa3")


def is_riff(head: bytes, kind: bytes) -> bool:
    """AVI, WAVE or WebP."""
    return head.startswith(b"RIFF") and head[8:12] == kind


def is_transport_stream(head: bytes) -> bool:
    """Four packets in a row."""
    return any(
        len(head) > start + 3 * stride and all(head[start + n * stride] == 0x47 for n in range(4))
        for start, stride in TS_PACKETS
    )


def is_animated_png(head: bytes) -> bool:
    """A PNG with an animation's chunk in front of its picture."""
    at = len(PNG)
    while head.startswith(PNG) and at + PNG_CHUNK.size <= len(head):
        length, kind = PNG_CHUNK.unpack_from(head, at)
        if kind in (b"acTL", b"IDAT"):
            return bool(kind == b"acTL")
        at += PNG_CHUNK.size + length + 4
    return False


def is_animated_webp(head: bytes) -> bool:
    """A WebP that says that it moves."""
    extended = is_riff(head, b"WEBP") and head[12:16] == b"VP8X" and len(head) > WEBP_FLAGS
    return extended and bool(head[WEBP_FLAGS] & WEBP_ANIMATED)


def is_photo(head: bytes) -> bool:
    """A still picture, of the kinds that are taken as photos."""
    heif = head[4:8] == b"ftyp"
    return heif or is_riff(head, b"WEBP") or any(head.startswith(signature) for signature, _ in SIGNATURES)


CONTAINERS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("mov", is_quicktime),
    ("matroska", is_matroska),
    ("avi", lambda head: is_riff(head, b"AVI ")),
    ("gif", lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
    ("apng", is_animated_png),
    (WEBP, is_animated_webp),
    ("mpegts", is_transport_stream),
)
