"""The table of a recipe's fields: what is read, written and described follows from it alone.

A default is the identity, or else never changes: canonical recipes leave it out, and their hashes live for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from filters.recipe.errors import RecipeError
from filters.recipe.kinds import Choice, Flag, Kind, LookName, Number, Part
from filters.recipe.model import Adjustments, Crop, Cut, Geometry, LookChoice, Recipe, TiltShift, Tint

COLOURS = ("yellow", "orange", "red", "pink", "purple", "blue", "cyan", "green")
OTHER_FLIP = {"both": "none", "horizontal": "vertical", "vertical": "horizontal"}  # half a turn away
SHARE_DECIMALS = 6  # a hundredth of a pixel of the largest side
DAY_SECONDS = 86_400  # longer than any clip that is taken
SECONDS_DECIMALS = 3  # far less than the time of a frame


@dataclass(frozen=True, kw_only=True)
class Perspective:
    """The two numbers that stand side by side in the model, and together in JSON."""

    horizontal: float = 0.0
    vertical: float = 0.0


def make_geometry(*, perspective: Perspective, **others: Any) -> Geometry:
    """The model's geometry of JSON's members."""
    return Geometry(perspective_horizontal=perspective.horizontal, perspective_vertical=perspective.vertical, **others)


def geometry_members(geometry: Geometry) -> Mapping[str, Any]:
    """JSON's members of the model's geometry."""
    perspective = Perspective(horizontal=geometry.perspective_horizontal, vertical=geometry.perspective_vertical)
    return {**vars(geometry), "perspective": perspective}


def turned_once(geometry: Geometry, _path: str) -> Geometry:
    """The one spelling of a turn: at most one flip, and with it a rotation of 0 or 90 degrees.

    Both flips are half a turn, and half a turn may go before or after anything.
    """
    if geometry.flip == "both" or (geometry.flip != "none" and geometry.rotate >= 180):
        return replace(geometry, rotate=(geometry.rotate + 180) % 360, flip=OTHER_FLIP[geometry.flip])
    return geometry


def none_at_zero(part: Any, _path: str) -> Any:
    """A part whose strength is 0 is as good as absent."""
    return part if part.strength else None


def within_picture(crop: Crop, path: str) -> Crop:
    """The crop, if it lies in the picture; what rounding pushed over the edge is taken back."""
    for start, length in (("left", "width"), ("top", "height")):
        first, size = getattr(crop, start), getattr(crop, length)
        if first + size > 1 + 2 * 10**-SHARE_DECIMALS:
            raise RecipeError(path, f"{start} {first:g} and {length} {size:g} reach outside of the picture, beyond 1")
    left, top = min(crop.left, 1 - crop.width), min(crop.top, 1 - crop.height)
    return replace(crop, left=round(left, SHARE_DECIMALS), top=round(top, SHARE_DECIMALS))


def forwards(cut: Cut, path: str) -> Cut:
    """The cut, if it keeps anything."""
    if cut.end is not None and cut.end <= cut.start:
        raise RecipeError(path, f"end {cut.end:g} is not after start {cut.start:g}, so nothing is left")
    return cut


def slider(says: str, *, low: float = 0) -> Number:
    """An edit tool's number, 0 the identity."""
    return Number(says=says, low=low, high=100)


def share(says: str, *, low: float = 0, default: float = 0.0) -> Number:
    """A share of the picture."""
    return Number(says=says, low=low, high=1, default=default, decimals=SHARE_DECIMALS)


def moment(says: str, default: float | None = None) -> Number:
    """A time of the original clip."""
    return Number(says=says, low=0, high=DAY_SECONDS, default=default, decimals=SECONDS_DECIMALS)


def amount(says: str, default: float) -> Number:
    """How much of something that is chosen."""
    return Number(says=says, low=0, high=100, default=default)


def tint(where: str) -> Part:
    """A colour over the shadows or the highlights."""
    members: dict[str, Kind] = {
        "colour": Choice(says="The colour.", values=COLOURS),
        "strength": amount("How much of it.", 50.0),
    }
    return Part(says=f"A colour that is laid over the {where}.", members=members, make=Tint, settle=none_at_zero)


CROP = Part(
    says="The part that is kept, in shares of the picture as it is after turning, mirroring and straightening; "
    "left + width and top + height are at most 1.",
    make=Crop,
    default=Crop(),
    settle=within_picture,
    members={
        "left": share("From the left edge."),
        "top": share("From the top edge."),
        "width": share("Of the picture's width.", low=0.01, default=1.0),
        "height": share("Of the picture's height.", low=0.01, default=1.0),
    },
)

PERSPECTIVE = Part(
    says="Corrects converging lines.",
    make=Perspective,
    default=Perspective(),
    members={
        "horizontal": slider("Turns the picture about its upright axis.", low=-100),
        "vertical": slider("Turns the picture about its level axis.", low=-100),
    },
)

GEOMETRY = Part(
    says="Where the picture's pixels come from. In this order: rotate, flip, perspective and straighten, crop.",
    make=make_geometry,
    take=geometry_members,
    default=Geometry(),
    settle=turned_once,
    members={
        "rotate": Choice(says="Degrees clockwise.", values=(0, 90, 180, 270), default=0),
        "flip": Choice(
            says="Mirrors the picture; horizontal: left becomes right.",
            values=("none", "horizontal", "vertical", "both"),
            default="none",
        ),
        "straighten": Number(
            says="Degrees clockwise; the picture is enlarged until no corner is empty.", low=-25, high=25
        ),
        "perspective": PERSPECTIVE,
        "crop": CROP,
    },
)

LOOK = Part(
    says="A look; with strength 0 it is none.",
    make=LookChoice,
    settle=none_at_zero,
    members={
        "name": LookName(says="A built-in look, or the name of one of your own."),
        "strength": amount("How much of it.", 100.0),
    },
)

TILT_SHIFT = Part(
    says="Blurs all but a disc or a band; with strength 0 nothing.",
    make=TiltShift,
    settle=none_at_zero,
    members={
        "shape": Choice(says="A disc or a band.", values=("radial", "linear"), default="radial"),
        "x": share("The centre, as a share of the width.", default=0.5),
        "y": share("The centre, as a share of the height.", default=0.5),
        "radius": share("Of the disc, or half the band's width, as a share of the shorter side.", default=0.25),
        "angle": Number(says="Of the band, in degrees clockwise from horizontal.", low=-180, high=180),
        "strength": amount("How strong the blur is.", 50.0),
    },
)

ADJUSTMENTS = Part(
    says="The edit tray; 0 is the identity of every number.",
    make=Adjustments,
    default=Adjustments(),
    members={
        "lux": slider("Automatic tone and local contrast."),
        "structure": slider("Local contrast."),
        "brightness": slider("Darker or brighter.", low=-100),
        "contrast": slider("Flatter or harder.", low=-100),
        "warmth": slider("Colder or warmer.", low=-100),
        "saturation": slider("Paler, to grey, or more colourful.", low=-100),
        "tint_shadows": tint("shadows"),
        "tint_highlights": tint("highlights"),
        "fade": slider("Lifts the blacks, as of an old print."),
        "highlights": slider("Darkens or brightens the bright parts.", low=-100),
        "shadows": slider("Darkens or brightens the dark parts.", low=-100),
        "vignette": slider("Darkens the edges."),
        "tilt_shift": TILT_SHIFT,
        "sharpen": slider("Sharpens each rendition."),
    },
)

CUT = Part(
    says="What is kept of a clip in time, in seconds of the original, and which frame stands for it. A photo has none.",
    make=Cut,
    default=Cut(),
    settle=forwards,
    members={
        "start": moment("Where it begins.", 0.0),
        "end": moment("Where it ends, after start; without it where the original does."),
        "mute": Flag(says="Leaves the sound out."),
        "cover": moment("The time of the poster frame; without it one is chosen."),
    },
)

RECIPE = Part(
    says="What a person did to a photo or clip. Every field may be left out, and then changes nothing.",
    make=Recipe,
    members={"geometry": GEOMETRY, "look": LOOK, "adjustments": ADJUSTMENTS, "cut": CUT},
)
