"""The loop of a contender that draws looks. Imports nothing of Darkroom: peers have their own interpreter."""

import json
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Picture = TypeVar("Picture")


def serve_looks(
    find: Callable[[str], Callable[[Picture], Picture] | None],
    take: Callable[[Pixels], Picture],
    give: Callable[[Picture], Pixels],
) -> None:
    """Answer requests until standard input ends.

    A request is `{"look": name, "picture": path, "out": path or null}`; pictures are .npy files of (h, w, 3) uint8.
    `find` gives a look as a function on pictures in the contender's own form, or None if it has no such look; `take`
    and `give` change between that form and pixels. The answer has the CPU milliseconds of the look alone, null if
    there is none.
    """
    read = lru_cache(maxsize=4)(lambda path: take(np.load(path)))
    for line in sys.stdin:
        print(json.dumps({"cpu_ms": _answer(json.loads(line), find, read, give)}), flush=True)


def _answer(
    request: dict[str, Any],
    find: Callable[[str], Callable[[Picture], Picture] | None],
    read: Callable[[str], Picture],
    give: Callable[[Picture], Pixels],
) -> float | None:
    look, picture = find(request["look"]), read(request["picture"])
    if look is None:
        return None
    start = time.process_time()
    drawn = look(picture)
    cpu_ms = 1000 * (time.process_time() - start)
    if request["out"]:
        np.save(request["out"], give(drawn))
    return cpu_ms
