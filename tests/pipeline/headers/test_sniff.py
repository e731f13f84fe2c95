"""The type is told from the bytes alone; what is not a photo is refused with a code that says so."""

import pytest

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import Format, read_header
from tests.pipeline.headers import making

FTYP = b"\0\0\0\x18ftyp"
CLIPS = {
    "mp4": FTYP + b"isom\0\0\2\0isomiso2",
    "quicktime": FTYP + b"qt  \0\0\2\0qt  \0\0\0\0",
    "quicktime of the nineties": b"\0\0\1\0moov" + bytes(16),
    "matroska": b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f",
    "avi": b"RIFF\0\1\0\0AVI LIST",
    "transport stream": (b"\x47" + bytes(187)) * 4,
    "m2ts": (bytes(4) + b"\x47" + bytes(187)) * 4,
}
STRANGERS = {
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "SVG after blank lines": b"\n\n <svg/>",
    "SVG in UTF-16": "\ufeff<svg/>".encode("utf-16-le"),
    "HTML": b"<!doctype html>",
    "playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd",
    "concat script": b"ffconcat version 1.0\nfile other.mp4",
    "PDF": b"%PDF-1.7",
    "Photoshop": b"8BPS\0\1",
    "icon": b"\0\0\1\0\1\0",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "JPEG XL": b"\xff\x0a\xfa",
    "SGI": b"\x01\xda\1\1",
    "metafile": b"\xd7\xcd\xc6\x9a\0\0",
    "raw photo": FTYP + b"crx \0\0\0\1crx isom",
    "one byte": b"\xff",
    "nothing in particular": b"\0" * 64,
    "text": b"hello",
    "truncated transport stream": (b"\x47" + bytes(187)) * 3,
}


@pytest.mark.parametrize("kind", making.EVERY_FORMAT)
def test_a_photo_is_known_by_its_bytes(kind):
    header = read_header(making.EVERY_FORMAT[kind], Limits())

    assert header.format in [Format(name) for name in kind.split() if name in list(Format)]
    assert (header.width, header.height) == (7, 5)


@pytest.mark.parametrize("kind", making.EVERY_FORMAT)
def test_a_view_of_the_bytes_is_as_good_as_the_bytes(kind):
    photo = making.EVERY_FORMAT[kind]

    assert read_header(memoryview(bytearray(photo)), Limits()) == read_header(photo, Limits())


@pytest.mark.parametrize("kind", CLIPS)
def test_a_clip_is_refused_as_a_clip(kind):
    with pytest.raises(Rejected) as refusal:
        read_header(CLIPS[kind], Limits())

    assert refusal.value.code == "video_not_photo"


@pytest.mark.parametrize("kind", STRANGERS)
def test_anything_else_is_refused_as_unknown(kind):
    with pytest.raises(Rejected) as refusal:
        read_header(STRANGERS[kind], Limits())

    assert refusal.value.code == "unknown_format"


def test_the_refusal_names_what_was_sent_and_what_is_taken():
    with pytest.raises(Rejected, match=r"a PDF document; .*jpeg.*avif"):
        read_header(b"%PDF-1.7", Limits())


@pytest.mark.parametrize("brand", [b"mif1", b"heix", b"avis", b"msf1"])
def test_a_photo_is_known_by_a_compatible_brand_too(brand):
    photo = making.heif([(b"av01", b"coded", [making.ispe(7, 5)])], brand=brand)

    assert read_header(photo.replace(b"ftyp" + brand, b"ftypisom", 1), Limits()).format is Format.AVIF


def test_a_heif_is_named_by_its_codec_and_not_by_its_brand():
    assert read_header(making.heif([(b"av01", b"x", [making.ispe(7, 5)])], brand=b"heic"), Limits()).format == "avif"
    assert read_header(making.heif([(b"hvc1", b"x", [making.ispe(7, 5)])], brand=b"avif"), Limits()).format == "heic"
