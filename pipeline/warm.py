"""`python -m pipeline.warm`: compile the kernels once, so that no job and no first user waits for it.

numba keeps what it compiled beside the source (`__pycache__`), which suits a checkout; where that cannot be written, in
the user's own `~/.cache`; or where NUMBA_CACHE_DIR says, which an installation that is read-only to its user sets. It
compiles again when a kernel's file or the processor changes.
"""

import codecs
import sys
import threading
import time

TELL_AFTER_SECONDS = 2.0
ENCODINGS = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-be", "utf-16-le")  # of texts in headers and profiles
SLIDERS = ("lux", "structure", "brightness", "contrast", "warmth", "saturation", "fade", "highlights", "shadows")
EVERY_KERNEL = {
    "geometry": {"straighten": 2},
    "look": {"name": "clarendon"},
    "adjustments": {
        **dict.fromkeys((*SLIDERS, "vignette", "sharpen"), 10),
        "tint_shadows": {"colour": "blue"},
        "tint_highlights": {"colour": "yellow"},
        "tilt_shift": {"strength": 10},
    },
}  # a recipe with every tool


def warm() -> None:
    """Make this process ready for photos and clips: kernels compiled or loaded, tables built, one thread a library."""
    import cv2  # noqa: PLC0415 - what is imported here compiles, and `main` wants to tell so
    import numpy as np  # noqa: PLC0415

    from config import LADDERS, Limits  # noqa: PLC0415
    from filters.planes import frame_bytes, planes_of, rgb_of, write_planes  # noqa: PLC0415
    from filters.recipe import parse_recipe  # noqa: PLC0415
    from pipeline.edit import render_edited  # noqa: PLC0415
    from pipeline.services import Edits  # noqa: PLC0415

    cv2.setNumThreads(1)
    load_the_rest()
    _, sample = cv2.imencode(".jpg", np.zeros((300, 400, 3), np.uint8))
    for recipe in ({}, EVERY_KERNEL):
        render_edited(sample.tobytes(), LADDERS["standard"], Limits(), Edits(recipe=parse_recipe(recipe)))
    frame = np.zeros(frame_bytes(2, 2), np.uint8)
    write_planes(rgb_of(frame.tobytes(), 2, 2), planes_of(frame, 2, 2))


def load_the_rest() -> None:
    """What is otherwise loaded by the first photo that needs it: a sandboxed process cannot open its files later."""
    from PIL import Image  # noqa: PLC0415 - as above

    from filters.look import find_look  # noqa: PLC0415
    from filters.recipe import BUILT_IN_LOOKS  # noqa: PLC0415

    Image.preinit()
    for name in BUILT_IN_LOOKS:
        find_look(name)  # which keeps them
    for encoding in ENCODINGS:
        codecs.lookup(encoding)


def main() -> int:
    """Warm up, and say so if it takes long. Returns the exit status."""
    start = time.monotonic()
    notice = threading.Timer(TELL_AFTER_SECONDS, tell, ["Compiling the kernels, once: about half a minute."])
    notice.start()
    warm()
    notice.cancel()
    if time.monotonic() - start > TELL_AFTER_SECONDS:
        tell(f"Compiled in {time.monotonic() - start:.0f} s.")
    return 0


def tell(sentence: str) -> None:
    """Say it to the person who waits."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
