"""The one place that starts ffmpeg: confined, and its end told in our words."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from config import Limits
from jobs.errors import DiskShort, InternalError, Rejected
from pipeline.clip.ffmpeg import (
    FFPROBE,
    TAIL_BYTES,
    EncoderDied,
    capture,
    decoder,
    encoder,
    last_words,
    run,
    safe_input,
    what_ended_it,
)

LIMITS = Limits()
ENDLESS = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "null", "-")


def test_progress_grows_to_the_whole(ffmpeg, tmp_path):
    seen = []
    done = run(
        ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", "-f", "null", "-"],
        LIMITS,
        folder=tmp_path,
        seconds=2.0,
        report=seen.append,
    )

    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0, abs=0.05)
    assert (done.frames, done.seconds) == (60, pytest.approx(2.0, abs=0.05))


def test_what_cannot_be_decoded_is_the_medias_fault_and_no_folder_is_told(tmp_path):
    (tmp_path / "original").write_bytes(b"\0\0\0\x14ftypisom" + bytes(100))

    with pytest.raises(Rejected) as refused:
        capture(["-f", "mov", "-i", str(tmp_path / "original"), "-f", "null", "-"], LIMITS, folder=tmp_path)

    assert refused.value.code == "truncated_clip"  # it has no index
    assert str(tmp_path) not in str(refused.value)


def test_an_option_that_does_not_exist_is_a_mistake_of_ours(tmp_path):
    with pytest.raises(InternalError):
        run(["-no_such_option", "1", *ENDLESS], LIMITS, folder=tmp_path)


def test_a_filter_that_does_not_exist_is_a_mistake_of_ours(tmp_path):
    with pytest.raises(InternalError):
        run(["-f", "lavfi", "-i", "testsrc2=d=1", "-vf", "no_such_filter", "-f", "null", "-"], LIMITS, folder=tmp_path)


def test_too_much_cpu_ends_it_and_may_be_tried_again(tmp_path):
    with pytest.raises(EncoderDied) as died:
        run(ENDLESS, replace(LIMITS, clip_cpu_seconds=1), folder=tmp_path)

    assert "CPU" in str(died.value) or "SIG" in str(died.value)


def test_too_much_time_ends_it_whatever_it_is_waiting_for(tmp_path):
    with pytest.raises(EncoderDied, match="wall limit of 1 s"):
        run(ENDLESS, replace(LIMITS, clip_wall_seconds=1), folder=tmp_path)


def test_one_piece_of_memory_is_bounded_too(tmp_path):
    frame = ["-f", "lavfi", "-i", "color=s=1920x1080:d=0.1", "-c:v", "png", "-threads", "1", "one.mov"]
    run(frame, LIMITS, folder=tmp_path)
    decode = ["-i", "one.mov", "-f", "null", "-"]

    run([*safe_input("mov", LIMITS), *decode], LIMITS, folder=tmp_path)
    tight = replace(LIMITS, clip_alloc_bytes=1 << 20)
    with pytest.raises((Rejected, EncoderDied)):
        run([*safe_input("mov", tight), *decode], tight, folder=tmp_path)


def test_too_little_memory_ends_it_and_may_be_tried_again(tmp_path):
    large = ["-f", "lavfi", "-i", "color=s=7680x4320:d=1", "-vf", "format=gbrpf32le,reverse", "-f", "null", "-"]

    with pytest.raises(EncoderDied):
        run(large, replace(LIMITS, clip_memory_bytes=700 << 20), folder=tmp_path)


def test_a_file_beyond_the_bound_is_the_clips_fault_and_not_tried_again(tmp_path):
    raw = ["-f", "lavfi", "-i", "testsrc2=s=640x360:d=5", "-f", "rawvideo", "large.raw"]

    with pytest.raises(Rejected) as refused:
        run(raw, replace(LIMITS, clip_file_bytes=1 << 20), folder=tmp_path)

    assert refused.value.code == "too_many_bytes"


def test_a_full_disk_is_no_room(tmp_path):
    with pytest.raises(DiskShort):
        run(["-f", "lavfi", "-i", "testsrc2=d=3", "-f", "rawvideo", "/dev/full"], LIMITS, folder=tmp_path)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (-signal.SIGKILL, "", EncoderDied),
        (-signal.SIGSEGV, "", EncoderDied),
        (255, "Exiting normally, received signal 24.", EncoderDied),
        (1, "av_interleaved_write_frame(): No space left on device", DiskShort),
        (1, "Cannot allocate memory", EncoderDied),
        (1, "Invalid data found when processing input", Rejected),
    ],
)
def test_an_end_is_told_by_its_status_and_last_words(status, said, kind):
    assert isinstance(what_ended_it(status, said), kind)


def test_last_words_have_no_addresses_in_memory():
    assert last_words("Conversion failed!") == "Conversion failed!"
    assert (
        last_words("one\n[mov @ 0x55fb82159980] moov atom not found\n\nConversion failed!\n")
        == "[mov] moov atom not found"
    )


def test_leaving_kills_what_runs(tmp_path):
    with decoder([*ENDLESS[:4], "-f", "rawvideo", "pipe:1"], LIMITS, folder=tmp_path) as process:
        assert process.stdout.read(100)
        pid = process._process.pid

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_dies_with_the_process_that_started_it(tmp_path):
    script = (
        "import time; from pathlib import Path; from config import Limits; from pipeline.clip.ffmpeg import decoder\n"
        f"p = decoder({[*ENDLESS[:4], '-f', 'rawvideo', 'pipe:1']!r}, Limits(), folder=Path({str(tmp_path)!r}))\n"
        "print(p._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()

    for _ in range(50):
        if not is_running(pid):
            break
        time.sleep(0.1)
    assert not is_running(pid)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_frames_go_through_a_decoder_and_an_encoder(tmp_path):
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", "64x64", "-r", "10")
    with encoder([*raw, "-i", "pipe:0", "-c:v", "ffv1", "made.mkv"], LIMITS, folder=tmp_path) as process:
        for level in range(10):
            process.stdin.write(bytes([level]) * 64 * 64)
        process.finish()

    back = capture(["-i", "made.mkv", "-f", "rawvideo", "pipe:1"], LIMITS, folder=tmp_path)

    assert back == b"".join(bytes([level]) * 64 * 64 for level in range(10))


def test_of_endless_complaints_the_last_are_kept(tmp_path):
    short = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=30:d=2", "-f", "null", "-"]

    done = run(["-v", "debug", *short], LIMITS, folder=tmp_path)

    assert len(done.said) <= TAIL_BYTES
    assert "frames successfully decoded" in done.said or "0 decode errors" in done.said


def test_ffprobe_is_started_here_too(ffmpeg, tmp_path):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=1", tmp_path / "a.mp4")
    answer = capture(
        ["-v", "error", "-show_entries", "format=nb_streams", "a.mp4"], LIMITS, folder=tmp_path, program=FFPROBE
    )

    assert b"nb_streams=1" in answer
