"""The hands of clips: a process that turns a stranger's clip into renditions and can reach nothing else.

    python -m workers.clip_renderer SOCKET LIMITS STAGE FOLDER

SOCKET and STAGE are descriptors inherited from the head (see `workers.clip_wire`), LIMITS is `config.Limits` as JSON.
It does as `workers.renderer`, but originals and results are files in a folder of the job's own inside FOLDER, and while
it works it tells how far it is. The programs that it starts are confined as it is, and end with it.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from config import CLIP_LADDERS, ClipLadder, Limits
from jobs.errors import DiskShort, InternalError, Rejected, Unavailable
from pipeline.clip.model import RenderedClip
from pipeline.scratch import FULL
from pipeline.services import Edits
from pipeline.verify import UncleanRenditionError
from workers import clip_wire, wire
from workers.confined import Loaded, serve
from workers.sandbox import clip_confinement

REPORT_SECONDS = 0.5  # between two reports of progress

Report = Callable[[float], None]
PublishPart = Callable[[RenderedClip], None]
Render = Callable[[Path, ClipLadder, Limits, Edits, tuple[str, ...], Report, PublishPart], RenderedClip]


def main(arguments: Sequence[str], load: Callable[[], Render], libraries: Callable[[], Mapping[str, str]]) -> int:
    """Serve with the renderer that `load` makes of `libraries`, versions by name. Returns the exit status."""
    connection, limits = socket.socket(fileno=int(arguments[0])), Limits(**json.loads(arguments[1]))

    def load_answer() -> Loaded:
        render = load()
        return Loaded(answer=lambda request: answer(request, render, limits, connection), libraries=libraries())

    return serve(connection, int(arguments[2]), clip_confinement(limits, Path(arguments[3])), load_answer)


def answer(message: wire.Message, render: Render, limits: Limits, connection: socket.socket) -> wire.Message:
    """Render the clip of the folder that the message names, and leave its renditions in `out`."""

    def publish_part(part: RenderedClip) -> None:
        wire.send(connection, {"part": clip_wire.rendered_answer(part)})

    try:
        asked = clip_wire.read_request(message)
        ladder, report = CLIP_LADDERS[asked.ladder], Reporter(connection)
        rendered = render(asked.folder, ladder, limits, asked.edits, asked.mandatory, report, publish_part)
        return clip_wire.rendered_answer(rendered)
    except Rejected as rejected:
        return wire.rejected_answer(rejected)
    except Unavailable as unavailable:
        return wire.unavailable_answer(unavailable)
    except UncleanRenditionError as error:
        return wire.unavailable_answer(InternalError(f"a rendition of ours is unclean: {error}"))
    except OSError as error:
        if error.errno not in FULL:
            raise
        return wire.unavailable_answer(DiskShort(f"the disk became full: {error}"))


class Reporter:
    """Tells the head how far the clip is, as often as somebody may want to know."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._due_at = 0.0

    def __call__(self, progress: float) -> None:
        """`progress` is the share that is done, 0 to 1."""
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + REPORT_SECONDS
            wire.send(self._connection, {"progress": min(1.0, max(0.0, float(progress)))})


def load_clip() -> Render:
    """`pipeline.clip.render.render_clip`, warm, as `workers.renderer.load_photo`: it has a photo made of a clip too."""
    from pipeline.clip.render import render_clip  # noqa: PLC0415 - its libraries may start threads
    from pipeline.warm import warm  # noqa: PLC0415

    warm()
    return render_clip


def load_libraries() -> Mapping[str, str]:
    """What decodes clips here."""
    from pipeline.libraries import clip_versions  # noqa: PLC0415 - as above

    return clip_versions()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], load_clip, load_libraries))
