"""A contact sheet: one photo under many looks, labelled, the untouched photo first and large."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from config import Limits
from config.presets import PhotoPreset
from pipeline.photo import render_photo

Pixels = NDArray[np.uint8]

PAPER, INK, FIRST_INK = (17, 18, 20), (198, 199, 201), (255, 255, 255)
SOFT = 4  # times as large, a corner is drawn, so that it is round
BEST = 95  # of JPEG: tiles are cut from this once


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Where everything lies, in pixels. All follows from a tile's side."""

    count: int  # of tiles after the first
    columns: int
    tile: int

    @property
    def gutter(self) -> int:
        """Between two tiles."""
        return max(4, self.tile // 15)

    @property
    def margin(self) -> int:
        """Around them all."""
        return 2 * self.gutter

    @property
    def label(self) -> int:
        """The height of a line of text below a tile."""
        return max(14, self.tile // 7)

    @property
    def pitch(self) -> tuple[int, int]:
        """From one tile to the next, down and across."""
        return self.tile + self.label + self.gutter, self.tile + self.gutter

    @property
    def span(self) -> int:
        """How many tiles the first is wide and high: so many that the last row has the fewest holes."""
        widest = max(1, self.columns // 2) if self.count >= self.columns else 1
        return min(range(widest, 0, -1), key=lambda span: -(self.count + span**2) % self.columns)

    @property
    def rows(self) -> int:
        """All of them."""
        return max(self.span, -(-(self.count + self.span**2) // self.columns))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        down, across = self.pitch
        frame = 2 * self.margin - self.gutter
        return self.rows * down + frame, min(self.columns, self.count + 1) * across + frame

    @property
    def first(self) -> tuple[int, int]:
        """Height and width of the first picture."""
        down, across = self.pitch
        return self.span * down - self.label - self.gutter, self.span * across - self.gutter

    def corners(self) -> list[tuple[int, int]]:
        """Top and left of the tiles after the first: row by row around it."""
        down, across = self.pitch
        cells = [(row, column) for row in range(self.rows) for column in range(self.columns)]
        free = [cell for cell in cells if max(cell) >= self.span]
        return [(self.margin + row * down, self.margin + column * across) for row, column in free[: self.count]]


def photo_pixels(data: bytes, side: int) -> Pixels:
    """The photo upright and in sRGB, (h, w, 3), not much larger than `side` pixels.

    Raises:
        Rejected: it is not a photo, or one over a limit.
    """
    ladder = (PhotoPreset(name="sheet", width=2 * side, quality=BEST),)
    (image,) = render_photo(data, ladder, Limits()).images
    return np.asarray(Image.open(BytesIO(image.data)))


def fitted(pixels: Pixels, height: int, width: int) -> Pixels:
    """The centre of the photo at exactly this size."""
    picture = ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)
    return np.array(picture)


def draw_sheet(sheet: Sheet, first: tuple[str, Pixels], tiles: Sequence[tuple[str, Pixels]]) -> Image.Image:
    """All pictures with their labels. `first` has the sheet's first size, the `tiles` are square."""
    height, width = sheet.size
    canvas = Image.new("RGB", (width, height), PAPER)
    _place(canvas, sheet, (sheet.margin, sheet.margin), first, FIRST_INK)
    for corner, tile in zip(sheet.corners(), tiles, strict=True):
        _place(canvas, sheet, corner, tile, INK)
    return canvas


def _place(
    canvas: Image.Image, sheet: Sheet, corner: tuple[int, int], tile: tuple[str, Pixels], ink: tuple[int, int, int]
) -> None:
    """One picture with rounded corners, and its label centred below."""
    (top, left), (label, pixels) = corner, tile
    height, width, _ = pixels.shape
    canvas.paste(Image.fromarray(pixels), (left, top), _rounded(height, width, sheet.gutter // 2))
    middle = left + width / 2, top + height + sheet.label * 0.56
    font = ImageFont.load_default(sheet.label * 0.6)
    ImageDraw.Draw(canvas).text(middle, label, fill=ink, font=font, anchor="mm")


def _rounded(height: int, width: int, radius: int) -> Image.Image:
    """A mask with rounded corners whose edges are smooth."""
    mask = Image.new("L", (SOFT * width, SOFT * height))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *(side - 1 for side in mask.size)), SOFT * radius, fill=255)
    return mask.resize((width, height), Image.Resampling.BOX)
