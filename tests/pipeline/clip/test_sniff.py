"""Telling a clip's container from its first bytes."""

import struct
import zlib

import pytest

from jobs.errors import Rejected
from pipeline.clip.sniff import format_name, sniff_clip
from pipeline.headers.sniff import sniff


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
    (b"FLV\x01\x05", "unknown_format"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\0" * 9, "unknown_format"),
    (b"\0\0\1\xba\x44", "unknown_format"),
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


STRANGERS = [
    (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a playlist"),
    (b"\xef\xbb\xbf#EXTM3U\n", "a playlist"),
    (b"[playlist]\nFile1=http://127.0.0.1/\n", "a playlist"),
    (b"ffconcat version 1.0\nfile a.mp4\n", "a playlist"),
    (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "a session description"),
    (b"1\n00:00:00,000 --> 00:00:01,000\nHello\n", "subtitles"),
    (b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>', "an SVG, HTML or XML document"),
    ("\ufeff<svg/>".encode("utf-16-le"), "an SVG, HTML or XML document"),
    (b"\n\n<!doctype html>", "an SVG, HTML or XML document"),
    (b"%PDF-1.7", "a PDF document"),
    (b"%!PS-Adobe-3.0", "a PostScript document"),
    (b"8BPS\0\1", "a Photoshop document"),
    (b"\0\0\1\0\1\0", "a Windows icon"),
    (b"icns\0\1", "an Apple icon"),
    (b"\x01\xda\1\1", "an SGI picture"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (b"\1\0\0\0" + bytes(36) + b" EMF", "a Windows metafile"),
    (b"\xd7\xcd\xc6\x9a\0\0", "a Windows metafile"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"P6\n5 7\n255\n", "a PNM picture"),
    (b"\0\0\0\1\x67", "a bare H.264 or HEVC stream"),
    ("Grüße".encode(), "text"),
    (bytes(range(128, 192)), "no"),
]


@pytest.mark.parametrize("sniffer", [sniff_clip, lambda head: sniff(memoryview(head))], ids=["clip", "photo"])
@pytest.mark.parametrize(("head", "words"), STRANGERS)
def test_a_stranger_is_refused_by_its_name_whatever_it_was_submitted_as(sniffer, head, words):
    with pytest.raises(Rejected, match=f"This looks like {words}") as refused:
        sniffer(head)

    assert refused.value.code == "unknown_format"
