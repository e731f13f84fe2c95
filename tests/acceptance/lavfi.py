"""Small clips made by code, each once a session."""

import subprocess
from functools import cache


@cache
def sample_clip(seconds: float, width: int = 640, height: int = 360) -> bytes:
    """A test card with a tone, H.264 and AAC in MP4."""
    command = [
        *("ffmpeg", "-v", "error", "-nostdin"),
        *("-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=30:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"),
        *("-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "pipe:1"),
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout
