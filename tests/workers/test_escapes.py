"""Ways out that a decoder which was taken over would try, tried from inside real hands: see escapes.py."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import Limits, MisconfiguredError
from jobs.errors import HandsDied
from pipeline.scratch import Scratch
from pipeline.services import ClipRequest, Edits
from tests.workers.escapes import NAMESPACES
from workers.child import ROOT
from workers.hands import ClipHands, PhotoHands, check_sandbox
from workers.sandbox import GRANTED, NAMES, lacking

HERE = Path(__file__).parent
LIMITS = Limits(photo_cpu_seconds=5, photo_memory_bytes=256 << 20, clip_stall_seconds=20, clip_niceness=1)
OPTIONS = {"jobs": 1000, "memory_bytes": 1 << 30, "required": True}
WITH_ROOT = {**os.environ, "PYTHONPATH": str(ROOT)}
ENDED_BY_CALL = "SIGSYS"


@pytest.fixture(scope="module")
def photos(whole_sandbox):
    hands = PhotoHands(LIMITS, command=(sys.executable, "-s", str(HERE / "hostile_renderer.py")), **OPTIONS)
    yield lambda order: hands.render(order.encode(), "standard", Edits(), lambda: None).facts
    hands.close()


@pytest.fixture(scope="module")
def clips(whole_sandbox, tmp_path_factory):
    command = (sys.executable, "-s", str(HERE / "hostile_clip_renderer.py"))
    with Scratch.opened(tmp_path_factory.mktemp("scratch"), 0) as scratch:
        hands = ClipHands(LIMITS, scratch.folder, command=command, **OPTIONS)
        yield Clips(hands, scratch)
        hands.close()


class Clips:
    def __init__(self, hands, scratch):
        self.hands, self.scratch = hands, scratch

    def __call__(self, order):
        with self.scratch.job() as folder:
            (folder / "original").write_text(order)
            request = ClipRequest(folder=folder, ladder="standard", edits=Edits())
            return self.hands.render(request, lambda part: None, lambda progress=None: None).facts


@pytest.mark.parametrize("file", ["/etc/passwd", "/proc/self/status", "/", str(ROOT / "config" / "settings.py")])
def test_a_photos_hands_can_open_no_file_at_all(photos, file):
    assert photos(f"attempt read {file}")["refusal"] in ("EPERM", "ENOENT")


@pytest.mark.parametrize("way", ["fork", "signal 1", "signal_thread 1 1", "own 0 1", "code", "list /", "write /new"])
def test_a_photos_hands_are_refused(photos, way):
    assert photos(f"attempt {way}")["refusal"] == "EPERM"


def test_a_photos_hands_may_start_threads_and_send_signals_to_them(photos):
    assert photos("attempt thread")["refusal"] is None
    assert photos("attempt signal_self")["refusal"] is None


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_no_hands_can_start_a_process_in_new_namespaces(photos, clips, namespace):
    for hands in (photos, clips):
        assert hands(f"attempt clone {namespace}")["refusal"] == "EPERM"
        assert hands(f"attempt clone3 {namespace}")["refusal"] == "ENOSYS"


def test_a_clips_hands_can_have_no_file_send_signals(clips):
    assert clips("attempt own 0 1")["refusal"] == "EPERM"


@pytest.mark.parametrize(
    "way", ["connect", "run", "trace 1", "unshare", "mount", "root", "bpf", "keyctl", "userfaultfd", "perf_event_open"]
)
def test_what_only_somebody_hostile_tries_ends_a_photos_hands_at_once(photos, way):
    with pytest.raises(HandsDied, match=ENDED_BY_CALL) as died:
        photos(f"attempt {way}")

    assert died.value.crash.signal == ENDED_BY_CALL


def test_a_clips_hands_see_neither_users_nor_credentials_nor_another_workers_clips(clips, tmp_path):
    theirs = tmp_path / "another"
    theirs.mkdir()
    for file in ("/etc/passwd", "/etc/shadow", ROOT / "var" / "darkroom.env", ROOT / "README.md", theirs, "/root/.ssh"):
        assert clips(f"attempt read {file}")["refusal"] == "ENOENT"


@pytest.mark.parametrize("folder", ["/", "/usr/lib", "/proc", str(ROOT / "pipeline")])
def test_a_clips_hands_can_write_nowhere_outside(clips, folder):
    assert clips(f"attempt write {folder}/new")["refusal"] in ("EROFS", "EACCES", "ENOENT")


def test_what_a_clips_hands_write_beside_our_packages_is_nowhere(clips):
    clips(f"attempt write {ROOT}/new")  # which may lie in /tmp: then it is theirs alone

    assert not (ROOT / "new").exists()


def test_a_clips_hands_can_write_to_their_folder_and_to_a_small_tmp(clips):
    assert clips("attempt write FOLDER/new")["refusal"] is None
    assert clips("attempt write /tmp/new")["refusal"] is None
    assert not Path("/tmp/new").exists()


@pytest.mark.parametrize(
    "way", ["connect", "trace 1", "unshare", "mount", "root", "bpf", "io_uring_setup", "keyctl", "perf_event_open"]
)
def test_what_only_somebody_hostile_tries_ends_a_clips_hands_and_its_programs(clips, way):
    assert clips(f"attempt_in_program {way}")["status"] == -31  # SIGSYS
    with pytest.raises(HandsDied, match=ENDED_BY_CALL):
        clips(f"attempt {way}")


def test_a_clips_hands_can_run_ffmpeg_and_nothing_else(clips):
    assert clips("run ffmpeg -version")["status"] == 0
    assert clips("attempt run")["refusal"] == "ENOENT"


@pytest.mark.parametrize(
    ("order", "cause"),
    [
        ("multiply", "exit status 1: BlockingIOError"),
        ("open", "exit status 1: OSError: .*Too many open files"),
        ("overflow 8000000000", "exit status 1: OSError: .*File too large"),
    ],
)
def test_what_a_clips_hands_may_take_is_bounded_and_said(clips, order, cause):
    with pytest.raises(HandsDied, match=cause):
        clips(order)


def test_a_clips_hands_can_have_so_many_files_in_memory_and_none_without_a_name(clips):
    facts = clips("crowd")

    assert (facts["made"] <= 1024, facts["refusal"]) == (True, errno.ENOSPC)
    assert clips("attempt anonymous")["refusal"] == "EPERM"


def test_the_hands_have_no_capability_and_are_the_first_to_be_killed_for_memory(clips):
    clips("see")
    status = Path(f"/proc/{clips.hands.pid}/status").read_text()

    for kind in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"):
        assert f"{kind}:\t{0:016x}\n" in status
    assert "NoNewPrivs:\t1" in status
    assert Path(f"/proc/{clips.hands.pid}/oom_score_adj").read_text() == "1000\n"


def test_a_machine_that_gives_no_user_namespace_is_told_of_and_refused_where_all_is_required(trial, no_namespaces):
    parts = trial(no_namespaces)

    assert "users" in lacking(parts)
    with pytest.raises(MisconfiguredError, match=r"does not grant: .*users \(No space left on device\)"):
        check_sandbox(parts)


def test_a_plain_container_gets_no_namespaces_but_the_list_of_calls(trial, plain_container):
    parts = trial(plain_container)

    assert {"users", "network", "mounts", "pids", "files"} <= set(lacking(parts))
    assert (parts["calls"], parts["oom_score"]) == (GRANTED, GRANTED)


def test_without_any_namespace_the_hands_of_photos_can_still_open_nothing_and_signal_nobody(plain_container):
    for way in ("read /etc/passwd", "read /proc/HEAD/environ", "signal HEAD", "signal_thread HEAD HEAD", "own 0 HEAD"):
        assert attempted(plain_container, "photo", way) == "EPERM"


def test_without_any_namespace_the_hands_of_clips_can_still_not_read_their_head_nor_start_a_namespace(plain_container):
    for way in ("read /proc/HEAD/environ", "read /proc/HEAD/mem"):
        assert attempted(plain_container, "clip", way) == "EACCES"
    assert attempted(plain_container, "clip", "clone users") == "EPERM"


def attempted(prefix, function, way):
    """What a worker's hands are told that try it, where the worker's command begins so; HEAD is its head's number."""
    program = [*prefix, sys.executable, str(HERE / "attempting_head.py"), function, way]
    told = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, env=WITH_ROOT)
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def test_a_user_who_may_start_fewer_processes_than_we_allow_gets_every_part_all_the_same(whole_sandbox, trial):
    assert lacking(trial(("prlimit", "--nproc=500"))) == {}


def test_an_unprivileged_user_gets_every_part(whole_sandbox, trial, nobody, nobodys_python, open_folder):
    assert lacking(trial(nobody, nobodys_python, open_folder)) == {}


def test_all_that_is_granted_lacks_nothing_and_what_is_not_told_of_lacks():
    assert lacking(dict.fromkeys(NAMES, GRANTED)) == {}
    assert lacking({}).keys() == set(NAMES)
