"""Progress grows while a program works, whether or not anything comes of it, and stands while it is stuck."""

import subprocess
import sys
import time
from itertools import pairwise

import pytest

import pipeline.clip.pulse
from config import Limits
from pipeline.clip.ffmpeg import capture
from pipeline.clip.pulse import HAIR, WHOLE, Pulse

READING = """
import sys, time
with open(sys.executable, "rb") as file:
    while time.process_time() < {seconds}: time.sleep(0), file.seek(({step} + file.tell()) % {turn})
"""
BUSY = "import time\nwhile time.process_time() < 3: pass"
STUCK = "import time; time.sleep(1.5)"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(pipeline.clip.pulse, "BEAT_SECONDS", 0.1)


def reading(turn, seconds=1.5):
    """A program that reads for so many seconds of CPU, and from the start again after so many bytes."""
    return READING.format(step=4096, turn=turn, seconds=seconds)


def told_during(program):
    told = []
    with Pulse(told.append) as pulse:
        pulse(0.03)
        subprocess.run([sys.executable, "-S", "-c", program], check=True)
    return told


def test_what_takes_cpu_and_shows_nothing_goes_on_advancing():
    told = told_during(BUSY)

    assert len(told) >= 5
    assert all(earlier < later for earlier, later in pairwise(told))
    assert told[-1] - told[0] < 1000 * HAIR


def test_what_sleeps_does_not_advance():
    assert len(told_during(STUCK)) <= 2  # its start takes some


def test_what_takes_cpu_and_gets_nowhere_is_believed_for_a_moment(monkeypatch):
    monkeypatch.setattr(pipeline.clip.pulse, "MOST_LOST_SECONDS", 0.3)

    assert len(told_during(BUSY)) <= 7  # three, once it has started


def test_what_reads_on_is_believed_all_the_time(monkeypatch):
    monkeypatch.setattr(pipeline.clip.pulse, "MOST_LOST_SECONDS", 0.3)

    assert len(told_during(reading(turn=1 << 40, seconds=4))) >= 7  # on a busy machine it is asked seldom


def test_what_reads_the_same_again_and_again_is_not(monkeypatch):
    monkeypatch.setattr(pipeline.clip.pulse, "MOST_LOST_SECONDS", 0.3)

    assert len(told_during(reading(turn=1 << 17, seconds=3))) <= 10  # three for each of its two places, and its start


def test_nothing_is_believed_for_ever(monkeypatch):
    monkeypatch.setattr(pipeline.clip.pulse, "MOST_SILENT_SECONDS", 0.3)

    assert len(told_during(reading(turn=1 << 40))) <= 5


def test_our_own_work_counts_too():
    told = []
    with Pulse(told.append):
        ends = time.process_time() + 30.0  # the watcher takes turns with us, on a busy machine seldom
        while len(told) < 3 and time.process_time() < ends:
            pass

    assert len(told) >= 3


def test_a_capture_of_ffmpeg_that_writes_nothing_advances(ffmpeg, tmp_path):
    told = []
    dropped = ["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30:d=100", "-vf", "trim=start=99.9", "-frames:v", "1"]
    with Pulse(told.append):
        capture([*dropped, "-f", "rawvideo", "pipe:1"], Limits(), folder=tmp_path)

    assert len(told) >= 3
    assert told == sorted(set(told))


def test_it_never_goes_back_and_leaves_room_after_the_last_frame():
    told = []
    with Pulse(told.append) as pulse:
        for share in (0.5, 0.2, 1.0):
            pulse(share)

    assert told == [0.5 * WHOLE, 0.5 * WHOLE, WHOLE]


def test_nothing_is_told_once_it_has_ended():
    told = []
    with Pulse(told.append):
        pass
    subprocess.run([sys.executable, "-S", "-c", BUSY], check=True)
    time.sleep(0.3)

    assert told == []
