"""A photo and a clip made by code, where there is no real one: a sunrise over hills, larger than any rendition."""

import io
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH = 1512, 2016
NIGHT, DAWN, SUN = (38, 48, 92), (250, 170, 110), (255, 236, 190)
RIDGES = ((0.52, 0.050, 2.1, (142, 108, 122)), (0.64, 0.060, 4.7, (92, 72, 98)), (0.80, 0.045, 8.3, (42, 38, 62)))


def sample_photo(height: int = HEIGHT, width: int = WIDTH, orientation: int = 1) -> bytes:
    """A JPEG of `height` x `width` stored pixels with EXIF capture facts; the same bytes each time."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / width
    picture = _sky(y, x)
    for base, swing, phase, color in RIDGES:
        picture[y > _ridge(x, base, swing, phase)] = color
    grain = np.random.default_rng(7).normal(0, 3, (height, width, 1)).astype(np.float32)
    pixels = np.clip(picture + grain, 0, 255).astype(np.uint8)
    return _jpeg(pixels, orientation)


def sample_clip(file: Path, seconds: float = 10.0) -> None:
    """An MP4 of 1080 x 1920, 30 frames a second, with sound: a camera that wanders over the photo."""
    photo = file.with_suffix(".jpg")
    photo.write_bytes(sample_photo(2160, 2880))
    wander = "crop=1080:1920:x='(iw-ow)/2*(1+sin(t))':y='(ih-oh)/2*(1-cos(t/2))'"
    home = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    inputs = ["-loop", "1", "-framerate", "30", "-i", str(photo), "-f", "lavfi", "-i", "sine=frequency=440"]
    encode = ["-c:v", "libx264", "-preset", "superfast", "-crf", "16", "-c:a", "aac"]
    whole = ["-vf", f"{wander},{home}", *encode, "-t", f"{seconds:g}", "-f", "mp4", str(file)]
    subprocess.run(["ffmpeg", "-nostdin", "-y", "-v", "error", *inputs, *whole], check=True)
    photo.unlink()


def _sky(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Night above, dawn at the horizon, and the glow of the sun."""
    height = np.clip(y / 0.6, 0, 1)[..., None]
    sky = np.asarray(NIGHT, np.float32) * (1 - height) + np.asarray(DAWN, np.float32) * height
    distance = np.hypot((x - 0.62) * 4 / 3, y - 0.42)[..., None]
    glow = np.exp(-((distance / 0.16) ** 2)) + (distance < 0.06)
    return np.asarray(sky + (np.asarray(SUN, np.float32) - sky) * np.clip(glow, 0, 1))


def _ridge(x: NDArray[np.float32], base: float, swing: float, phase: float) -> NDArray[np.float32]:
    """The height of a line of hills: three waves that never meet."""
    waves = np.sin(x * 9 + phase) + 0.5 * np.sin(x * 23 + 2 * phase) + 0.2 * np.sin(x * 61 + 3 * phase)
    return np.asarray(base + swing * waves)


def _jpeg(pixels: NDArray[np.uint8], orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0110] = "Darkroom", "Sample"
    exif.get_ifd(0x8769)[0x9003] = "2026:01:31 07:42:00"
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()
