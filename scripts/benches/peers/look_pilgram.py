"""The looks of pilgram, or of its continuation pilgram2: the recipes of CSSgram on Pillow's images."""

import sys
from collections.abc import Callable
from importlib import import_module

import numpy as np
from PIL import Image

from scripts.benches.peers.serve_looks import serve_looks

Look = Callable[[Image.Image], Image.Image]

if __name__ == "__main__":
    package = import_module(sys.argv[1])

    def find(name: str) -> Look | None:
        """The package's function of the look's name."""
        return getattr(package, f"_{name}" if name[0].isdigit() else name, None)

    serve_looks(find, Image.fromarray, lambda image: np.asarray(image.convert("RGB")))
