"""Looking again and again, from a thread beside, while something goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def looking(look: Callable[[], None], every_seconds: float) -> Iterator[None]:
    """Call `look` so often while the context lasts; never after it."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every_seconds):
            look()

    watcher = threading.Thread(target=watch, name="looking", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
