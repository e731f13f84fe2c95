"""The names of looks: the forty that are built in, and how one's own may be spelt."""

import re
from collections.abc import Iterable

from filters.recipe.errors import RecipeError, guess, shown

BUILT_IN_LOOKS = (
    "1977", "aden", "amaro", "ashby", "brannan", "brooklyn", "charmes", "clarendon", "crema", "dogpatch", "earlybird",
    "gingham", "ginza", "hefe", "helena", "hudson", "inkwell", "juno", "kelvin", "lark", "lofi", "ludwig", "maven",
    "mayfair", "moon", "nashville", "perpetua", "reyes", "rise", "sierra", "skyline", "slumber", "stinson", "sutro",
    "toaster", "valencia", "vesper", "walden", "willow", "xpro2",
)  # fmt: skip
LOOK_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def unknown_look(name: str, own: Iterable[str] = ()) -> RecipeError:
    """The error for a look that is neither built in nor among one's `own`, with the nearest names."""
    return RecipeError(
        "look.name", f"there is no look {shown(name)}; {guess(name, {*BUILT_IN_LOOKS, *own})}", "unknown_look"
    )
