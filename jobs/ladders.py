"""The ladders by their names."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from config import CLIP_LADDERS, LADDERS, ClipLadder, PhotoPreset
from jobs.errors import Rejected
from jobs.job import CLIP, FUNCTIONS, PHOTO

BY_FUNCTION: Mapping[str, Mapping[str, Any]] = {PHOTO: LADDERS, CLIP: CLIP_LADDERS}


@overload
def find_ladder(name: str, function: Literal["photo"] = "photo") -> tuple[PhotoPreset, ...]: ...


@overload
def find_ladder(name: str, function: Literal["clip"]) -> ClipLadder: ...


@overload
def find_ladder(name: str, function: str) -> tuple[PhotoPreset, ...] | ClipLadder: ...


def find_ladder(name: str, function: str = PHOTO) -> tuple[PhotoPreset, ...] | ClipLadder:
    """The ladder of this name for photos or clips. Raises Rejected `unknown_ladder` or `unknown_function`."""
    ladders = BY_FUNCTION[checked_function(function)]
    if name not in ladders:
        known = ", ".join(sorted(ladders))
        raise Rejected("unknown_ladder", f"there is no ladder {name!r} for a {function}; there are: {known}")
    ladder: tuple[PhotoPreset, ...] | ClipLadder = ladders[name]
    return ladder


def checked_function(function: str) -> str:
    """The function, if it is one. Raises Rejected `unknown_function`."""
    if function not in FUNCTIONS:
        raise Rejected("unknown_function", f"there is no function {function!r}; there are: {', '.join(FUNCTIONS)}")
    return function


def checked_mandatory(names: Sequence[str], ladder: str, function: str) -> tuple[str, ...]:
    """The mandatory renditions, if the ladder has such rungs.

    Raises:
        Rejected: `unknown_rendition`, or `unknown_ladder`.
    """
    made = find_ladder(ladder, function)
    rungs = [rung.name for rung in made.rungs] if isinstance(made, ClipLadder) else []
    for name in names:
        if name not in rungs:
            there_are = f"the ladder {ladder} has {', '.join(rungs)}" if rungs else "a photo is published as a whole"
            raise Rejected("unknown_rendition", f"{name!r} cannot be mandatory; {there_are}")
    return tuple(names)
