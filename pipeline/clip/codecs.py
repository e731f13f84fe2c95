"""What a stream is called in a playlist, read from the configuration of its decoder.

Source: RFC 6381; ISO/IEC 14496-15, annex E (H.264, HEVC); "AV1 Codec ISO Media File Format Binding", section 5.
"""

from pipeline.clip.boxes import inner_boxes
from pipeline.headers.boxes import Box, Fields
from pipeline.verify import UncleanRenditionError

VIDEO_ENTRY, SOUND_ENTRY = 78, 28  # bytes before the boxes of a sample entry: ISO/IEC 14496-12, 12.1.3 and 12.2.3
CONFIGURATIONS = {b"avc1": b"avcC", b"hvc1": b"hvcC", b"av01": b"av1C", b"mp4a": b"esds"}
ES, DECODER, SPECIFIC = 3, 4, 5  # tags of descriptors: ISO/IEC 14496-1, 7.2.2.1


def codec_string(entry: Box) -> str:
    """The name of the codec of a sample entry, such as `avc1.64001f`.

    Raises:
        UncleanRenditionError: we make no such codec, or its configuration is missing.
    """
    data = configuration(entry)
    match entry.kind:
        case b"avc1":
            return f"avc1.{data[1]:02x}{data[2]:02x}{data[3]:02x}"
        case b"hvc1":
            return hevc_string(data)
        case b"av01":
            return f"av01.{data[1] >> 5}.{data[1] & 31:02d}{'MH'[data[2] >> 7]}.08"
        case _:
            return f"mp4a.{aac_numbers(data)}"


def configuration(entry: Box) -> memoryview:
    """What the decoder of a sample entry is told beforehand. Raises UncleanRenditionError if that is nothing."""
    head = SOUND_ENTRY if entry.kind == b"mp4a" else VIDEO_ENTRY
    wanted = CONFIGURATIONS.get(entry.kind)
    found = next((box.body for box in inner_boxes(entry.body[head:]) if box.kind == wanted), None)
    if found is None:
        raise UncleanRenditionError(f"A stream {entry.kind!r} is none that we make, or lacks its configuration.")
    return found


def hevc_string(data: memoryview) -> str:
    """Profile, compatibility (its bits the other way round), tier and level, and its constraints up to the last."""
    general = data[1]
    space = ("", "A", "B", "C")[general >> 6]
    compatible = int(f"{int.from_bytes(data[2:6], 'big'):032b}"[::-1], 2)
    tier = "H" if general & 0x20 else "L"
    constraints = [f".{byte:X}" for byte in bytes(data[6:12]).rstrip(b"\0")]
    return f"hvc1.{space}{general & 31}.{compatible:X}.{tier}{data[12]}{''.join(constraints)}"


def aac_numbers(data: memoryview) -> str:
    """The kind of object and of audio object: `40.2` for AAC-LC."""
    fields = Fields(data)
    fields.take(4)  # version and flags
    _enter(fields, ES)
    fields.take(3)  # its number, and flags that are zero
    _enter(fields, DECODER)
    kind = fields.take(1)
    fields.take(12)  # buffers and bit rates
    _enter(fields, SPECIFIC)
    return f"{kind:x}.{fields.take(1) >> 3}"


def _enter(fields: Fields, tag: int) -> None:
    """Go into the descriptor that is next; its length is told in sevens of bits."""
    if fields.take(1) != tag:
        raise UncleanRenditionError(f"The sound's configuration lacks its descriptor {tag}.")
    while fields.take(1) & 0x80:
        pass
