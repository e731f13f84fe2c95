"""One loudness for every clip: as another listener measures it."""

import re
import subprocess

import pytest

from config import CLIP_LADDERS, Limits
from filters.recipe import Cut
from pipeline.clip.arguments import transcode_arguments
from pipeline.clip.ffmpeg import run
from pipeline.clip.loudness import MOST_GAIN_DB, Level, Loudness, choose_level, read_loudness, settle_level
from pipeline.clip.plan import plan_rungs, plan_span
from pipeline.clip.probe import probe
from pipeline.clip.render import listen

LADDER = CLIP_LADDERS["standard"]
PRESET = LADDER.sound
SUMMARY = """
  Integrated loudness:
    I:         -23.4 LUFS
    Threshold: -33.6 LUFS
  Loudness range:
    LRA:         4.6 LU
  True peak:
    Peak:       -1.2 dBFS
"""


def loudnorm(file):
    """Integrated loudness and true peak by `loudnorm`, which is another implementation than `ebur128`."""
    heard = ["-map", "0:a", "-af", "loudnorm=print_format=json", "-f", "null", "-"]
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-i", file, *heard]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    measured = dict(re.findall(r'"(input_\w+)" : "(-?[\d.]+|-inf)"', said))
    return float(measured["input_i"]), float(measured["input_tp"])


def test_the_summary_is_read():
    assert read_loudness(SUMMARY) == Loudness(lufs=-23.4, peak_db=-1.2)
    assert read_loudness(SUMMARY.replace("-23.4", "-70.0").replace("-1.2", "-inf")) == Loudness(lufs=None, peak_db=None)
    assert read_loudness("nothing") == Loudness(lufs=None, peak_db=None)


def test_a_gain_alone_is_enough_where_no_peak_comes_near_the_ceiling():
    assert choose_level(Loudness(lufs=-20.0, peak_db=-12.0), PRESET) == Level(lufs=-20.0, gain_db=6.0)
    assert choose_level(Loudness(lufs=-8.0, peak_db=1.0), PRESET) == Level(lufs=-8.0, gain_db=-6.0)


def test_a_limiter_holds_peaks_that_a_gain_would_put_over_it():
    level = choose_level(Loudness(lufs=-30.0, peak_db=-6.0), PRESET)

    assert level.ceiling_db is not None
    assert level.ceiling_db <= PRESET.true_peak_db


def test_silence_stays_silence_and_noise_is_not_raised_without_end():
    assert choose_level(Loudness(lufs=None, peak_db=None), PRESET) == Level(lufs=None)
    assert choose_level(Loudness(lufs=-68.0, peak_db=-60.0), PRESET).gain_db == MOST_GAIN_DB


def test_what_the_limiter_takes_away_is_given_back():
    left = iter([-16.0, -14.5, -14.1])
    level = settle_level(Loudness(lufs=-30.0, peak_db=-6.0), lambda _: Loudness(lufs=next(left), peak_db=-6.0), PRESET)

    assert level.gain_db == pytest.approx(16.0 + 2.0 + 0.5)


SOUNDS = {
    "quiet": "sine=f=440:d=4,volume=-30dB",
    "loud": "aevalsrc='0.99*sin(440*2*PI*t)|0.99*sin(440*2*PI*t)':d=4:s=44100",
    "mono at 8 kHz": "sine=f=300:r=8000:d=4,volume=-12dB",
    "5.1": "aevalsrc='0.1*sin(440*2*PI*t)|0.1*sin(550*2*PI*t)|0.1*sin(330*2*PI*t)|0|0.05*sin(220*2*PI*t)|0':c=5.1:d=4",
    "clicks in a hum": "aevalsrc='0.06*sin(330*2*PI*t)+0.6*lt(mod(t,1),0.005)*sin(900*2*PI*t)':d=4:s=48000",
}


@pytest.mark.parametrize("name", SOUNDS)
def test_every_sound_comes_to_one_loudness_below_one_peak(name, ffmpeg, tmp_path):
    file = tmp_path / "original"
    pictures = ("-f", "lavfi", "-i", "color=gray:s=64x64:r=10:d=4")
    ffmpeg(*pictures, "-f", "lavfi", "-i", SOUNDS[name], "-c:a", "pcm_s16le", "-c:v", "mjpeg", "-f", "mov", file)
    limits = Limits()
    source = probe(file, limits)
    span, rungs = plan_span(source, Cut()), plan_rungs(64, 64, LADDER.rungs)
    heard = []
    level = listen(source, span, PRESET, limits, tmp_path, heard.append)
    arguments = transcode_arguments(source, span, rungs, LADDER, limits, level=level, preview=False, strip=False)
    run(arguments, limits, folder=tmp_path)

    loudness, peak = loudnorm(tmp_path / rungs[0].file)

    assert max(heard) == pytest.approx(1.0, abs=0.05)
    assert loudness == pytest.approx(PRESET.loudness_lufs, abs=0.6)
    assert peak <= PRESET.true_peak_db + 0.1
