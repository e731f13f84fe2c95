"""How many frames can be decoded of a clip, whatever its container claims."""

from pathlib import Path

from config import Limits
from jobs.errors import Rejected
from pipeline.clip.ffmpeg import run, safe_input
from pipeline.clip.model import Source


def check_decoded(source: Source, limits: Limits, folder: Path) -> None:
    """Raise Rejected `too_many_frames` if more can be decoded than are taken. What comes after one more is not decoded.

    Costs as much as the clip is long. Every run leaves out what is too much, so it is asked only where frames are
    missing in the end.
    """
    options = safe_input(source.demuxer, limits)
    counted = ("-map", f"0:{source.video.index}", "-vf", f"trim=end_frame={limits.clip_frames + 1}")
    command = ["-v", "error", *options, "-i", str(source.file), *counted, "-fps_mode", "passthrough", "-f", "null", "-"]
    if run(command, limits, folder=folder).frames > limits.clip_frames:
        raise Rejected("too_many_frames", f"More than {limits.clip_frames} frames can be decoded, which is the limit.")
