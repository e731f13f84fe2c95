"""Clips of frames that a test chose."""

import struct

import cv2
import numpy as np

ACCURATE = "flags=accurate_rnd+full_chroma_int+full_chroma_inp"  # of ffmpeg's scaler: slow and right
BT709 = ("-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")


def scene(height, width, seed=3):
    """Texture of every scale and many colours, as a photo has them."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for octave in range(1, 8):
        grid = random.normal(size=(2**octave + 1, 2**octave + 1, 3))
        grid = 0.7 * grid[:, :, :1] + 0.3 * grid
        picture += 75 * 0.6**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + 120, 0, 255).astype(np.uint8)


def panned(height, width, count):
    """Frames of a camera that moves over a scene."""
    whole = scene(height + 2 * count, width + 4 * count)
    return [np.ascontiguousarray(whole[2 * n : 2 * n + height, 4 * n : 4 * n + width]) for n in range(count)]


def record(ffmpeg, file, frames, rate=10):
    """A clip of (h, w, 3) RGB frames, without loss but for 4:2:0. The file's suffix says the container."""
    height, width, _ = frames[0].shape
    raw = file.with_suffix(".rgb")
    raw.write_bytes(b"".join(np.ascontiguousarray(frame) for frame in frames))
    taken = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", raw)
    stored = f"scale={ACCURATE}+area:out_color_matrix=bt709:out_range=tv,format=yuv420p"
    ffmpeg(*taken, "-vf", stored, *BT709, "-c:v", "ffv1", file)
    return file


def play(ffmpeg, file, height, width, *options):
    """The frames of a file in RGB, (n, height, width, 3), as ffmpeg shows them at its best."""
    shown = f"scale={ACCURATE}+bilinear:in_color_matrix=bt709:in_range=tv:out_range=pc,format=rgb24"
    raw = ffmpeg(*options, "-i", file, "-vf", shown, "-f", "rawvideo", "pipe:1")
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def with_matrix(file, a, b, c, d):
    """Give an MP4 another display matrix, the four numbers of which are in 1/65536."""
    data = bytearray(file.read_bytes())
    at = data.index(b"tkhd") + 44  # after version and flags, times, layer and volume
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    file.write_bytes(data)
