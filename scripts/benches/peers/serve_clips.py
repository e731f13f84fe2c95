"""The loop of a contender that makes clips. Imports nothing of Darkroom: peers have their own interpreter."""

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Job = Callable[[Path, Path], Mapping[str, Path]]


def serve_clips(job: Job, prepare: Callable[[Path, Path], object] | None = None) -> None:
    """Answer requests until standard input ends.

    A request is `{"clip": path, "out": folder}`: make of the clip what the contender makes, into the empty folder.
    `prepare` gets both beforehand, for what is not to be counted. The answer has the CPU seconds of this process
    alone and of the programs that it ran, and what was made, by name.
    """
    for line in sys.stdin:
        request = json.loads(line)
        clip, out = Path(request["clip"]), Path(request["out"])
        if prepare:
            prepare(clip, out)
        own, run = cpu_seconds(resource.RUSAGE_SELF), cpu_seconds(resource.RUSAGE_CHILDREN)
        made = job(clip, out)
        answer = {
            "own_seconds": cpu_seconds(resource.RUSAGE_SELF) - own,
            "run_seconds": cpu_seconds(resource.RUSAGE_CHILDREN) - run,
            "made": {name: str(file) for name, file in made.items()},
        }
        print(json.dumps(answer), flush=True)


def cpu_seconds(whose: int) -> float:
    """User and system time of this process, or of those that it has waited for and theirs."""
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime
