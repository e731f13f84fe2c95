"""Telling a clip's container from its first bytes."""

import struct
import zlib

import pytest

from jobs.errors import Rejected
from pipeline.clip.sniff import format_name, sniff_clip


def brand(name):
    return struct.pack(">I", 20) + b"ftyp" + name + b"\0\0\0\0" + name


def png(*kinds):
    chunks = (struct.pack(">I", 5) + kind + b"12345" + struct.pack(">I", zlib.crc32(kind + b"12345")) for kind in kinds)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def packets(stride, start=0):
    return b"\0" * start + (b"\x47" + b"\xff" * (stride - 1)) * 5


CLIPS = [
    (brand(b"isom"), "mov", "mp4"),
    (brand(b"qt  "), "mov", "mov"),
    (brand(b"3gp5"), "mov", "3gp"),
    (struct.pack(">I", 8) + b"wide" + struct.pack(">I", 100) + b"mdat", "mov", "mov"),
    (b"\x1a\x45\xdf\xa3\x9fB\x82\x84webm", "matroska", "webm"),
    (b"\x1a\x45\xdf\xa3\x9fB\x82\x88matroska", "matroska", "mkv"),
    (b"RIFF\x10\0\0\0AVI LIST", "avi", "avi"),
    (b"GIF89a\x05\0\x07\0", "gif", "gif"),
    (png(b"IHDR", b"iCCP", b"acTL", b"IDAT"), "apng", "apng"),
    (b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0", "webp", "webp"),
    (packets(188), "mpegts", "ts"),
    (packets(192, 4), "mpegts", "ts"),
    (b"FLV\x01\x05", "flv", "flv"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\0" * 9, "asf", "wmv"),
    (b"\0\0\1\xba\x44", "mpeg", "mpg"),
]


@pytest.mark.parametrize(("head", "demuxer", "name"), CLIPS, ids=[name for *_, name in CLIPS])
def test_a_clip_is_told_by_its_bytes(head, demuxer, name):
    assert sniff_clip(head) == demuxer
    assert format_name(head, demuxer) == name


REFUSED = [
    (b"\xff\xd8\xff\xe0", "photo_not_clip"),
    (png(b"IHDR", b"IDAT", b"acTL"), "photo_not_clip"),
    (b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0", "photo_not_clip"),
    (b"RIFF\x20\0\0\0WEBPVP8 ", "photo_not_clip"),
    (brand(b"heic"), "photo_not_clip"),
    (brand(b"avif"), "photo_not_clip"),
    (brand(b"crx "), "photo_not_clip"),
    (b"ID3\x04", "no_video"),
    (b"RIFF\x20\0\0\0WAVEfmt ", "no_video"),
    (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "unknown_format"),
    (b"ffconcat version 1.0\nfile a.mp4\n", "unknown_format"),
    (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "unknown_format"),
    (b"", "unknown_format"),
    (b"\x47" * 100, "unknown_format"),
]


@pytest.mark.parametrize(("head", "code"), REFUSED)
def test_what_is_no_clip_is_refused_with_its_reason(head, code):
    with pytest.raises(Rejected) as refused:
        sniff_clip(head)

    assert refused.value.code == code


def test_a_png_that_breaks_off_before_its_picture_is_no_clip():
    with pytest.raises(Rejected):
        sniff_clip(png(b"IHDR", b"acTL")[:30])
