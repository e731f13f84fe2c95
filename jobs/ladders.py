"""The ladders by their names."""

from config import LADDERS, PhotoPreset
from jobs.errors import Rejected


def find_ladder(name: str) -> tuple[PhotoPreset, ...]:
    """The ladder of this name. Raises Rejected `unknown_ladder`."""
    if name not in LADDERS:
        raise Rejected("unknown_ladder", f"there is no ladder {name!r}; there are: {', '.join(sorted(LADDERS))}")
    return LADDERS[name]
