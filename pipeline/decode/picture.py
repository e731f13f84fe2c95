"""What every decoder answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Decoded pixels, not yet turned upright.

    `pixels` is height x width x 3, uint8, RGB, C-contiguous, alpha already flattened on white. It may be smaller than
    the header says, by the decoder's own scaling. `profile` is the ICC profile of an RGB original that is still to be
    applied (cheaper on the reduced picture); None means the pixels are sRGB: grey, CMYK and what has no profile.
    """

    pixels: NDArray[np.uint8]
    orientation: int
    profile: bytes | None

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width as a person sees the picture."""
        height, width, _ = self.pixels.shape
        return (width, height) if self.orientation >= 5 else (height, width)
