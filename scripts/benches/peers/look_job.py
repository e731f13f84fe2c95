"""The standard photo job, with a look and without."""

import json
import sys
import time
from pathlib import Path

from config import LADDERS, Limits
from filters.compile import compile_recipe
from filters.recipe import LookChoice, Recipe
from pipeline.photo import render_photo
from pipeline.warm import warm

LADDER = LADDERS["standard"]
LIMITS = Limits()


def cpu_ms(photo: str, look: str | None) -> float:
    """The CPU milliseconds of one job. Its program is compiled before, as a busy worker finds it."""
    program = compile_recipe(Recipe(look=LookChoice(name=look) if look else None))
    data = Path(photo).read_bytes()
    start = time.process_time()
    render_photo(data, LADDER, LIMITS, program)
    return 1000 * (time.process_time() - start)


if __name__ == "__main__":
    warm()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"cpu_ms": cpu_ms(request["photo"], request["look"])}), flush=True)
