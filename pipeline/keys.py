"""Where a rendition lies in the store: a key that never changes its bytes."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from config import PhotoPreset

ENGINE = 1  # raise it when the same original and ladder come to other bytes than before


def rendition_key(
    media_id: int, original_sha256: str, ladder: Sequence[PhotoPreset], place: int, extension: str
) -> str:
    """The key `m/<media_id>/<hash>.<extension>` of the ladder's rendition at `place`.

    The hash is of all that decides the bytes: the original, the engine, and the parameters of the whole ladder, since
    each picture is drawn from the next larger one. So a retry writes to the same key, a changed ladder to others, and
    a cache may keep what it has for ever. The presets' names decide nothing and are left out.
    """
    parameters = [{name: value for name, value in asdict(preset).items() if name != "name"} for preset in ladder]
    recipe = {"original": original_sha256, "ladder": parameters, "place": place, "engine": ENGINE}
    canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return f"m/{media_id}/{hashlib.sha256(canonical.encode()).hexdigest()[:32]}.{extension}"
