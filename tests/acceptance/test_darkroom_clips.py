"""The `darkroom` command with clips, against real servers and workers."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from click.testing import CliRunner

from jobs.gearman import survey
from jobs.s3 import connect_s3
from scripts.darkroom.main import darkroom
from scripts.sample import sample_photo
from tests.conftest import temporary_stack

pytestmark = pytest.mark.server
READY_SECONDS = 180  # clip workers stand back for everything else on the machine
SECONDS = 3.0
OWNER = 7


@pytest.fixture(scope="module")
def clip_stack():
    """A stack with a worker for photos and one for clips."""
    with temporary_stack() as fresh:
        fresh.up()
        fresh.pool.start(photo=1, clip=1)
        deadline = time.monotonic() + READY_SECONDS
        while len(survey(f"127.0.0.1:{fresh.gearmand.port}", 2.0).workers) < 2:
            assert time.monotonic() < deadline, f"no workers after {READY_SECONDS} s, see {fresh.pool.log}"
            time.sleep(0.1)
        yield fresh


@pytest.fixture
def run(clip_stack):
    """Run a command; returns its result."""
    return lambda *words: CliRunner().invoke(darkroom, ["--dir", str(clip_stack.directory), *map(str, words)])


@pytest.fixture
def clip(tmp_path):
    """A clip with sound that no other test submits."""
    return film(tmp_path / "film.mp4", tmp_path.name)


def film(file, title, *, seconds=SECONDS, size="320x240"):
    """A test card with a tone; the title makes its bytes its own."""
    pictures = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    call = ["ffmpeg", "-nostdin", "-y", "-v", "error", *pictures, *tone, *encode, "-metadata", f"title={title}"]
    subprocess.run([*call, file], check=True)
    return file


def read(result):
    """What a successful command with --json printed."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def done(run, *words):
    """The media that a command's job comes to, once it is done."""
    (job,) = read(run("job", "wait", read(run(*words, "--json"))["job_id"], "--json"))
    return read(run("media", "show", job["media_id"], "--json"))["media"]


def names(media):
    return {rendition["name"] for rendition in media["renditions"]}


def test_a_clip_is_told_by_its_bytes_waited_for_and_shown_with_its_facts_and_addresses(run, clip):
    (submitted,) = read(run("submit", clip.rename(clip.with_suffix(".jpg")), "--owner", OWNER, "--wait", "--json"))
    media_id = submitted["media"]["media_id"]

    shown, text = read(run("media", "show", media_id, "--json")), run("media", "show", media_id).stdout

    media = shown["media"]
    assert (submitted["job"]["function"], submitted["job"]["state"]) == ("clip", "done")
    assert (media["function"], media["state"], media["height"]) == ("clip", "ready", 240)
    assert {"480p", "480p.m3u8", "master", "preview", "w320", "s150"} <= names(media)
    assert names(media) == shown["urls"].keys()
    assert media["facts"]["seconds"] == pytest.approx(SECONDS, abs=0.1)
    assert re.search(r"^clip \d+ of owner 7: ready, generation 1$", text, re.MULTILINE)
    assert re.search(r"^3\.0 s, 25 frames/s, h264, aac at -?\d+\.\d LUFS$", text, re.MULTILINE)
    assert shown["urls"]["master"].split("?")[0] in text


def test_a_clip_is_cut_muted_given_a_cover_and_usable_before_it_is_whole(run, tmp_path):
    clip = film(tmp_path / "film.mp4", tmp_path.name, size="960x720")
    options = ("--trim", "0.5-2", "--mute", "--cover", 1, "--look", "juno", "--usable", "480p")

    (submitted,) = read(run("submit", clip, "--owner", OWNER, *options, "--wait", "--json"))

    media = submitted["media"]
    recipe = {"look": {"name": "juno"}, "cut": {"start": 0.5, "end": 2, "mute": True, "cover": 1}}
    assert submitted["job"]["recipe"] == media["recipe"] == recipe
    assert (media["state"], media["generation"]) == ("ready", 2), "usable first, then ready"
    assert (media["facts"]["has_sound"], media["facts"]["poster_seconds"]) == (False, pytest.approx(1, abs=0.05))
    assert media["facts"]["seconds"] == pytest.approx(1.5, abs=0.05)
    assert "no sound" in run("media", "show", media["media_id"]).stdout
    assert [record["generation"] for record in read(run("media", "history", media["media_id"], "--json"))] == [2]


def test_a_clip_is_edited_again_as_a_clip_and_brought_back(run, clip):
    (submitted,) = read(run("submit", clip, "--owner", OWNER, "--wait", "--json"))
    media_id = submitted["media"]["media_id"]

    edited = done(run, "media", "edit", media_id, "--trim", "-1", "--edit", "rotate=90")
    again = done(run, "media", "reprocess", media_id)
    rolled = read(run("media", "rollback", media_id, "--to", 1, "--json"))

    assert edited["recipe"] == again["recipe"] == {"cut": {"end": 1}, "geometry": {"rotate": 90}}
    assert edited["facts"]["seconds"] == again["facts"]["seconds"] == pytest.approx(1, abs=0.05)
    assert rolled["facts"]["seconds"] == pytest.approx(SECONDS, abs=0.1)
    assert [rung["height"] for rung in edited["renditions"] if rung["name"] == "480p"] == [320]


def test_what_is_fetched_plays_from_its_folder(run, clip, tmp_path):
    (submitted,) = read(run("submit", clip, "--owner", OWNER, "--wait", "--json"))
    media_id = submitted["media"]["media_id"]

    result = run("media", "fetch", media_id, "-o", tmp_path / "out")

    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").iterdir())) == len(submitted["media"]["renditions"])
    for name in ("master.m3u8", "480p.m3u8", "480p.mp4"):
        probed = subprocess.run(
            ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "format=duration",
             tmp_path / "out" / f"{media_id}-{name}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert float(probed.stdout) == pytest.approx(SECONDS, abs=0.1)
    assert f"{media_id}-strip.jpg#xywh=" in (tmp_path / "out" / f"{media_id}-strip.vtt").read_text()


def test_photos_and_clips_lie_in_one_folder(run, tmp_path):
    film(tmp_path / "1.mp4", tmp_path.name, seconds=1)
    (tmp_path / "2.jpg").write_bytes(sample_photo(40, 60))

    submitted = read(run("submit", tmp_path, "--owner", OWNER, "--wait", "--json"))

    assert [(each["job"]["function"], each["job"]["state"]) for each in submitted] == [
        ("clip", "done"),
        ("photo", "done"),
    ]


def test_a_gif_is_a_photo_unless_it_is_said_to_be_a_clip(run, tmp_path):
    file = tmp_path / "moves.gif"
    source = "testsrc=size=160x120:rate=10:duration=1"
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, file], check=True)

    photo, clip = (
        read(run("submit", file, "--owner", OWNER, *how, "--wait", "--json"))[0] for how in ((), ("--clip",))
    )

    assert (photo["media"]["function"], clip["media"]["function"]) == ("photo", "clip")
    assert photo["media"]["media_id"] != clip["media"]["media_id"]
    assert clip["media"]["facts"]["loops"]
    assert "master" in names(clip["media"]) - names(photo["media"])


def test_a_clip_that_lies_on_s3_is_submitted_from_there(run, clip_stack, clip):
    settings = clip_stack.settings
    connect_s3(settings).put_object(Bucket=settings.s3_bucket, Key="import/film", Body=clip.read_bytes())

    (submitted,) = read(run("submit", f"s3://{settings.s3_bucket}/import/film", "--owner", OWNER, "--wait", "--json"))

    assert (submitted["job"]["function"], submitted["job"]["state"]) == ("clip", "done")


def test_what_is_said_to_be_a_photo_is_made_as_one_and_rejected_with_the_reason(run, clip):
    result = run("submit", clip, "--owner", OWNER, "--photo", "--wait", "--json")

    (submitted,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (submitted["job"]["state"], submitted["job"]["code"]) == ("rejected", "video_not_photo")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--mute",), "bad_recipe: cut: it is for clips"),
        (("--preset", "hevc"), "unknown_ladder: there is no ladder 'hevc' for a photo"),
        (("--usable", "480p"), "unknown_rendition: '480p' cannot be mandatory; a photo is published as a whole"),
    ],
)
def test_what_only_clips_have_is_refused_of_a_photo_before_it_is_stored(run, tmp_path, monkeypatch, options, says):
    monkeypatch.setattr("scripts.darkroom.submit.store", None)
    (tmp_path / "photo.jpg").write_bytes(sample_photo(40, 60))

    result = run("submit", tmp_path / "photo.jpg", "--owner", OWNER, *options, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["error"].startswith(says)


def test_a_rung_that_the_ladder_has_not_is_refused_before_anything_is_stored(run, clip, monkeypatch):
    monkeypatch.setattr("scripts.darkroom.submit.store", None)

    result = run("submit", clip, "--owner", OWNER, "--usable", "360p")

    assert result.exit_code == 1
    assert "the ladder standard has 1080p, 720p, 480p" in result.output


# While it runs


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """One that takes several seconds at least."""
    return film(tmp_path_factory.mktemp("long") / "film.mp4", "long", seconds=40, size="1280x720")


def test_a_running_clip_tells_its_percent_and_its_time_to_the_end_and_ends_when_it_is_cancelled(run, long_clip):
    (submitted,) = read(run("submit", long_clip, "--owner", OWNER, "--json"))
    job_id = submitted["job"]["job_id"]
    deadline = time.monotonic() + READY_SECONDS
    while not (job := read(run("job", "show", job_id, "--json"))["job"])["eta_seconds"]:
        assert time.monotonic() < deadline, job
        time.sleep(0.2)

    text = run("job", "show", job_id).stdout
    read(run("job", "cancel", job_id, "--json"))

    assert 0 < job["progress"] < 1
    assert re.search(r"running  \d+ %  [\d a-z]+ left", text)
    cancelled = read(run("job", "show", job_id, "--json"))
    assert (cancelled["job"]["progress"], cancelled["job"]["eta_seconds"]) == (None, None)
    assert cancelled["attempts"][-1]["outcome"] == "cancelled"


def test_a_person_who_waits_sees_percent_and_time_to_the_end(clip_stack, long_clip):
    command = [sys.executable, "-c", "from scripts.darkroom.main import run; run()", "--dir", clip_stack.directory]
    moments = []

    for text in in_terminal([*command, "submit", long_clip, "--owner", str(OWNER), "--wait", "--trim", "0-20"]):
        moments += re.findall(r"(\d+) %.*? \d+ s left", text)

    shares = list(map(int, moments))
    assert shares == sorted(shares)
    assert len(set(shares)) >= 3, shares


def in_terminal(command):
    """What a command writes to a terminal, piece by piece; it has to end well."""
    ours, theirs = pty.openpty()
    wide = {**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=wide)
    os.close(theirs)
    with suppress(OSError):  # EIO: the other end is closed
        while data := os.read(ours, 1 << 16):
            yield re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode(errors="replace"))
    os.close(ours)
    assert process.wait() == 0
