"""A recipe: what a person did to a photo or clip, as data. Sizes are relative, so every rendition looks alike.

Every default is the identity: `Recipe()` changes nothing.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Crop:
    """The part that is kept, in shares (0 to 1) of the picture as it is after turning, mirroring and straightening."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Where the picture's pixels come from. In this order: rotate, flip, perspective and straighten, crop."""

    rotate: int = 0  # degrees clockwise: 0, 90, 180 or 270
    flip: str = "none"  # none, horizontal (left becomes right), vertical, both
    straighten: float = 0.0  # degrees clockwise, -25 to 25; the picture is enlarged until no corner is empty
    perspective_horizontal: float = 0.0  # -100 to 100
    perspective_vertical: float = 0.0  # -100 to 100
    crop: Crop = field(default_factory=Crop)


@dataclass(frozen=True, kw_only=True)
class LookChoice:
    """A look and how much of it."""

    name: str  # clarendon, or the name of a look of one's own
    strength: float = 100.0  # 0 to 100


@dataclass(frozen=True, kw_only=True)
class Tint:
    """A colour that is laid over the shadows or the highlights."""

    colour: str  # yellow, orange, red, pink, purple, blue, cyan, green
    strength: float = 50.0  # 0 to 100


@dataclass(frozen=True, kw_only=True)
class TiltShift:
    """What stays sharp while the rest is blurred: a disc or a band."""

    shape: str = "radial"  # radial, linear
    x: float = 0.5  # the centre, in shares of width and height
    y: float = 0.5
    radius: float = 0.25  # of the disc, or half the band's width, as a share of the shorter side
    angle: float = 0.0  # of the band, in degrees clockwise from horizontal
    strength: float = 50.0  # 0 to 100


@dataclass(frozen=True, kw_only=True)
class Adjustments:
    """The edit tray, in the order in which it acts, the look after `structure`. 0 (or None) is the identity."""

    lux: float = 0.0  # 0 to 100
    structure: float = 0.0  # 0 to 100
    brightness: float = 0.0  # -100 to 100
    contrast: float = 0.0  # -100 to 100
    warmth: float = 0.0  # -100 to 100
    saturation: float = 0.0  # -100 to 100
    tint_shadows: Tint | None = None
    tint_highlights: Tint | None = None
    fade: float = 0.0  # 0 to 100
    highlights: float = 0.0  # -100 to 100
    shadows: float = 0.0  # -100 to 100
    vignette: float = 0.0  # 0 to 100
    tilt_shift: TiltShift | None = None
    sharpen: float = 0.0  # 0 to 100


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is kept of a clip in time, and which frame stands for it, in seconds of the original. A photo has none."""

    start: float = 0.0
    end: float | None = None  # None: its own
    mute: bool = False
    cover: float | None = None  # the time of the poster frame; None: one is chosen


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Geometry, a look, adjustments, and a clip's cut. Hashable; equal recipes give equal pixels."""

    geometry: Geometry = field(default_factory=Geometry)
    look: LookChoice | None = None
    adjustments: Adjustments = field(default_factory=Adjustments)
    cut: Cut = field(default_factory=Cut)
