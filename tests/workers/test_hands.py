"""The head and a real child process, whose photos are orders to misbehave: see hostile_renderer.py."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from config import LADDERS, Limits, MisconfiguredError
from filters.recipe import parse_recipe
from jobs import failpoints
from jobs.errors import HandsDied, InternalError, Rejected, Unavailable
from pipeline.services import Edits
from workers import wire
from workers.child import PhotoChild, cause_of_death
from workers.hands import ChildHands, PhotoHands
from workers.sandbox import GRANTED, NAMES, photo_bounds

HOSTILE = (sys.executable, "-s", str(Path(__file__).with_name("hostile_renderer.py")))
LIMITS = Limits(photo_cpu_seconds=1, photo_wall_seconds=60, photo_memory_bytes=256 << 20)


@pytest.fixture
def hands():
    hands = make()
    yield hands
    hands.close()


@pytest.fixture
def hasty_hands():
    hands = make(limits=replace(LIMITS, photo_wall_seconds=5))
    yield hands
    hands.close()


def make(**changes):
    return PhotoHands(**{"limits": LIMITS, "jobs": 1000, "memory_bytes": 1 << 30, "command": HOSTILE} | changes)


def render(hands, order, on_wait=lambda: None):
    return hands.render(order.encode(), "standard", Edits(), on_wait)


def open_pipes_and_sockets():
    """What the descriptors of this process refer to; each pipe, socket and memfd has a number of its own."""
    return {str(Path(entry.path).readlink()) for entry in os.scandir("/proc/self/fd")}


def test_a_rendition_of_ours_that_is_unclean_is_our_mistake_and_no_death(hands):
    pid = child_of(hands)

    with pytest.raises(InternalError, match="unclean: with a place"):
        render(hands, "soil with a place")

    assert child_of(hands) == pid


def child_of(hands):
    """The process that renders for these hands now."""
    hands.start()
    pid = hands.pid
    render(hands, "echo")
    return pid


def test_a_photo_comes_back_as_its_ladders_renditions(hands):
    rendered = render(hands, "echo hello")

    assert [bytes(image.data) for image in rendered.images] == [
        f"{preset.name} of hello".encode() for preset in LADDERS["standard"]
    ]


def test_photos_larger_and_smaller_than_the_kept_memory_go_through_one_after_another(hands):
    for size in (20 << 20, 10, 9 << 20, 0):
        assert render(hands, "measure " + "x" * size).facts == {"characters": size}


def test_the_child_gets_the_recipe_and_the_bytes_of_its_look(hands):
    recipe = {"look": {"name": "summer"}, "adjustments": {"fade": 12.5}}
    edits = Edits(recipe=parse_recipe(recipe, None), look=b"table")

    facts = [hands.render(b"edits", "standard", each, lambda: None).facts for each in (edits, Edits())]

    assert facts == [{"recipe": recipe, "look": "table"}, {"recipe": {}, "look": ""}]


def test_one_child_renders_photo_after_photo(hands):
    assert len({child_of(hands) for _ in range(5)}) == 1


def test_a_rejection_costs_no_child(hands):
    before = child_of(hands)

    with pytest.raises(Rejected, match="no photo") as rejected:
        render(hands, "reject no photo")

    assert rejected.value.code == "corrupt"
    assert child_of(hands) == before


@pytest.mark.parametrize(
    ("order", "cause"),
    [
        ("crash", "SIGSEGV"),
        ("spin", "CPU limit of 1 s"),
        ("hoard", "memory limit of 256 MiB"),
        ("leave 3", "exit status 3"),
        ("break the bank", "exit status 1: ZeroDivisionError: the bank"),
        ('lie {"width": 5}', "garbled answer"),
        ("lie to me", "garbled answer"),
        ("write", "exit status 1: OSError: .*File too large"),
        ("hang_up", "SIGKILL"),
    ],
)
def test_a_death_has_its_cause_as_the_reason_and_the_next_photo_finds_new_hands(hands, order, cause):
    before = child_of(hands)

    with pytest.raises(HandsDied, match=cause):
        render(hands, order)

    assert not psutil.pid_exists(before)
    assert child_of(hands) != before


@pytest.mark.parametrize(
    ("order", "stage", "signal", "limit", "words"),
    [
        ("crash heic", "decode heic", "SIGSEGV", None, ""),
        ("crash", "decode", "SIGSEGV", None, ""),
        ("spin", "", "SIGXCPU", "cpu", ""),
        ("hoard", "", None, "memory", ""),
        ("break the bank", "", None, None, "ZeroDivisionError: the bank"),
        ("lie to me", "", None, None, "not JSON"),
    ],
)
def test_a_death_tells_what_the_hands_were_at_and_what_ended_them(hands, order, stage, signal, limit, words):
    with pytest.raises(HandsDied) as died:
        render(hands, order)

    crash = died.value.crash
    assert (crash.stage, crash.signal, crash.limit) == (stage, signal, limit)
    assert words in crash.words


def test_a_death_in_a_decoder_names_the_libraries_that_may_be_at_fault(hands):
    with pytest.raises(HandsDied) as in_decoder:
        render(hands, "crash heic")
    with pytest.raises(HandsDied) as somewhere:
        render(hands, "leave 3")

    assert in_decoder.value.crash.libraries == {"libheif": "1.2.3"}
    assert somewhere.value.crash.libraries == {"libheif": "1.2.3", "ffmpeg": "5.1"}


def test_a_crash_that_a_failpoint_asks_for_is_one_even_if_the_hands_have_answered_by_then(hands, monkeypatch):
    child_of(hands)

    def reach_late(step, crash):
        time.sleep(0.3)
        crash()

    monkeypatch.setattr(failpoints, "reach", reach_late)
    with pytest.raises(HandsDied) as died:
        render(hands, "echo")
    assert died.value.crash.signal == "SIGSEGV"


def test_a_stage_ends_with_the_photo_and_the_next_death_is_not_told_of_it(hands):
    render(hands, "stage decode")

    with pytest.raises(HandsDied) as died:
        render(hands, "leave 3")
    assert died.value.crash.stage == ""


def test_what_the_hands_say_takes_a_bounded_place_for_each_photo_and_the_rest_is_lost(hands):
    for _ in range(2):
        assert render(hands, "chatter").facts == {"said": wire.NOTEBOOK_BYTES}
    with pytest.raises(HandsDied, match=r"exit status 1: x+$"):
        render(hands, "chatter break the bank")
    with pytest.raises(HandsDied, match="exit status 1: ZeroDivisionError: the bank"):
        render(hands, "break the bank")


def test_the_wall_limit_is_told_with_what_the_hands_were_at(hasty_hands):
    with pytest.raises(HandsDied) as died:
        render(hasty_hands, "sleep 60")

    assert (died.value.crash.stage, died.value.crash.limit) == ("sleep", "wall")


@pytest.mark.parametrize("written", ["rm -rf /", "\x00", "x" * 65, "é", "line\nline"])
def test_a_stage_that_no_honest_renderer_notes_is_none(written):
    notebook = os.memfd_create("stage")
    os.pwrite(notebook, written.encode(), 0)

    assert wire.noted_stage(notebook) in ("", "x" * 64)
    os.close(notebook)


def test_the_cpu_limit_is_for_each_photo_not_for_all_together(hands):
    before = child_of(hands)

    for _ in range(4):
        render(hands, "work 0.6")
    assert hands.pid == before


def test_hands_that_sleep_are_ended_by_the_wall_limit(hasty_hands):
    before = child_of(hasty_hands)

    with pytest.raises(HandsDied, match="wall limit of 5 s"):
        render(hasty_hands, "sleep 60")
    assert not psutil.pid_exists(before)


def test_the_hands_see_no_credentials_no_network_and_no_descriptors_of_the_head(whole_sandbox, hands, monkeypatch):
    monkeypatch.setenv("DARKROOM_S3_SECRET_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with Path(os.devnull).open() as opened:
        os.set_inheritable(opened.fileno(), True)
        facts = render(hands, "see").facts

    assert "secret" not in str(facts["environment"])
    assert facts["pid"] < 10  # it sees its own process namespace
    assert not [name for name in facts["environment"] if name.startswith(("DARKROOM", "AWS", "PG", "HOME"))]
    assert len(facts["descriptors"]) == 7  # three standard ones, the socket, and three memory files


def test_waiting_calls_back_about_every_second(hands):
    calls = []
    render(hands, "echo")  # the start of the child waits too
    began = time.monotonic()

    render(hands, "sleep 3.5", lambda: calls.append(time.monotonic()))

    assert 2 <= len(calls) <= time.monotonic() - began


def test_what_the_callback_raises_ends_the_render_and_the_child(hands):
    class CancelledError(Exception):
        pass

    def cancel():
        raise CancelledError

    before = child_of(hands)
    with pytest.raises(CancelledError):
        render(hands, "sleep 60", cancel)

    assert not psutil.pid_exists(before)


def test_a_child_that_died_between_two_photos_is_replaced_at_no_photos_cost(hands):
    process = psutil.Process(child_of(hands))
    process.kill()
    process.wait()

    assert render(hands, "echo again").facts == {"echo": "again"}


def test_a_renderer_that_does_not_get_ready_is_unavailable(monkeypatch):
    monkeypatch.setattr("workers.child.START_SECONDS", 0.5)
    slow = make(command=(sys.executable, "-c", "import time; time.sleep(60)"))

    with pytest.raises(Unavailable, match="not ready") as unavailable:
        slow.start()

    assert not isinstance(unavailable.value, HandsDied)


def test_hands_are_replaced_after_so_many_photos():
    hands = make(jobs=2)
    try:
        pids = [child_of(hands) for _ in range(5)]
    finally:
        hands.close()
    assert len(set(pids)) == 3


def test_hands_are_replaced_when_they_hold_too_much_memory():
    hands = make(memory_bytes=100 << 20)
    try:
        before = child_of(hands)
        assert child_of(hands) == before
        render(hands, f"grow {120 << 20}")
        assert child_of(hands) != before
    finally:
        hands.close()


class Confined:
    """A renderer that is nothing but what it was granted, and good for one start."""

    pid = resident_bytes = 1
    alive = False

    def __init__(self, **refused):
        self.parts = dict.fromkeys(NAMES, GRANTED) | refused

    def wait_ready(self, on_wait):
        pass

    def close(self):
        pass


def start_one_after_another(children, **options):
    hands = ChildHands(iter(children).__next__, jobs=1, memory_bytes=1, **options)
    for _ in children:
        hands._early_deaths = 0  # no rest between them
        hands.start()


def test_what_the_machine_does_not_grant_is_told_once_and_again_when_it_is_something_else(caplog):
    users, both = {"users": "refused"}, {"users": "refused", "calls": "no library"}

    start_one_after_another([Confined(), Confined(**users), Confined(**users), Confined(**both), Confined(**both)])

    told = [record for record in caplog.records if record.message == "sandbox.lacking"]
    assert [record.parts for record in told] == [users, both]
    assert {record.levelname for record in told} == {"WARNING"}


def test_hands_that_require_all_are_not_started_with_less():
    with pytest.raises(MisconfiguredError, match=r"does not grant: users \(refused\)"):
        start_one_after_another([Confined(users="refused")], required=True)


def test_a_renderer_that_cannot_start_is_unavailable_with_its_last_words():
    broken = make(command=(sys.executable, "-c", "raise ImportError('no module of that name')"))

    with pytest.raises(Unavailable, match=r"(?s)cannot start.*ImportError: no module of that name") as unavailable:
        broken.start()

    assert not isinstance(unavailable.value, HandsDied)  # which would blame the photo


def test_a_renderer_that_cannot_be_started_leaves_no_descriptor_open():
    before = open_pipes_and_sockets()

    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            PhotoChild(["/no/such/renderer"], LIMITS)

    assert open_pipes_and_sockets() <= before  # not equal: what earlier tests dropped may be collected meanwhile


def test_a_killed_head_takes_its_hands_along(tmp_path):
    program = (
        "from test_hands import child_of, make, render; hands = make();"
        "print(child_of(hands), flush=True); render(hands, 'sleep 60')"
    )
    head = psutil.Popen(
        [sys.executable, "-c", program],
        stdout=-1,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )
    hands = psutil.Process(int(head.stdout.readline()))

    head.kill()
    head.wait()

    assert hands.wait(timeout=30) is None
    head.stdout.close()


@pytest.mark.parametrize(
    ("status", "said", "cause"),
    [
        (-11, "", "SIGSEGV"),
        (-6, "terminate called\n  what():  std::bad_alloc", "SIGABRT:   what():  std::bad_alloc"),
        (-40, "", "SIG40"),
        (-24, "", "CPU limit of 1 s"),
        (70, "", "memory limit of 256 MiB"),
        (2, "usage\nbad argument", "exit status 2: bad argument"),
    ],
)
def test_a_cause_of_death_names_the_signal_or_the_limit(status, said, cause):
    assert cause_of_death(status, photo_bounds(LIMITS), said) == cause
