"""Where a rendition lies in the store: a key that never changes its bytes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from config import PhotoPreset
from filters.look_files import look_digest
from filters.recipe import Recipe, canonical
from pipeline.services import Edits

ENGINE = 1  # raise it when the same original and ladder come to other bytes than before
TOOLS = 1  # raise it when the same recipe comes to other pixels than before
NO_EDITS = Edits()


def rendition_key(
    media_id: int,
    original_sha256: str,
    ladder: Sequence[PhotoPreset],
    place: int,
    extension: str,
    edits: Edits = NO_EDITS,
) -> str:
    """The key `m/<media_id>/<hash>.<extension>` of the ladder's rendition at `place`.

    The hash is of all that decides the bytes: the original, the engine, the edits, and the parameters of the whole
    ladder, since each picture is drawn from the next larger one. So a retry writes to the same key, a changed ladder
    or recipe to others, and a cache may keep what it has for ever. The presets' names decide nothing and are left out.
    """
    rungs = [{name: value for name, value in asdict(preset).items() if name != "name"} for preset in ladder]
    parameters = {"original": original_sha256, "ladder": rungs, "place": place, "engine": ENGINE}
    text = json.dumps({**parameters, **edit_parameters(edits)}, sort_keys=True, separators=(",", ":"))
    return f"m/{media_id}/{hashlib.sha256(text.encode()).hexdigest()[:32]}.{extension}"


def clip_key(media_id: int, file: str) -> str:
    """The key `m/<media_id>/<hash>.<extension>` of a clip's rendition in a file that is named after its content.

    Another host's encoder may come to other bytes, so no parameters name them. All lie beside one another, because a
    playlist names what it plays by the file's name alone.
    """
    return f"m/{media_id}/{file}"


def edit_parameters(edits: Edits) -> Mapping[str, Any]:
    """What edits add to the hash; nothing if they change nothing, as in the keys from before there were recipes."""
    if edits.recipe == Recipe():
        return {}
    return {"recipe": canonical(edits.recipe), "tools": TOOLS, **look_parameters(edits)}


def look_parameters(edits: Edits) -> Mapping[str, Any]:
    """The digest of the look's numbers, because a look that is fitted anew keeps its name."""
    if edits.look:
        return {"look": hashlib.sha256(edits.look).hexdigest()}
    return {"look": look_digest(edits.recipe.look.name)} if edits.recipe.look else {}
