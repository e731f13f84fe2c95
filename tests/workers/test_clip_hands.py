"""The head and a real child process, whose clips are orders to misbehave: see hostile_clip_renderer.py."""

import hashlib
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from config import CLIP_LADDERS, Limits
from filters.recipe import parse_recipe
from jobs.errors import DiskShort, HandsDied, InternalError, Rejected
from pipeline.clip.ffmpeg import EncoderDied
from pipeline.scratch import Scratch
from pipeline.services import ClipRequest, Edits
from workers.clip_wire import kinds
from workers.hands import ClipHands

HOSTILE = (sys.executable, "-s", str(Path(__file__).with_name("hostile_clip_renderer.py")))
# As nice as in production they would hardly run at all while a busy machine tests something else beside them.
LIMITS = Limits(clip_niceness=1, clip_stall_seconds=60, clip_wall_seconds=60, photo_memory_bytes=256 << 20)
STALL_SECONDS = 5  # so long that who has to wait for a processor is told from who is stuck
LADDER = CLIP_LADDERS["standard"]
NO_EDITS = Edits()
WIRE_NAMES = list(kinds(LADDER))


@pytest.fixture
def scratch(tmp_path):
    with Scratch.opened(tmp_path / "scratch", 0) as scratch:
        yield scratch


@pytest.fixture
def make(scratch):
    made = []

    def make(**limits):
        made.append(
            ClipHands(replace(LIMITS, **limits), scratch.folder, jobs=1000, memory_bytes=1 << 30, command=HOSTILE)
        )
        return Subject(made[-1], scratch)

    yield make
    for hands in made:
        hands.close()


class Subject:
    """Hands for clips, and the folder for each."""

    def __init__(self, hands, scratch):
        self.hands = hands
        self.scratch = scratch
        self.progress = []
        self.parts = []

    def render(self, order, edits=NO_EDITS, mandatory=(), on_part=None, on_wait=None):
        with self.scratch.job() as folder:
            (folder / "original").write_text(order)
            request = ClipRequest(folder=folder, ladder="standard", edits=edits, mandatory=mandatory)
            return self.hands.render(request, on_part or self.parts.append, on_wait or self.note)

    def note(self, progress=None):
        self.progress.append(progress)

    @property
    def pid(self):
        self.render("see")
        return self.hands.pid


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def inhabitants(pid):
    """The processes of a process's namespace, by their numbers here."""
    namespace = namespace_of(pid)
    return {other for other in psutil.pids() if namespace_of(other) == namespace}


def namespace_of(pid):
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink()
    except OSError:  # it has ended, or is not ours to look at
        return pid


def test_a_clip_comes_back_as_its_ladders_renditions_and_one_child_renders_clip_after_clip(make):
    subject = make()

    rendered = subject.render("render it", mandatory=("480p",))

    assert [file.name for file in rendered.files] == WIRE_NAMES
    assert rendered.facts == {"argument": "it", "mandatory": ["480p"]}
    assert rendered.timings == {"encode_cpu_ms": 1.5}
    assert subject.pid == subject.pid


def test_the_child_gets_the_recipe_and_the_bytes_of_its_look_however_many(make):
    subject, recipe = make(), {"look": {"name": "summer"}, "cut": {"mute": True}}

    facts = subject.render("see", Edits(recipe=parse_recipe(recipe, None), look=b"t" * 200_000)).facts
    none = subject.render("see").facts

    assert (facts["recipe"], facts["look"]) == (recipe, hashlib.sha256(b"t" * 200_000).hexdigest())
    assert (none["recipe"], none["look"]) == ({}, hashlib.sha256().hexdigest())


def test_the_hands_see_no_credentials_and_no_network_nor_do_the_programs_that_they_start(
    whole_sandbox, make, monkeypatch
):
    monkeypatch.setenv("DARKROOM_S3_SECRET_KEY", "secret")
    facts = make().render("see").facts

    assert "secret" not in str(facts["environment"])
    assert facts["descriptors"] == 6  # three standard ones, the socket, the stage, and the one that counts
    assert facts["program"]["network"] == facts["network"]
    assert facts["network"] != str(Path("/proc/self/ns/net").readlink())
    assert max(facts["pids"]) < 10  # of its own process namespace


def test_a_program_may_have_more_memory_than_the_renderer_and_neither_may_fill_the_disk_with_one_file(make):
    limits = make(clip_file_bytes=7 << 20).render("see").facts["limits"]

    soft, hard = limits["AS"]
    assert soft < hard == LIMITS.clip_memory_bytes
    assert limits["FSIZE"] == [7 << 20, 7 << 20]


def test_the_hands_stand_back_from_all_else_on_the_machine(make):
    assert make(clip_niceness=19).render("see").facts["nice"] == 19


def test_the_part_comes_before_the_whole(make):
    subject = make()

    whole = subject.render("parts", mandatory=("720p",))

    (part,) = subject.parts
    assert (part.facts, whole.facts) == ({"part": True}, {"part": False})
    names = {file.name for file in part.files}
    assert names == set(WIRE_NAMES) - {"1080p", "1080p.m3u8", "480p", "480p.m3u8"}


@pytest.mark.parametrize(("mandatory", "parts"), [((), 0), (("720p",), 1)])
def test_a_part_that_nobody_asked_for_or_that_came_before_is_not_taken(make, mandatory, parts):
    subject = make()

    with pytest.raises(HandsDied, match="garbled answer: a part that nobody awaits"):
        subject.render("repeat", mandatory=mandatory)
    assert len(subject.parts) == parts


def test_progress_is_passed_on_as_it_comes(make):
    subject = make()

    subject.render("advance 10")

    assert [share for share in subject.progress if share is not None] == [step / 10 for step in range(10)]


def test_who_advances_is_waited_for_longer_than_a_stall_and_who_does_not_is_killed(make):
    subject, began = make(clip_stall_seconds=STALL_SECONDS), time.monotonic()

    subject.render("advance 60")
    assert time.monotonic() - began > STALL_SECONDS
    for order in ("linger", "stop"):
        with pytest.raises(HandsDied, match=f"no progress for {STALL_SECONDS} s, at 50%"):
            subject.render(order)


def test_who_advances_by_less_and_less_is_killed_at_the_wall_limit(make):
    began = time.monotonic()
    subject = make(clip_wall_seconds=2)

    with pytest.raises(HandsDied, match="wall limit of 2 s"):
        subject.render("creep")
    assert time.monotonic() - began < 50  # and not at the stall limit


@pytest.mark.parametrize("order", ["stop", "flee"])
def test_a_kill_takes_along_whatever_was_started_even_what_left_the_group_and_leaves_no_file(
    whole_sandbox, make, order
):
    subject, seen = make(clip_stall_seconds=STALL_SECONDS), set()

    with pytest.raises(HandsDied):
        subject.render(order, on_wait=lambda progress=None: seen.update(inhabitants(subject.hands.pid)))

    assert len(seen) > 2  # the init, the renderer, and what it started
    assert not [pid for pid in seen if is_running(pid)]
    assert list(subject.scratch.folder.iterdir()) == []


def test_what_the_callback_raises_ends_the_render_at_once_and_nothing_of_it_runs_on(whole_sandbox, make):
    class CancelledError(Exception):
        pass

    cancelled_at, seen = [], set()

    def cancel(progress=None):
        seen.update(inhabitants(subject.hands.pid))
        if len(seen) > 2:
            cancelled_at.append(time.monotonic())
            raise CancelledError

    subject = make()

    with pytest.raises(CancelledError):
        subject.render("flee", on_wait=cancel)

    assert time.monotonic() - cancelled_at[0] < 10  # 2 s are promised, where nothing else keeps the machine busy
    assert not [pid for pid in seen if is_running(pid)]


def test_waiting_calls_back_a_few_times_a_second(make):
    subject, calls = make(clip_stall_seconds=STALL_SECONDS), []
    subject.render("render")  # the start of the child waits too
    began = time.monotonic()

    with pytest.raises(HandsDied):
        subject.render("stop", on_wait=lambda progress=None: calls.append(progress))

    assert STALL_SECONDS < len(calls) < 6 * (time.monotonic() - began)


def test_what_goes_wrong_with_the_part_ends_the_render(make):
    def fail(part):
        raise ZeroDivisionError

    subject = make()
    with pytest.raises(ZeroDivisionError):
        subject.render("parts", mandatory=("720p",), on_part=fail)


def test_a_link_where_the_look_belongs_leads_the_head_nowhere(make, scratch, tmp_path):
    (tmp_path / "settings").write_text("precious")
    subject = make()

    with scratch.job() as folder:
        (folder / "look").symlink_to(tmp_path / "settings")
        with pytest.raises(FileExistsError):
            subject.hands.render(ClipRequest(folder=folder, ladder="standard", edits=NO_EDITS), print, subject.note)

    assert (tmp_path / "settings").read_text() == "precious"
    assert subject.hands.pid is None  # whoever did that renders no more


@pytest.mark.parametrize(
    ("order", "kind", "code", "reason"),
    [
        ("reject no video", Rejected, "corrupt_media", "no video"),
        ("lose ffmpeg", EncoderDied, "encoder_died", "ffmpeg"),
        ("err of ours", InternalError, "internal_error", "of ours"),
        ("soil with a place", InternalError, "internal_error", "with a place"),
        ("short of it", DiskShort, "disk_short", "of it"),
        ("full", DiskShort, "disk_short", "No space left"),
    ],
)
def test_a_failure_that_the_hands_tell_of_costs_no_child(make, order, kind, code, reason):
    subject = make()
    before = subject.pid

    with pytest.raises(kind, match=reason) as failed:
        subject.render(order)

    assert failed.value.code == code
    assert subject.pid == before


@pytest.mark.parametrize(
    ("reason", "signal", "limit"),
    [
        ("SIGSEGV: of it", "SIGSEGV", None),
        ("memory limit: malloc", None, "memory"),
        ("SIGXCPU: late", "SIGXCPU", "cpu"),
        ("interrupted, perhaps by its CPU limit: late", None, "cpu"),
    ],
)
def test_an_encoder_that_died_is_told_as_the_hands_own_death_would_be(make, reason, signal, limit):
    with pytest.raises(EncoderDied) as died:
        make().render(f"lose {reason}")

    crash = died.value.crash
    assert (crash.stage, crash.signal, crash.limit, crash.words) == ("transcode mov", signal, limit, reason)
    assert crash.libraries == {"ffmpeg": "5.1"}


def test_a_clip_that_stalls_is_told_with_what_the_hands_were_at(make):
    with pytest.raises(HandsDied) as died:
        make(clip_stall_seconds=STALL_SECONDS).render("stop")

    assert (died.value.crash.stage, died.value.crash.limit) == ("listen mp4", "stall")


@pytest.mark.parametrize("how", ["content", "nothing", "empty", "link", "hard_link", "folder", "fifo", "relinked"])
def test_a_file_that_is_not_what_it_says_is_believed_to_be_none(make, how):
    with pytest.raises(HandsDied, match="garbled answer"):
        make().render(f"forge {how}")


@pytest.mark.parametrize(
    "file",
    [
        "../original",
        "/etc/hostname",
        "0" * 32 + ".mp4",
        "0" * 32 + ".html",
        "0" * 32,
        "0" * 31 + "/.mp4",
        "A" * 32 + ".mp4",
        "",
        ".",
    ],
)
def test_a_file_of_any_other_name_is_not_looked_at(make, file):
    with pytest.raises(HandsDied, match="garbled answer"):
        make().render(f"rename {file}")


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"progress": 1.5},
        {"progress": -1},
        {"progress": True},
        {"progress": "half"},
        {"progress": None},
        {"part": {}},
        {"part": None},
        {"code": "Not A Code", "reason": ""},
        {"unavailable": "disk_short"},
        {"unavailable": "ledger_unavailable", "reason": ""},
        {"width": 5, "height": 7, "facts": {}, "timings": {}, "files": []},
        {"width": 5, "height": 7, "facts": {}, "timings": {}, "files": None},
    ],
    ids=json.dumps,
)
def test_a_message_that_no_honest_renderer_sends_ends_it(make, message):
    subject = make()
    before = subject.pid

    with pytest.raises(HandsDied, match="garbled answer"):
        subject.render("lie " + json.dumps(message))
    assert not psutil.pid_exists(before)


def test_a_flood_of_messages_does_not_keep_the_head_from_its_other_duties(make):
    began = time.monotonic()

    def stop_after_a_minute(progress=None):
        if time.monotonic() - began > 60:
            raise AssertionError("it never ended")

    with pytest.raises(HandsDied, match=f"no progress for {STALL_SECONDS} s"):
        make(clip_stall_seconds=STALL_SECONDS).render("linger", on_wait=stop_after_a_minute)


def test_a_death_has_its_cause_as_the_reason_and_the_next_clip_finds_new_hands(make):
    subject = make()
    before = subject.pid

    with pytest.raises(HandsDied, match="exit status 3"):
        subject.render("leave 3")

    assert subject.pid != before
    assert os.getpid() != before
