"""Which versions of other people's libraries decode here, and which of them may be at fault for a death."""

import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from pipeline.clip.ffmpeg import ENVIRONMENT, FFMPEG

VERSION_SECONDS = 10.0  # ffmpeg takes 0.2 s to say it

PILLOW, OPENCV, SIMPLEJPEG = "pillow", "opencv", "simplejpeg"
FFMPEG_LIBRARIES = ("ffmpeg", "libavcodec", "libavformat", "libavfilter")

# By stage, as `pipeline.stopwatch` tells it: whole, or its first word. Stages of our own code alone have none.
SUSPECTS: Mapping[str, tuple[str, ...]] = {
    "decode jpeg": (SIMPLEJPEG, "libjpeg-turbo", PILLOW),
    "decode png": (OPENCV, "libpng", "zlib"),
    "decode gif": (PILLOW,),
    "decode webp": (OPENCV, "libwebp"),
    "decode heic": ("pillow-heif", "libheif", "libde265"),
    "decode avif": (PILLOW, "libavif", "dav1d"),
    "decode tiff": (PILLOW, OPENCV, "libtiff", "libjpeg-turbo"),
    "decode bmp": (PILLOW,),
    "color": (PILLOW, "littlecms2"),
    "encode": (SIMPLEJPEG,),
    **dict.fromkeys(("probe", "listen", "poster", "transcode"), FFMPEG_LIBRARIES),
    "probe webp": (PILLOW, "libwebp", *FFMPEG_LIBRARIES),
}
OWN = frozenset({"header", "resample", "edit", "placeholders", "verify", "finish"})  # stages


def suspects(stage: str, versions: Mapping[str, str]) -> Mapping[str, str]:
    """Those of the libraries that may be at fault when a process dies at this stage: all if it is not known."""
    first_word = stage.partition(" ")[0]
    if first_word in OWN:
        return {}
    names = SUSPECTS.get(stage) or SUSPECTS.get(first_word) or tuple(versions)
    return {name: versions[name] for name in names if name in versions}


def photo_versions() -> dict[str, str]:
    """Versions by name of what decodes and encodes photos in this process."""
    import cv2  # noqa: PLC0415 - a head asks for `suspects`, and loads none of these
    import pillow_heif  # noqa: PLC0415
    import simplejpeg  # noqa: PLC0415
    from PIL import _avif, features  # noqa: PLC0415

    built = dict(re.findall(r"^ *(PNG|ZLib|WEBP|TIFF): .*?\(ver ([^)]*)\)", cv2.getBuildInformation(), re.MULTILINE))
    heif = pillow_heif.libheif_info()
    versions = {
        PILLOW: features.version("pil"),
        OPENCV: cv2.__version__,
        SIMPLEJPEG: simplejpeg.__version__,
        "libjpeg-turbo": features.version("libjpeg_turbo"),  # Pillow's; simplejpeg does not tell its own
        "libpng": built.get("PNG"),
        "zlib": built.get("ZLib"),
        "libwebp": features.version("webp"),
        "libtiff": features.version("libtiff"),
        "littlecms2": features.version("littlecms2"),
        "pillow-heif": pillow_heif.__version__,
        "libheif": heif["libheif"],
        "libde265": number_in(heif["decoders"].get("libde265", "")),
        "libavif": features.version("avif"),
        "dav1d": number_in(_avif.codec_versions()),
    }
    return {name: str(version) for name, version in versions.items() if version}


def clip_versions() -> dict[str, str]:
    """Versions by name of what decodes and encodes clips, beside those of their poster frames' libraries."""
    said = ""
    with suppress(OSError, subprocess.TimeoutExpired):  # each clip will say so too
        said = subprocess.run(
            [FFMPEG, "-version"], env=ENVIRONMENT, capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        ).stdout
    program = re.findall(r"^(ffmpeg) version (\S+)", said)
    libraries = re.findall(r"^(lib\w+) +(\d+)\. *(\d+)\. *(\d+)", said, re.MULTILINE)
    versions = dict(program) | {name: ".".join(parts) for name, *parts in libraries}
    return {**photo_versions(), **{name: versions[name] for name in FFMPEG_LIBRARIES if name in versions}}


def number_in(text: str) -> str:
    """The first version number in a sentence; "" if there is none."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else ""
