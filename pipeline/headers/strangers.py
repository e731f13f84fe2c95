"""What a person most likely sent instead of a photo or a clip. Only for the message: none of these is ever opened."""

TEXT_BYTES = 512  # that are looked at to tell a text
BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
METAFILE = b" EMF"  # at byte 40 of an enhanced metafile

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"\0\0\2\0", "a Windows cursor"),
    (b"icns", "an Apple icon"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"II\xbc", "a JPEG XR picture"),
    (b"\x8aMNG", "an MNG animation"),
    (b"\x8bJNG", "a JNG picture"),
    (b"\x01\xda", "an SGI picture"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"\x01\0\x09\0", "a Windows metafile"),
    (b"\x59\xa6\x6a\x95", "a Sun raster picture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?R", "a Radiance picture"),
    (b"DDS ", "a DirectDraw texture"),
    (b"SIMPLE  =", "a FITS picture"),
    (b"FUJIFILM", "a raw photo, which must be developed first"),
    (b"FOVb", "a raw photo, which must be developed first"),
    (b"IIRO", "a raw photo, which must be developed first"),
    (b"IIRS", "a raw photo, which must be developed first"),
    (b"IIU\0", "a raw photo, which must be developed first"),
    (b"AT&TFORM", "a DjVu document"),
    (b"FLV\x01", "a Flash video"),
    (b"FWS", "a Flash film"),
    (b"CWS", "a Flash film"),
    (b"ZWS", "a Flash film"),
    (bytes.fromhex("3026b2758e66cf11"), "a Windows Media file"),
    (b"\0\0\1\xba", "an MPEG program stream"),
    (b"\0\0\1\xb3", "a bare MPEG stream"),
    (b"\0\0\0\1", "a bare H.264 or HEVC stream"),
    (b".RMF", "a RealMedia file"),
    (b"OggS", "an Ogg file"),
    (b"\x06\x0e\x2b\x34", "an MXF file"),
    (b"DKIF", "a bare VP8, VP9 or AV1 stream"),
    (b"YUV4MPEG2", "a raw video"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)

TEXTS: tuple[tuple[str, str], ...] = (
    ("%PDF", "a PDF document"),
    ("%!PS", "a PostScript document"),
    ("#EXTM3U", "a playlist"),
    ("ffconcat", "a playlist"),
    ("[playlist]", "a playlist"),
    ("RTSPtext", "a playlist"),
    ("v=0", "a session description"),
    ("WEBVTT", "subtitles"),
    ("1\n00:", "subtitles"),
    ("1\r\n00:", "subtitles"),
    ("[Script Info]", "subtitles"),
    ("<", "an SVG, HTML or XML document"),
    ("/* XPM */", "an XPM picture"),
    ("#define", "an XBM picture"),
    ("P1\n", "a PNM picture"),
    ("P2\n", "a PNM picture"),
    ("P3\n", "a PNM picture"),
    ("P4\n", "a PNM picture"),
    ("P5\n", "a PNM picture"),
    ("P6\n", "a PNM picture"),
    ("P7\n", "a PNM picture"),
)


def stranger(head: bytes, otherwise: str) -> str:
    """What a file that begins with `head` looks like."""
    text = as_text(head[:TEXT_BYTES])
    known = next((name for sign, name in SIGNATURES if head.startswith(sign)), None)
    known = known or next((name for sign, name in TEXTS if text.startswith(sign)), None)
    if known is None and head[40:44] == METAFILE:
        return "a Windows metafile"
    return known or ("text" if text and is_printable(text) else otherwise)


def as_text(head: bytes) -> str:
    """The beginning of a text, if it is one, whatever it is written in; without what stands before its first word."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace").lstrip()
    return head.decode("utf-8", "replace").lstrip()


def is_printable(text: str) -> bool:
    """Whether it is made of letters and spaces; what was cut off in its middle may end in half a letter."""
    return all((c.isprintable() or c.isspace()) and c != "\N{REPLACEMENT CHARACTER}" for c in text[:-1])
