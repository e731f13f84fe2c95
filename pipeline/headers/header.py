"""The one answer that every format's parser gives."""

from dataclasses import dataclass, field
from enum import StrEnum


class Format(StrEnum):
    """The photo formats that are let in; told from the bytes, never from the name."""

    JPEG = "jpeg"
    PNG = "png"
    GIF = "gif"
    WEBP = "webp"
    HEIC = "heic"
    AVIF = "avif"
    TIFF = "tiff"
    BMP = "bmp"


@dataclass(frozen=True, kw_only=True)
class Capture:
    """What EXIF says of the moment, as far as it is kept. Where it was taken is never read out."""

    taken_at: str | None = None  # ISO 8601, with an offset only if the camera noted one
    make: str | None = None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Header:
    """A photo before it is decoded. `width` and `height` are as stored, before `orientation` is applied."""

    format: Format
    width: int
    height: int
    orientation: int = 1  # EXIF's 1-8, what is still to be done after the decoder (HEIC and AVIF: by irot and imir)
    profile: bytes | None = None  # ICC, as embedded
    components: int = 3  # colour channels without alpha: 1 grey, 3 colour, 4 CMYK
    bits: int = 8  # of one channel
    alpha: bool = False
    frames: int = 1
    capture: Capture = field(default_factory=Capture)

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width as a person sees the photo."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)
