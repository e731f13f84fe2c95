"""Judge files as a renderer would, under its limits, a line of JSON for each: run by test_corpus_hostile.py.

python judge_hostile.py FILE ...
"""

import json
import resource
import sys
import time
from pathlib import Path

import psutil

from config import Limits
from jobs.errors import Rejected
from pipeline.color import to_srgb
from pipeline.decode import decode
from pipeline.headers import read_header


def judge(data: bytes, limits: Limits) -> str:
    """The code of the rejection, or `accepted`."""
    try:
        header = read_header(data, limits)
        picture = decode(data, header, scale=min(1.0, 1080 / header.width))
        to_srgb(picture.pixels, picture.profile)
    except Rejected as rejection:
        return rejection.code
    return "accepted"


def main(files: list[str]) -> None:
    limits = Limits()
    space = psutil.Process().memory_info().vms + limits.photo_memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for file in files:
        used = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + limits.photo_cpu_seconds + 1, resource.RLIM_INFINITY))
        verdict = judge(Path(file).read_bytes(), limits)
        seconds = time.process_time() - used
        line = {"file": Path(file).name, "verdict": verdict, "cpu_seconds": seconds}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


main(sys.argv[1:])
