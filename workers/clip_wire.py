"""What passes between a head and the hands of clips: JSON packets, and files in a folder of the job's own.

    head   {"folder", "ladder", "recipe", "mandatory"}, the bytes of a look of one's own in `folder/look`
    hands  {"progress": 0.42} now and then, {"part": {...}} at most once and only if something is mandatory, then the
           whole, or why there is none

The head opened `folder/out` before the hands were asked and looks files up in that very folder, without following
links, and what it writes are new files: what the hands move or link meanwhile leads it nowhere. As in `workers.wire` it
believes nothing that it has not checked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from config import ClipLadder
from filters.recipe import canonical
from jobs.errors import DiskShort, InternalError, Rejected, Unavailable
from jobs.recipes import read_recipe
from pipeline.clip.ffmpeg import EncoderDied
from pipeline.clip.model import ClipFile, RenderedClip
from pipeline.openfile import new_file, opened_file, opened_folder
from pipeline.services import ClipRequest, Edits
from workers import wire

LOOK = "look"
FILE = re.compile(r"([0-9a-f]{32})\.([a-z0-9]{1,8})")  # the first digits of its content's SHA-256
GIB = 1 << 30
FAILURES = {kind.code: kind for kind in (DiskShort, EncoderDied, InternalError)}  # that hands survive


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a rendition of a name is."""

    content_type: str
    extension: str
    most_bytes: int = 16 << 20


VIDEO = Kind(content_type="video/mp4", extension="mp4", most_bytes=2 * GIB)
PLAYLIST = Kind(content_type="application/vnd.apple.mpegurl", extension="m3u8")
PICTURE = Kind(content_type="image/jpeg", extension="jpg")
CUES = Kind(content_type="text/vtt", extension="vtt")


def request(asked: ClipRequest) -> wire.Message:
    """The head's message for one clip; the bytes of its look go into its folder, as a new file.

    Raises OSError if something lies there by that name: hands that were taken over may have put it.
    """
    with opened_folder(asked.folder) as folder, FileIO(new_file(LOOK, folder), "r+") as look:
        wire.put(look.fileno(), asked.edits.look)
    recipe = canonical(asked.edits.recipe)
    return {
        "folder": str(asked.folder),
        "ladder": asked.ladder,
        "recipe": recipe,
        "mandatory": list(asked.mandatory),
    }


def read_request(message: wire.Message) -> ClipRequest:
    """What the head's message asks for. Raises Rejected `bad_recipe`."""
    folder = Path(message["folder"])
    edits = Edits(recipe=read_recipe(message["recipe"]), look=(folder / LOOK).read_bytes())
    return ClipRequest(folder=folder, ladder=message["ladder"], edits=edits, mandatory=tuple(message["mandatory"]))


def rendered_answer(rendered: RenderedClip) -> wire.Message:
    """The hands' message for a clip, or for the part of it that comes first."""
    files = [
        {"name": made.name, "file": made.file, "width": made.width, "height": made.height, "type": made.content_type}
        for made in rendered.files
    ]
    sizes = {"width": rendered.width, "height": rendered.height}
    return {**sizes, "files": files, "facts": dict(rendered.facts), "timings": dict(rendered.timings)}


def read_progress(message: wire.Message) -> float:
    """The share that is done, 0 to 1. Raises GarbledError."""
    share = message["progress"]
    if type(share) not in (int, float) or not 0 <= share <= 1:
        raise wire.GarbledError(f"progress of {share!r:.40}")
    return float(share)


def read_answer(message: wire.Message, out: int, ladder: ClipLadder) -> RenderedClip | Rejected | Unavailable:
    """What the hands' last message says, every field and file checked; `out` is the folder's descriptor.

    Raises:
        GarbledError: a field or file is missing, of the wrong kind or out of its range.
    """
    with wire.suspicion():
        if "code" in message:
            return wire.read_rejected(message)
        return _unavailable(message) if "unavailable" in message else _rendered(message, out, ladder)


def read_part(message: wire.Message, out: int, ladder: ClipLadder) -> RenderedClip:
    """The part of a clip that comes first, checked in the same way. Raises GarbledError."""
    with wire.suspicion():
        return _rendered(message["part"], out, ladder)


def kinds(ladder: ClipLadder) -> Mapping[str, Kind]:
    """Every name that a rendition may have, and what goes by it."""
    rungs = {rung.name: VIDEO for rung in ladder.rungs}
    poster = {preset.name: PICTURE for preset in ladder.poster}
    strip = {ladder.strip.name: PICTURE, f"{ladder.strip.name}.vtt": CUES} if ladder.strip else {}
    playlists = {"master": PLAYLIST, **{playlist_of(name): PLAYLIST for name in rungs}}
    return {**rungs, **playlists, **poster, ladder.preview.name: VIDEO, **strip}


def playlist_of(rung: str) -> str:
    """The name of a rung's playlist."""
    return f"{rung}.m3u8"


def _unavailable(message: wire.Message) -> Unavailable:
    return FAILURES[message["unavailable"]](str(message["reason"])[: wire.REASON_CHARACTERS])


def _rendered(message: wire.Message, out: int, ladder: ClipLadder) -> RenderedClip:
    return RenderedClip(
        width=wire.read_side(message["width"]),
        height=wire.read_side(message["height"]),
        facts=wire.read_facts(message["facts"]),
        files=_files(message["files"], out, ladder),
        timings=wire.read_timings(message["timings"]),
    )


def _files(claims: Any, out: int, ladder: ClipLadder) -> tuple[ClipFile, ...]:
    known = kinds(ladder)
    names = [claim["name"] for claim in claims]
    if len(names) != len(set(names)) or not set(names) <= known.keys() or not _is_playable(set(names), ladder):
        raise ValueError(f"other renditions than the ladder's: {names!r:.200}")
    return tuple(_file(claim, known[claim["name"]], out) for claim in claims)


def _is_playable(names: set[str], ladder: ClipLadder) -> bool:
    """Whether there is all that even a part has: a rung at least, each with its playlist, and what stands beside."""
    beside = {"master", ladder.preview.name, *(preset.name for preset in ladder.poster)}
    rungs = {rung.name for rung in ladder.rungs}
    playlists = {playlist_of(name) for name in rungs}
    return beside <= names and bool(names & rungs) and names & playlists == set(map(playlist_of, names & rungs))


def _file(claim: Any, kind: Kind, out: int) -> ClipFile:
    name, file = claim["name"], claim["file"]
    if claim["type"] != kind.content_type:
        raise ValueError(f"{name} of type {claim['type']!r:.40}")
    _check(file, kind, out)
    return ClipFile(
        name=name,
        file=file,
        width=wire.read_side(claim["width"]),
        height=wire.read_side(claim["height"]),
        content_type=kind.content_type,
    )


def _check(file: str, kind: Kind, out: int) -> None:
    """Raise ValueError or OSError unless the file is a regular one, of a bounded size, and named after its content."""
    named = FILE.fullmatch(file)
    if not named or named[2] != kind.extension:
        raise ValueError(f"a file called {file!r:.60}")
    with opened_file(file, out) as opened:
        if not 0 < opened.size <= kind.most_bytes:
            raise ValueError(f"{file} has {opened.size} bytes instead of 1 to {kind.most_bytes}")
        sha256, _ = opened.digests()
        if not sha256.startswith(named[1]):
            raise ValueError(f"{file} is not named after its content")
