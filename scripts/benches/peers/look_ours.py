"""Our looks, compiled before they are timed, as a worker's hands run them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from filters.compile import compile_recipe
from filters.recipe import LookChoice, Recipe
from pipeline.warm import warm
from scripts.benches.peers.serve_looks import serve_looks

Pixels = NDArray[np.uint8]


def find(name: str) -> Callable[[Pixels], Pixels]:
    """The look's program."""
    return compile_recipe(Recipe(look=LookChoice(name=name))).apply


if __name__ == "__main__":
    warm()
    serve_looks(find, np.ascontiguousarray, np.ascontiguousarray)
