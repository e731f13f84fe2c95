"""What a look of one's own may be."""

from filters.recipe import BUILT_IN_LOOKS, LOOK_NAME
from jobs.errors import Rejected

LOOK_BYTES = 300_000  # a packed grid of 33 points a side has 216,000


def check_look(name: str, data: bytes) -> None:
    """Raises Rejected `look_exists` for the name of a built-in look, `bad_look` for what no look can be."""
    if name in BUILT_IN_LOOKS:
        raise Rejected("look_exists", f"{name} is a built-in look: choose another name")
    if not LOOK_NAME.fullmatch(name):
        raise Rejected("bad_look", f"a look's name has 1 to 40 of a-z, 0-9 and -, and no - in front; not {name!r:.80}")
    if not 0 < len(data) <= LOOK_BYTES:
        raise Rejected("bad_look", f"a look has 1 to {LOOK_BYTES:,} bytes, not {len(data):,}")
