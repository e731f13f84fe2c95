"""Small inputs made by code, one for each way of a parser that the fuzzer could hardly find by itself."""

import io
import json
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

from filters import cube
from jobs import tickets
from jobs.job import Lane, Ticket

HEIGHT, WIDTH = 24, 40
SECONDS = "0.3"  # of a clip
ADJUSTMENTS = ("brightness", "contrast", "warmth", "saturation", "fade", "lux", "structure", "vignette", "sharpen")


def picture(mode: str = "RGB", shift: int = 0) -> Image.Image:
    """A small picture of noise."""
    noise = np.random.default_rng(shift).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Image.fromarray(noise).convert(mode)


def saved(kind: str, mode: str = "RGB", frames: int = 1, **options: Any) -> bytes:
    """A file of this kind, of one frame or several."""
    out = io.BytesIO()
    more: dict[str, Any] = (
        {"save_all": True, "append_images": [picture(mode, n) for n in range(1, frames)]} if frames > 1 else {}
    )
    picture(mode).save(out, kind, **more, **options)
    return out.getvalue()


def exif() -> bytes:
    """Where and when, and which way up."""
    found = Image.Exif()
    found[0x0112], found[0x010F] = 6, "Darkroom"
    found.get_ifd(0x8769)[0x9003] = "2026:01:31 07:42:00"
    found.get_ifd(0x8825)[1] = "N"
    return found.tobytes()


def profile() -> bytes:
    """An ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def jpegs() -> Sequence[bytes]:
    """Baseline and progressive, of each number of channels, with and without what cameras add."""
    extras: dict[str, Any] = {"exif": exif(), "icc_profile": profile(), "comment": b"hello"}
    plain = [saved("JPEG", mode, progressive=slow) for mode in ("L", "RGB", "CMYK") for slow in (False, True)]
    return [*plain, saved("JPEG", **extras), saved("JPEG", restart_marker_blocks=1), saved("MPO", frames=2)]


def pngs() -> Sequence[bytes]:
    """Each kind of pixel, texts of each kind, and an animation."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("a", "plain")
    texts.add_text("b", "packed", zip=True)
    texts.add_itxt("c", "ü", zip=True)
    kinds = [saved("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]
    return [*kinds, saved("PNG", pnginfo=texts, exif=exif(), icc_profile=profile()), saved("PNG", frames=3)]


def gifs() -> Sequence[bytes]:
    """Still and moving."""
    return [saved("GIF", "P"), saved("GIF", "P", frames=3, loop=0, duration=50), saved("GIF", "L", comment=b"hello")]


def webps() -> Sequence[bytes]:
    """Lossy, lossless, with transparency, moving, with what cameras add."""
    extras: dict[str, Any] = {"exif": exif(), "icc_profile": profile()}
    ways = [saved("WEBP"), saved("WEBP", lossless=True), saved("WEBP", "RGBA"), saved("WEBP", **extras)]
    return [*ways, saved("WEBP", frames=3, duration=50)]


def heifs() -> Sequence[bytes]:
    """HEIC and AVIF, with what cameras add, with transparency, of several pictures."""
    pillow_heif.register_heif_opener()
    extras: dict[str, Any] = {"exif": exif(), "icc_profile": profile()}
    heic = [saved("HEIF"), saved("HEIF", "RGBA"), saved("HEIF", **extras), saved("HEIF", frames=2)]
    return [*heic, saved("AVIF"), saved("AVIF", "RGBA"), saved("AVIF", **extras), saved("AVIF", frames=2)]


def tiffs() -> Sequence[bytes]:
    """Of each compression and order, of several pages, and the large kind."""
    ways = ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg")
    packed = [saved("TIFF", compression=way) for way in ways]
    return [*packed, saved("TIFF", "L", frames=3), saved("TIFF", big_tiff=True), saved("TIFF", exif=exif())]


def bmps() -> Sequence[bytes]:
    """Of each depth."""
    return [saved("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")]


def recipes() -> Sequence[bytes]:
    """One tool each, and all together."""
    tools = [{"adjustments": {name: 40}} for name in ADJUSTMENTS]
    turned = {
        "geometry": {"crop": {"left": 0.1, "top": 0.1, "width": 0.5, "height": 0.5}, "rotate": 90, "straighten": 3}
    }
    looked = {"look": {"name": "clarendon", "strength": 50}}
    cut = {"cut": {"start": 1, "end": 2.5, "mute": True, "cover": 1.5}}
    whole = {"adjustments": dict.fromkeys(ADJUSTMENTS, 20), **looked}
    return [json.dumps(recipe).encode() for recipe in (*tools, turned, looked, cut, whole, {})]


def cubes() -> Sequence[bytes]:
    """Curves, a grid, curves before a grid, and all that may be stated."""
    curve = "\n".join(f"{n / 3} {n / 3} {1 - n / 3}" for n in range(4))
    grid = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
    stated = 'TITLE "a look"\n# by hand\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n'
    texts = (
        f"LUT_1D_SIZE 4\n{curve}\n",
        f"{stated}LUT_3D_SIZE 2\n{grid}\n",
        f"LUT_1D_SIZE 4\nLUT_1D_INPUT_RANGE 0 1\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 1\n{curve}\n{grid}\n",
    )
    return [text.encode() for text in texts]


def looks() -> Sequence[bytes]:
    """What is kept of them."""
    return [cube.pack(cube.read_cube(text, "look")) for text in cubes()[:2]]


def ticket_texts() -> Sequence[bytes]:
    """One."""
    return [tickets.encode(Ticket(job_id=1 << 40, attempt=3, function="photo", lane=Lane.BATCH))]


def photo_answers() -> Sequence[bytes]:
    """A rendered photo, and a refusal."""
    images = [
        {"name": name, "width": 40, "height": 24, "type": "image/jpeg", "bytes": 100}
        for name in ("w1080", "w640", "w320", "s150")
    ]
    facts = {"format": "jpeg", "orientation": 6, "blurhash": "L6PZfSi_.AyE_3t7t7R**0o#DgR4"}
    rendered = {"width": 40, "height": 24, "images": images, "facts": facts, "timings": {"decode_cpu_ms": 1.5}}
    return [json.dumps(message).encode() for message in (rendered, {"code": "no_pixels", "reason": "none"})]


def clip_answers() -> Sequence[bytes]:
    """Progress, a rendered clip, a refusal, and what is not the clip's fault."""
    file = {"name": "480p", "file": f"{'0' * 32}.mp4", "width": 480, "height": 854, "type": "video/mp4"}
    rendered = {
        "width": 40,
        "height": 24,
        "files": [file],
        "facts": {"seconds": 1.5},
        "timings": {"encode_cpu_ms": 9.0},
    }
    refused, short = {"code": "no_video", "reason": "none"}, {"unavailable": "disk_short", "reason": "full"}
    return [json.dumps(message).encode() for message in ({"progress": 0.5}, rendered, refused, short)]


@cache
def filmed(suffix: str, *options: str) -> bytes:
    """A clip of moving bars with a tone."""
    bars, tone = f"testsrc2=s={WIDTH}x{HEIGHT}:r=10", "sine=r=8000"
    inputs = ["-f", "lavfi", "-i", bars, "-f", "lavfi", "-i", tone, "-t", SECONDS]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"clip.{suffix}"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *inputs, *options, str(file)], check=True)
        return file.read_bytes()


def movies() -> Sequence[bytes]:
    """With its index behind and in front, in fragments, and as QuickTime."""
    fast, pieces = ("-movflags", "+faststart"), ("-movflags", "frag_keyframe+empty_moov")
    return [filmed("mp4"), filmed("mp4", *fast), filmed("mp4", *pieces), filmed("mov", "-c:a", "pcm_s16le")]


def matroskas() -> Sequence[bytes]:
    """MKV and WebM, also live."""
    return [filmed("mkv"), filmed("webm", "-c:v", "vp8"), filmed("mkv", "-live", "1")]


def avis() -> Sequence[bytes]:
    """AVI."""
    return [filmed("avi"), filmed("avi", "-c:v", "mjpeg", "-c:a", "pcm_s16le")]


def transport_streams() -> Sequence[bytes]:
    """TS, and as camcorders write it."""
    return [filmed("ts"), filmed("ts", "-mpegts_m2ts_mode", "1")]
