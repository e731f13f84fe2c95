"""Vignette: the corners are darkened, as by an old lens."""

from filters.mask import Mask, Radial

DEEPEST = 0.6  # what is taken from the tone in the corners at 100: they keep 0.4 of it
UNTOUCHED = 0.1  # position q up to which nothing changes: a third of the way to the corners, as q grows with its square
STEPS = 48  # straight pieces of the profile: at most 0.05 of a level away from the curve


def vignette_gain(amount: float) -> tuple[Mask, float]:
    """Where and how deeply tones are darkened: each is to be multiplied by 1 - depth * the mask's amount.

    `amount` is 0 to 100; the depth, 0 to DEEPEST, is proportional to it. The shape is an ellipse that follows the
    frame, q = 1 in the corners; its profile is 3s² - 2s³ with s = (q - UNTOUCHED) / (1 - UNTOUCHED) within 0 to 1,
    so that it begins and ends without an edge.
    """
    return Mask(shape=Radial(), nodes=_profile()), DEEPEST * amount / 100


def _profile() -> tuple[tuple[float, float], ...]:
    shares = (step / STEPS for step in range(STEPS + 1))
    return tuple((UNTOUCHED + (1 - UNTOUCHED) * s, s * s * (3 - 2 * s)) for s in shares)
