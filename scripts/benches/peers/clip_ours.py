"""Darkroom's clip job, as its clip renderer does it: from the original in a folder to everything that is stored."""

import shutil
import sys
from pathlib import Path

from config import CLIP_LADDERS, Limits
from filters.recipe import LookChoice, Recipe
from pipeline.clip.render import render_clip
from pipeline.scratch import ORIGINAL, OUT
from pipeline.services import Edits
from pipeline.warm import warm
from scripts.benches.peers.serve_clips import serve_clips

LADDER = CLIP_LADDERS["standard"]
LIMITS = Limits()


def prepare(clip: Path, out: Path) -> None:
    """Lay the original down, as the head does."""
    shutil.copyfile(clip, out / ORIGINAL)
    (out / OUT).mkdir()


def make(out: Path, edits: Edits) -> dict[str, Path]:
    """Rungs, playlists, poster with its renditions, preview, strip, facts, and the check of what was made."""
    rendered = render_clip(out, LADDER, LIMITS, edits, (), lambda _: None, lambda _: None)
    return {file.name: out / OUT / file.file for file in rendered.files}


if __name__ == "__main__":
    warm()
    edits = Edits(recipe=Recipe(look=LookChoice(name=sys.argv[1]) if sys.argv[1:] else None))
    serve_clips(lambda _, out: make(out, edits), prepare)
