"""Photos and what somebody else's looks made of them: PHOTO.jpg beside PHOTO-LOOK.jpg, and how far off a picture is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from scripts.benches.ciede2000 import ciede2000, lab_of

Pixels = NDArray[np.uint8]

SCORED_SIDE = 150  # pixels: averaging over so many leaves colour, and forgives compression and half a pixel of shift


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A photo, and what a look made of it."""

    look: str
    photo: Path
    rendered: Path

    def source(self) -> Pixels:
        """The photo at the rendered picture's size."""
        with Image.open(self.photo) as photo, Image.open(self.rendered) as rendered:
            return np.array(photo.convert("RGB").resize(rendered.size, Image.Resampling.LANCZOS))

    def target(self) -> Pixels:
        """The rendered picture."""
        with Image.open(self.rendered) as rendered:
            return np.array(rendered.convert("RGB"))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """CIEDE2000 between two pictures: on average, and where nineteen of twenty pixels are nearer."""

    mean: float
    p95: float


def read_oracle(folder: Path, looks: Sequence[str]) -> list[Sample]:
    """Every photo of the folder with every one of the looks that is there, by look."""
    files = sorted(folder.glob("*.jpg"))
    photos = [file for file in files if any(other.stem.startswith(f"{file.stem}-") for other in files)]
    pairs = ((look, photo, folder / f"{photo.stem}-{look}.jpg") for look in looks for photo in photos)
    return [Sample(look=look, photo=photo, rendered=file) for look, photo, file in pairs if file.is_file()]


def differences(picture: Pixels, target: Pixels) -> NDArray[np.float64]:
    """CIEDE2000 of each pixel of the two centre squares, reduced by area to 150 x 150."""
    return ciede2000(lab_of(_scored(picture)), lab_of(_scored(target)))


def summary(parts: Sequence[NDArray[np.float64]]) -> Difference:
    """Of pictures that count alike: the mean of their means, the mean of their 95th percentiles."""
    return Difference(
        mean=float(np.mean([part.mean() for part in parts])),
        p95=float(np.mean([np.percentile(part, 95) for part in parts])),
    )


def _scored(picture: Pixels) -> Pixels:
    size = (SCORED_SIDE, SCORED_SIDE)
    return np.asarray(ImageOps.fit(Image.fromarray(picture), size, Image.Resampling.BOX))
