"""Pictures and sound are together: a flash and a beep of the original stay one moment, whatever is made of it."""

import re
import subprocess
from itertools import pairwise

import numpy as np
import pytest

from config import CLIP_LADDERS, Limits
from filters.recipe import Adjustments, Cut, Recipe
from pipeline.clip.render import render_clip
from pipeline.services import Edits

FRAME = 1 / 30  # of a second: less is not seen
RATE = 48_000
HEARD_EARLY = 0.005  # AAC may have a beep before it begins
LIGHT, LOUD = 150, 0.1  # between dark and flash, in levels; between silence and beep
FLASHES = "color=gray:s=160x90:r={rate}:d=4,geq=lum='if(lt(mod(T+0.5,1),0.0999),235,40)':cb=128:cr=128,format=yuv420p"
BEEPS = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t+0.5,1),0.0999)':s=48000:d=4"
CODECS = ("-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-c:a")  # with frames out of order, as a phone's


@pytest.fixture
def made(ffmpeg, tmp_path):
    """A function that makes a clip of flashes and beeps, and ours of it: the rung's file and its playlist."""

    def make(name, recipe=None, *, rate="30", sound="aac"):
        (tmp_path / "out").mkdir()
        flashes, beeps = ("-f", "lavfi", "-i", FLASHES.format(rate=rate)), ("-f", "lavfi", "-i", BEEPS)
        ffmpeg(*flashes, *beeps, *CODECS, sound, tmp_path / name)
        (tmp_path / name).rename(tmp_path / "original")
        edits = Edits(recipe=recipe or Recipe())
        ladder = CLIP_LADDERS["standard"]
        clip = render_clip(tmp_path, ladder, Limits(), edits, (), lambda _: None, lambda _: None)
        files = {file.name: tmp_path / "out" / file.file for file in clip.files}
        return files["480p"], files["480p.m3u8"]

    return make


def said(file, *filtered):
    """What ffmpeg says of a file that it plays on the file's own clock, as its edit lists have it."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-copyts", "-i", file, *filtered, "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def flashes(file):
    """When it gets light, in seconds."""
    shown = re.findall(r"pts_time:(\S+).*mean:\[(\d+)", said(file, "-map", "0:v:0", "-vf", "showinfo"))
    frames = [(float(time), int(mean) > LIGHT) for time, mean in shown]
    return [time for (_, before), (time, light) in pairwise(frames) if light and not before]


def beeps(file):
    """When it gets loud, in seconds."""
    begins = re.search(r"pts_time:(\S+)", said(file, "-map", "0:a:0", "-af", "ashowinfo"))
    command = ["ffmpeg", "-v", "error", "-copyts", "-i", file, "-map", "0:a:0", "-ac", "1", "-f", "f32le", "pipe:1"]
    samples = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    loud = np.flatnonzero(np.abs(samples) > LOUD)
    starts = loud[np.diff(loud, prepend=-RATE) > RATE / 10]
    return [float(begins.group(1)) + start / RATE for start in starts]


def assert_together(file, expected):
    """A flash and a beep at each of these seconds, on a clock that may begin with what primes the sound's decoder."""
    light, loud = flashes(file), beeps(file)
    assert (len(light), len(loud)) == (len(expected), len(expected))
    np.testing.assert_allclose(light, loud, atol=FRAME / 2 + HEARD_EARLY)
    np.testing.assert_allclose(light, expected, atol=FRAME + HEARD_EARLY)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", {}),
        ("clip.mkv", {"sound": "libopus"}),
        ("clip.ts", {}),
        ("clip.mov", {"rate": "25", "sound": "pcm_s16le"}),
        ("clip.mp4", {"rate": "60000/1001"}),
        ("clip.mp4", {"rate": "50"}),
    ],
)
def test_a_flash_and_its_beep_stay_together_in_a_rung_and_in_its_playlist(name, options, made):
    for file in made(name, **options):
        assert_together(file, [0.5, 1.5, 2.5, 3.5])


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts"])
def test_so_they_do_after_a_cut(name, made):
    for file in made(name, Recipe(cut=Cut(start=1.2, end=3.7))):
        assert_together(file, [0.3, 1.3, 2.3])


def test_so_they_do_where_frames_come_through_our_own_kernels(made):
    for file in made("clip.mp4", Recipe(adjustments=Adjustments(warmth=40), cut=Cut(start=1.0))):
        assert_together(file, [0.5, 1.5, 2.5])
