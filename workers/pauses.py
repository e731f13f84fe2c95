"""How long to leave alone what has just failed."""

FIRST_SECONDS = 0.5


def pause_seconds(failures: int, *, longest: float) -> float:
    """The pause after so many failures in a row: none after none, half a second after one, then doubling."""
    return min(longest, FIRST_SECONDS * 2.0 ** (failures - 1)) if failures else 0.0
