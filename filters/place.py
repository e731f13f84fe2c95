"""What a recipe does to colours at one place of the frame: the middle, unless another is named."""

from collections.abc import Iterable

from filters.point import Additive, Colours, PointOperation

PLACES = 33  # each way, at which a mask is looked at; odd, so that one is the middle


def at_place(
    operations: Iterable[PointOperation], colours: Colours, *, down: float = 0.5, across: float = 0.5
) -> Colours:
    """Colours (..., 3), 0 to 1, as the operations leave them at a place in shares of the frame's height and width."""
    row, column = round(down * (PLACES - 1)), round(across * (PLACES - 1))
    for operation in operations:
        if isinstance(operation, Additive) and operation.mask:
            colours = operation(colours, float(operation.mask.draw(PLACES, PLACES)[row, column]))
        else:
            colours = operation(colours)
    return colours
