"""Where a rendition lies in the store: a key that never changes its bytes."""

import hashlib
import json
from dataclasses import asdict

from config import PhotoPreset

ENGINE = 1  # raise it when the same original and preset come to other bytes than before


def rendition_key(media_id: int, original_sha256: str, preset: PhotoPreset, extension: str) -> str:
    """The key `m/<media_id>/<hash>.<extension>` of one rendition.

    The hash is of all that decides the bytes: the original, the preset's parameters and the engine. So a retry writes
    to the same key, a changed preset to another, and a cache may keep what it has for ever. A preset's name decides
    nothing and is left out.
    """
    parameters = {name: value for name, value in asdict(preset).items() if name != "name"}
    recipe = {"original": original_sha256, "preset": parameters, "engine": ENGINE}
    canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return f"m/{media_id}/{hashlib.sha256(canonical.encode()).hexdigest()[:32]}.{extension}"
