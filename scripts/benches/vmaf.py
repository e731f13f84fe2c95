"""How alike a rung and its source look to a person, by VMAF: 95 is hardly distinguishable, 80 good.

Its usual way: the default model, every frame, the rung enlarged to the source's size by bicubic interpolation, which
stands for the player's. The source is upright, and at the rung's frame rate.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

THREADS = 2


def score(program: str, source: Path, rung: Path, size: tuple[int, int], frames_per_second: float) -> float:
    """The mean over all frames. `program` is an ffmpeg with libvmaf, `size` the source's width and height, upright."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "vmaf.json"
        subprocess.run(arguments(program, source, rung, size, frames_per_second, log), check=True)
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def arguments(
    program: str, source: Path, rung: Path, size: tuple[int, int], frames_per_second: float, log: Path
) -> Sequence[str]:
    """The command that leaves the scores in `log`."""
    width, height = size
    alike = f"setpts=PTS-STARTPTS,fps={frames_per_second:g},scale={width}:{height}:flags=bicubic,format=yuv420p"
    graph = f"[0:V:0]{alike}[rung];[1:V:0]{alike}[source];[rung][source]libvmaf=n_threads={THREADS}:log_fmt=json"
    words = ["-nostdin", "-v", "error", "-i", str(rung), "-i", str(source)]
    return [program, *words, "-lavfi", f"{graph}:log_path={log}", "-f", "null", "-"]
