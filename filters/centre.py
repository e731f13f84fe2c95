"""A recipe's colours without its places: what it does in the middle of the frame."""

from collections.abc import Iterable

from filters.point import Additive, Colours, PointOperation


def at_centre(operations: Iterable[PointOperation], colours: Colours) -> Colours:
    """Colours (..., 3), 0 to 1, as the operations leave them where the frame's diagonals cross."""
    for operation in operations:
        if isinstance(operation, Additive) and operation.mask:
            colours = operation(colours, float(operation.mask.draw(1, 1)[0, 0]))  # a frame of a pixel is its centre
        else:
            colours = operation(colours)
    return colours
