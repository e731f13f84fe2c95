"""Small clips that ffmpeg makes of its own test pictures."""

import os
import shutil
import subprocess

import pytest

PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=322x180:r=30000/1001:d=5")
TONE = ("-f", "lavfi", "-i", "sine=d=5:r=48000")
TAGS = ("-pix_fmt", "yuv420p", "-color_range", "tv", "-colorspace", "bt709")
TAGS = (*TAGS, "-color_primaries", "bt709", "-color_trc", "bt709")
BARE = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact+global_header+cgop")
FRAGMENTS = ("-movflags", "+frag_keyframe+delay_moov+default_base_moof+global_sidx+skip_trailer")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0")
X265 = "keyint=60:min-keyint=60:scenecut=0:open-gop=0:pools=none:info=0:log-level=error"
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", X265)
AV1 = ("-c:v", "libsvtav1", "-preset", "12", "-crf", "45", "-g", "60", "-svtav1-params", "lp=1:scd=0")
AAC = ("-c:a", "aac", "-b:a", "96k", "-ac", "2")


def run_ffmpeg(*arguments):
    """Run ffmpeg; its standard output."""
    command = ("ffmpeg", "-nostdin", "-y", "-v", "error", "-threads", "1", *map(str, arguments))
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, "SVT_LOG": "0"}).stdout


@pytest.fixture(scope="session")
def ffmpeg():
    """The function that runs it. Skips where it is not installed, but never on the build server."""
    if shutil.which("ffmpeg") is None and "CI" not in os.environ:
        pytest.skip("ffmpeg is not installed")
    return run_ffmpeg


@pytest.fixture(scope="session")
def rungs(ffmpeg, tmp_path_factory):
    """Five seconds at 29.97 pictures a second, with sound, as fragments of two seconds, by codec."""
    folder = tmp_path_factory.mktemp("rungs")
    for name, codec in (("h264", H264), ("hevc", HEVC), ("av1", AV1)):
        ffmpeg(*PICTURES, *TONE, *codec, *TAGS, *AAC, *BARE, *FRAGMENTS, folder / f"{name}.mp4")
    return {name: folder / f"{name}.mp4" for name in ("h264", "hevc", "av1")}


@pytest.fixture(scope="session")
def plain(ffmpeg, tmp_path_factory):
    """Three muted seconds as a plain MP4."""
    file = tmp_path_factory.mktemp("plain") / "preview.mp4"
    ffmpeg(*PICTURES, "-t", 3, "-an", *H264, *TAGS, *BARE, "-movflags", "+faststart", file)
    return file
