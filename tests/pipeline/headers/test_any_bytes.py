"""Whatever is sent, the answer is a header or a refusal, and it comes soon."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import Header, read_header
from tests.pipeline.headers import making

PHOTOS = sorted(making.EVERY_FORMAT.values())
STARTS = [photo[:size] for photo in PHOTOS for size in (2, 8, 12, 16, 32)]


def read(data: bytes) -> Header | None:
    try:
        return read_header(data, Limits())
    except Rejected:
        return None


def is_refused_or_within_the_limits(data: bytes) -> bool:
    header = read(data)
    return header is None or all(
        (
            0 < header.width <= Limits().side,
            0 < header.height <= Limits().side,
            header.width * header.height <= Limits().jpeg_pixels,
            header.orientation in range(1, 9),
            1 <= header.frames <= Limits().frames,
        )
    )


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_within_the_limits(junk):
    assert is_refused_or_within_the_limits(junk)


@settings(max_examples=300)
@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_random_bytes_behind_a_signature_are_refused_or_within_the_limits(start, junk):
    assert is_refused_or_within_the_limits(start + junk)


@settings(max_examples=500)
@given(st.sampled_from(PHOTOS), st.data())
def test_a_photo_cut_anywhere_is_refused_or_within_the_limits(photo, data):
    assert is_refused_or_within_the_limits(photo[: data.draw(st.integers(0, len(photo)))])


@settings(max_examples=500)
@given(st.sampled_from(PHOTOS), st.data())
def test_a_photo_with_changed_bytes_is_refused_or_within_the_limits(photo, data):
    changed = bytearray(photo)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(photo) - 1))
        changed[at] = data.draw(st.sampled_from((0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)) | st.integers(0, 255))

    assert is_refused_or_within_the_limits(bytes(changed))


@settings(max_examples=300)
@given(st.sampled_from(PHOTOS), st.data())
def test_a_photo_with_a_part_taken_out_or_doubled_is_refused_or_within_the_limits(photo, data):
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(photo))] * 2)))
    assert is_refused_or_within_the_limits(photo[:start] + photo[end:])
    assert is_refused_or_within_the_limits(photo[:end] + photo[start:])


MEGABYTES = 8
REPEATED = {
    "stuffing in a scan": (making.jpeg(kind=0xC2, scans=2, end=b""), b"\xff\0"),
    "filling in a scan": (making.jpeg(kind=0xC2, scans=2, end=b""), b"\xff\xff"),
    "filling before a segment": (b"\xff\xd8", b"\xff\xff"),
    "empty segments": (b"\xff\xd8", b"\xff\xfe\0\2"),
    "segments in a scan": (making.jpeg(kind=0xC2, scans=2, end=b""), b"\xff\xfe\0\2"),
    "empty chunks of a png": (making.png()[:33], making.chunk(b"teXt")),
    "frames of a png": (making.apng(2)[:-12], making.frame_control()),
    "texts of a png": (making.png()[:33], making.chunk(b"zTXt", b"k\0\0" + making.zlib.compress(bytes(9_000)))),
    "empty extensions of a gif": (making.gif(frames=0, end=b""), b"!\xfe\0"),
    "blocks of one byte": (making.gif(frames=0, end=b"!\xfe"), b"\1\1"),
    "frames of a gif": (making.gif(frames=0, end=b""), making.gif_frame()),
    "chunks of a webp": (making.riff(making.vp8x()), b"junk\0\0\0\0"),
    "boxes": (making.heic(), making.box(b"free")),
    "properties": (making.heic()[:-100], making.box(b"irot", b"\1")),
}


@pytest.mark.parametrize("kind", REPEATED)
def test_the_cost_of_a_hostile_file_is_bounded(kind):
    start, part = REPEATED[kind]
    hostile = start + part * (MEGABYTES * (1 << 20) // len(part))
    began = time.process_time()

    read(hostile)

    assert time.process_time() - began < 2.0
