"""A head whose hands try one way out: `attempting_head.py photo|clip "WAY ARGUMENT"`. It tells how that was refused."""

import os
import sys
import tempfile
from pathlib import Path

from config import Limits
from pipeline.scratch import Scratch
from pipeline.services import ClipRequest, Edits
from workers.hands import ClipHands, PhotoHands
from workers.start import begin

HERE = Path(__file__).parent
OPTIONS = {"jobs": 1, "memory_bytes": 1 << 30}


def ask_photos(order):
    hands = PhotoHands(Limits(), command=(sys.executable, "-s", str(HERE / "hostile_renderer.py")), **OPTIONS)
    return hands.render(order.encode(), "standard", Edits(), lambda: None)


def ask_clips(order):
    command = (sys.executable, "-s", str(HERE / "hostile_clip_renderer.py"))
    with tempfile.TemporaryDirectory() as folder, Scratch.opened(Path(folder), 0) as scratch, scratch.job() as job:
        (job / "original").write_text(order)
        hands = ClipHands(Limits(), scratch.folder, command=command, **OPTIONS)
        request = ClipRequest(folder=job, ladder="standard", edits=Edits())
        return hands.render(request, lambda part: None, lambda progress=None: None)


if __name__ == "__main__":
    begin()
    ask = {"photo": ask_photos, "clip": ask_clips}[sys.argv[1]]
    way = sys.argv[2].replace("HEAD", str(os.getpid()))
    sys.stdout.write(str(ask(f"attempt {way}").facts["refusal"]))
