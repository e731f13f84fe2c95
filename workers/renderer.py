"""The hands of photos: a process that turns a stranger's photo into renditions and can reach nothing else.

    python -m workers.renderer SOCKET LIMITS STAGE ORIGINAL RESULT

All but LIMITS, which is `config.Limits` as JSON, are descriptors inherited from the head (see `workers.wire`). It
reports what the machine let it give up, then answers one request after another until the head closes the socket.
What is neither the photo's fault nor known as ours ends it: the head tells the cause from its exit status, and starts
another.
"""

import json
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

from config import LADDERS, Limits, PhotoPreset
from jobs.errors import InternalError, Rejected
from pipeline.services import Edits, Rendered
from pipeline.verify import UncleanRenditionError
from workers import wire
from workers.confined import Loaded, serve
from workers.sandbox import photo_confinement

Render = Callable[[bytes, Sequence[PhotoPreset], Limits, Edits], Rendered]


def main(arguments: Sequence[str], load: Callable[[], Render], libraries: Callable[[], Mapping[str, str]]) -> int:
    """Serve with the renderer that `load` makes of `libraries`, versions by name. Returns the exit status."""
    connection, limits = socket.socket(fileno=int(arguments[0])), Limits(**json.loads(arguments[1]))
    stage, original, result = map(int, arguments[2:])

    def load_answer() -> Loaded:
        render = load()
        return Loaded(answer=lambda request: answer(request, render, limits, original, result), libraries=libraries())

    return serve(connection, stage, photo_confinement(limits), load_answer)


def answer(request: wire.Message, render: Render, limits: Limits, original: int, result: int) -> wire.Message:
    """Render the photo that lies in the memory file `original` and leave its renditions in `result`."""
    try:
        data, ladder, edits = wire.read_request(request, original)
        return wire.rendered_answer(render(data, LADDERS[ladder], limits, edits), result)
    except Rejected as rejected:
        return wire.rejected_answer(rejected)
    except UncleanRenditionError as error:
        return wire.unavailable_answer(InternalError(f"a rendition of ours is unclean: {error}"))


def load_photo() -> Render:
    """`pipeline.edit.render_edited`, warm: its kernels compiled, its tables built, one thread a library."""
    from pipeline.edit import render_edited  # noqa: PLC0415 - its libraries may start threads
    from pipeline.warm import warm  # noqa: PLC0415

    warm()
    return render_edited


def load_libraries() -> Mapping[str, str]:
    """What decodes photos here."""
    from pipeline.libraries import photo_versions  # noqa: PLC0415 - as above

    return photo_versions()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], load_photo, load_libraries))
