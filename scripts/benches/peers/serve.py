"""The loop of a contender that is written in Python. Imports nothing of Darkroom: peers have their own interpreter."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def serve(job: Callable[[bytes], Mapping[str, bytes]]) -> None:
    """Answer requests until standard input ends.

    A request is `{"photo": path, "out": folder or null}`: do the job on the photo's bytes, and keep the renditions by
    name if a folder is given. The answer has the CPU milliseconds of the process with all of its threads, the bytes of
    all renditions, and the most memory the process ever held.
    """
    for line in sys.stdin:
        request = json.loads(line)
        data = Path(request["photo"]).read_bytes()
        start = time.process_time()
        renditions = job(data)
        cpu_ms = 1000 * (time.process_time() - start)
        if request["out"]:
            for name, rendition in renditions.items():
                Path(request["out"], f"{name}.jpg").write_bytes(rendition)
        size = sum(len(rendition) for rendition in renditions.values())
        print(json.dumps({"cpu_ms": cpu_ms, "bytes": size, "peak_rss_mb": peak_rss_mb()}), flush=True)


def peak_rss_mb() -> float:
    """Of this program alone; getrusage() would count the one that started it too."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024
