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
    clip_bytes: int = 1024 * MIB
    clip_seconds: int = 600
    clip_pixels: int = 40_000_000  # of one frame: 8K is 33 million
    clip_side: int = 16_384
    clip_streams: int = 16
    clip_stall_seconds: int = 30  # without progress: then it is killed
    clip_wall_seconds: int = 3_600
    clip_cpu_seconds: int = 3_600  # of one ffmpeg process
    clip_memory_bytes: int = 4096 * MIB  # address space of one ffmpeg process
    clip_niceness: int = 19  # of nice(2), for all that renders clips; 1 on a host that has nothing else to do
