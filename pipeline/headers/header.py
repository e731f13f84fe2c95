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
    """A photo before it is decoded. `upright` holds for every format, whatever a decoder does on the way there.

    - JPEG, PNG, GIF, WebP, TIFF, BMP: the size is as stored; the orientation is EXIF's (TIFF's own tag is the same),
      else XMP's, else 1. Decoders of TIFF may have turned the picture; what they answer says what is left to do.
    - HEIC: libheif applies irot, imir and clap. The size is after them, the orientation 1.
    - AVIF: libavif applies none of them, and clap never is. The size is as stored, the orientation is made of irot
      and imir.

    EXIF's orientation is not asked in HEIC and AVIF: irot and imir are the truth, and the EXIF beside them a copy.
    """

    format: Format
    width: int
    height: int
    orientation: int = 1  # EXIF's 1-8: how to turn a picture of this size upright
    profile: bytes | None = None  # ICC, as embedded and not examined
    components: int = 3  # colour channels without alpha: 1 grey, 3 colour or palette, 4 CMYK
    bits: int = 8  # of one channel, at least 8
    scalable: bool = True  # a decoder that can reduce while it decodes may do so
    alpha: bool = False  # some pixels may be transparent, in the first frame
    frames: int = 1  # of an animation, or pages; further pictures of an MPO or a HEIC collection are none
    capture: Capture = field(default_factory=Capture)

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width as a person sees the photo."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)
