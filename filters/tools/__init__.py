"""The point tools of the edit tray, one a file, and the order in which they act."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from filters.point import PointOperation
from filters.tools.brightness import brightness
from filters.tools.contrast import contrast
from filters.tools.fade import fade
from filters.tools.highlights import highlights
from filters.tools.saturation import saturation
from filters.tools.shadows import shadows
from filters.tools.tint import tint_highlights, tint_shadows
from filters.tools.warmth import warmth

# Field of `Adjustments` -> what makes its value, a number or a Tint, into point operations.
POINT_TOOLS: Mapping[str, Callable[[Any], tuple[PointOperation, ...]]] = MappingProxyType(
    {
        "brightness": brightness,
        "contrast": contrast,
        "warmth": warmth,
        "saturation": saturation,
        "tint_shadows": tint_shadows,
        "tint_highlights": tint_highlights,
        "fade": fade,
        "highlights": highlights,
        "shadows": shadows,
    }
)
