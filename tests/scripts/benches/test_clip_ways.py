"""What ours is compared with really makes what it says, and the floors leave nothing in that could be left out."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benches.memory import watched
from scripts.benches.peers import clip_ffmpeg
from scripts.benches.peers.clip_ffmpeg import WAYS, Clip, probe, run
from scripts.benches.peers.serve_clips import serve_clips
from scripts.benches.vmaf import arguments

PHONE = Clip(file=Path("in.mov"), width=1080, height=1920, frames_per_second=30, has_sound=True, subsampled=True)


@pytest.fixture(scope="module")
def turned(tmp_path_factory) -> Path:
    """Half a second, 320 x 180 as stored, shown upright as 180 x 320, with sound."""
    folder = tmp_path_factory.mktemp("clips")
    flat, file = folder / "flat.mp4", folder / "turned.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=0.5", "-f", "lavfi", "-i", "sine=d=0.5"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *encode, flat], check=True)
    turn = ["-c", "copy", "-metadata:s:v:0", "rotate=90"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", flat, *turn, file], check=True)
    return file


def streams(file):
    command = ["ffprobe", "-v", "error", "-show_streams", "-count_frames", "-of", "json", file]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"]
    return {stream["codec_type"]: stream for stream in found}


def test_a_turned_clip_is_as_high_as_it_is_shown(turned):
    found = probe(turned)

    assert (found.width, found.height) == (180, 320)
    assert found.has_sound
    assert found.subsampled
    assert found.frames_per_second == 30


@pytest.mark.parametrize("name", WAYS)
def test_every_way_makes_whole_upright_clips(name, turned, tmp_path):
    made = run(WAYS[name], turned, tmp_path)

    rungs = {rung: streams(file) for rung, file in made.items() if rung.endswith("p")}
    assert rungs
    for rung in rungs.values():
        assert (rung["video"]["width"], rung["video"]["height"]) == (180, 320)
        assert rung["video"]["nb_read_frames"] == "15"
        assert ("audio" in rung) is (name != "floor_one")


def test_the_floor_of_three_makes_three_rungs_of_a_large_clip_with_one_encoder_for_the_sound():
    (command,) = clip_ffmpeg.floor_three(PHONE, Path("out"))

    assert command.count("aac") == 1
    assert [command[place + 1] for place, word in enumerate(command) if word.startswith("-c:v:")] == ["libx264"] * 3
    graph = command[command.index("-filter_complex") + 1]
    assert graph.count("scale=") == 2  # the largest rung is the clip's own size
    assert "scale=720:1280:flags=lanczos" in graph
    assert all(f"out/{rung}.mp4" in command[-1] for rung in ("1080p", "720p", "480p"))


def test_the_floor_of_one_has_nothing_but_the_largest_rung():
    (command,) = clip_ffmpeg.floor_one(PHONE, Path("out"))

    assert "-an" in command
    assert "scale" not in " ".join(command)
    assert command[command.index("-crf:v") + 1] == "23"
    assert command[command.index("-threads:v") + 1] == "1"
    assert command[-1] == "out/1080p.mp4"


def test_a_fast_clip_is_slowed_down_before_anything_else_as_ours_is():
    fast = Clip(file=Path("in.mov"), width=720, height=1280, frames_per_second=120, has_sound=False, subsampled=True)

    (command,) = clip_ffmpeg.floor_three(fast, Path("out"))

    assert command[command.index("-filter_complex") + 1].startswith("[0:V:0]fps=30,split=2")
    assert "aac" not in command


def test_a_contender_answers_with_its_own_time_and_that_of_what_it_ran(tmp_path, monkeypatch, capsys):
    def job(clip, out):
        subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
        return {"made": out / clip.name}

    prepared = []
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"clip": "a.mov", "out": str(tmp_path)}) + "\n"))

    serve_clips(job, lambda clip, out: prepared.append((clip.name, out)))

    answer = json.loads(capsys.readouterr().out)
    assert prepared == [("a.mov", tmp_path)]
    assert answer["made"] == {"made": str(tmp_path / "a.mov")}
    assert answer["run_seconds"] > answer["own_seconds"] >= 0


def test_a_rung_is_judged_at_the_sources_size_and_the_source_is_the_second_input():
    command = arguments("ffmpeg", Path("source.mov"), Path("rung.mp4"), (1080, 1920), 30, Path("log"))

    assert [command[place + 1] for place, word in enumerate(command) if word == "-i"] == ["rung.mp4", "source.mov"]
    graph = command[command.index("-lavfi") + 1]
    assert graph.count("scale=1080:1920:flags=bicubic") == 2
    assert "[rung][source]libvmaf=" in graph
    assert "n_subsample" not in graph


def test_memory_is_counted_of_a_process_and_of_all_below_it():
    hold = "import subprocess, sys, time; held = bytearray(64 << 20); "
    below = f"{hold} time.sleep(3)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{hold} subprocess.run([sys.executable, '-c', {below!r}])"], env=os.environ
    )

    with watched(process.pid) as peak:
        process.wait()

    assert 64 <= peak.one >> 20 < 128
    assert 128 <= peak.all >> 20 < 256
