"""What an upload may cost. Each limit is a setting, and each has its own error code."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on one photo or clip, checked from its header before any decoder sees it.

    The defaults and the public bars they were chosen against are in ARCHITECTURE.md.
    """

    photo_bytes: int = 50 * MIB
    pixels: int = 100_000_000
    jpeg_pixels: int = 200_000_000  # decoded at a fraction of its scale, so it may be larger
    side: int = 32_767
    webp_side: int = 16_383  # the format's own
    frames: int = 1_000
    animation_pixels: int = 1_000_000_000
    jpeg_scans: int = 100
    icc_bytes: int = 1 * MIB
    exif_bytes: int = 64 * 1024
    photo_cpu_seconds: int = 10
    photo_wall_seconds: int = 20
    photo_memory_bytes: int = 1024 * MIB  # growth of the address space above what the libraries take
    clip_bytes: int = 300 * MIB
    clip_file_bytes: int = 1024 * MIB  # of one that is made of it: ten minutes of the largest rung have up to 375 MB
    clip_seconds: int = 600
    clip_long_side: int = 7_680  # of a frame, whichever way it lies: 8K
    clip_short_side: int = 4_320
    clip_frames_per_second: int = 240  # on average
    clip_frames: int = 36_000  # as claimed, and counted again while they are decoded: ten minutes of 60 a second
    clip_streams: int = 16
    clip_stall_seconds: int = 30  # without progress: then it is killed
    # Measured on one core of an AMD EPYC, in CPU seconds a second of the clip, with the standard ladder: 3.4 of a
    # phone's 1080p, 4.6 of 4K at 60 frames, 10 of 8K. With 20 the first two pass on a machine three times slower, and
    # what is small is ended soon.
    clip_cpu_base_seconds: int = 60  # of one ffmpeg process, whatever the clip's length
    clip_cpu_per_second: int = 20  # more for each second of the clip
    clip_cpu_seconds: int = 12_060  # at most
    clip_wall_base_seconds: int = 600  # ten times its CPU: a clip stands back behind everything else
    clip_wall_per_second: int = 60
    clip_wall_seconds: int = 18_000  # at most, and of all of a clip
    clip_memory_bytes: int = 2048 * MIB  # address space of one ffmpeg process
    clip_alloc_bytes: int = 512 * MIB  # of one piece: an 8K frame of 16 bits a sample has 265 MB
    clip_niceness: int = 19  # of nice(2), for all that renders clips; 1 on a host that has nothing else to do
