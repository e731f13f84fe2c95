"""A clip stands upright, whichever way it was held, and whatever becomes of its size on the way."""

import subprocess

import numpy as np
import pytest

from config import Limits
from filters.recipe import Cut
from pipeline.clip.arguments import decode_arguments
from pipeline.clip.ffmpeg import capture
from pipeline.clip.plan import plan_span
from pipeline.clip.probe import probe
from tests.pipeline.clip.making import with_matrix

LIMITS = Limits()
ONE = 1 << 16
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-pix_fmt", "yuv420p")
# Four plain quarters of 40, 100, 160 and 220.
QUARTERS = "geq=lum='40+60*gte(X,W/2)+120*gte(Y,H/2)':cb=128:cr=128"
STORED = np.array([[40, 100], [160, 220]])
MATRICES = {
    "as it is": ((ONE, 0, 0, ONE), STORED),
    "clockwise": ((0, ONE, -ONE, 0), np.rot90(STORED, -1)),
    "upside down": ((-ONE, 0, 0, -ONE), np.rot90(STORED, 2)),
    "anticlockwise": ((0, -ONE, ONE, 0), np.rot90(STORED)),
    "flipped": ((ONE, 0, 0, -ONE), STORED[::-1]),
    "mirrored": ((-ONE, 0, 0, ONE), STORED[:, ::-1]),
    "transposed": ((0, ONE, ONE, 0), STORED.T),
    "transposed the other way": ((0, -ONE, -ONE, 0), np.rot90(STORED, 2).T),
}


def luma(file):
    """Every frame's luma as our chain brings it home, (n, h, w)."""
    source = probe(file, LIMITS)
    width, height = source.width, source.height
    arguments = decode_arguments(source, plan_span(source, Cut()), width, height, 10, LIMITS)
    planes = np.frombuffer(capture(arguments, LIMITS, folder=file.parent), np.uint8)
    return planes.reshape(-1, height * 3 // 2, width)[:, :height].astype(int)


def quarters(picture):
    """The tone in the middle of each of its quarters."""
    height, width = picture.shape
    return picture[height // 4 :: height // 2, width // 4 :: width // 2][:2, :2]


@pytest.mark.parametrize("held", MATRICES)
def test_a_clip_stands_as_its_display_matrix_says(held, ffmpeg, tmp_path):
    matrix, upright = MATRICES[held]
    file = tmp_path / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", f"color=black:s=64x32:r=10:d=0.5,{QUARTERS}", *H264, file)
    with_matrix(file, *matrix)

    frames = luma(file)

    assert abs(quarters(frames[0]) - upright).max() <= 2
    shown = ffmpeg("-i", file, "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1")  # turned by ffmpeg
    seen = np.frombuffer(shown, np.uint8).reshape(frames[0].shape).astype(int)
    assert abs(quarters(seen) - (upright - 16) * 255 / 219).max() <= 4


@pytest.mark.parametrize("sizes", [("64x32", "32x16"), ("32x16", "64x32")])
@pytest.mark.parametrize("held", ["clockwise", "upside down", "mirrored"])
def test_a_turned_clip_whose_size_changes_shows_nothing_but_its_pictures(held, sizes, ffmpeg, tmp_path):
    matrix, upright = MATRICES[held]
    parts = []
    for place, size in enumerate(sizes):
        parts.append(tmp_path / f"{place}.h264")
        ffmpeg("-f", "lavfi", "-i", f"color=black:s={size}:r=10:d=1,{QUARTERS}", *H264, parts[-1])
    (tmp_path / "both.h264").write_bytes(b"".join(part.read_bytes() for part in parts))
    file = tmp_path / "clip.mp4"
    ffmpeg("-r", "10", "-i", tmp_path / "both.h264", "-c", "copy", file)
    with_matrix(file, *matrix)

    frames = luma(file)

    assert len(frames) == 20
    assert max(abs(quarters(frame) - upright).max() for frame in frames) <= 4


def test_fields_whose_size_changes_become_whole_frames(ffmpeg, tmp_path):
    parts = []
    for size in ("720x576", "352x288"):
        parts.append(tmp_path / f"{size}.h264")
        grey = ("-f", "lavfi", "-i", f"color=gray:s={size}:r=25:d=1")
        ffmpeg(*grey, *H264, "-flags", "+ildct+ilme", "-x264-params", "tff=1", parts[-1])
    (tmp_path / "both.h264").write_bytes(b"".join(part.read_bytes() for part in parts))
    ffmpeg("-r", "25", "-i", tmp_path / "both.h264", "-c", "copy", tmp_path / "clip.mp4")
    field_order = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=field_order", "-of", "csv=p=0", tmp_path / "clip.mp4"],
        capture_output=True, check=True, text=True,
    ).stdout.strip()  # fmt: skip

    assert field_order in ("tt", "tb")
    frames = luma(tmp_path / "clip.mp4")
    assert len(frames) == 20
    assert abs(frames - 126).max() <= 3
