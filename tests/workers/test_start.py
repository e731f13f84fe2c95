"""How our processes begin."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workers.child import ROOT

SECRET = "p4ssw0rd"
SETTINGS = {
    "DARKROOM_DATABASE_URL": f"postgresql://darkroom:{SECRET}@127.0.0.1:9/darkroom",  # nobody listens at port 9
    "DARKROOM_GEARMAN_SERVERS": "127.0.0.1:9",
    "DARKROOM_S3_BUCKET": "media",
    "DARKROOM_S3_ENDPOINT": "http://127.0.0.1:9",
    "DARKROOM_S3_SECRET_KEY": SECRET,
}
# Root's capabilities alone would keep the reader out: neither side has one, as where workers have a user of their own.
PLAIN_USER = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
BEGUN_SECONDS = 60.0  # until a module of ours is imported, on a busy machine


@pytest.fixture
def start():
    started = []

    def start(*arguments):
        environment = {**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)}
        started.append(
            subprocess.Popen(
                [*PLAIN_USER, sys.executable, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(60)


def read_by_its_user(file):
    """What another process of the same user reads there."""
    told = subprocess.run([*PLAIN_USER, "cat", file], capture_output=True, check=False)
    return told.stdout.decode(errors="replace")


def listens_to_term(process):
    """Whether it has begun: nothing that runs before, and no Python of its own accord, does."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"^SigCgt:\t(\w+)$", status, re.MULTILINE)[1], 16) & 1 << signal.SIGTERM - 1


def wait_until(condition):
    end = time.monotonic() + BEGUN_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize(
    "command",
    [
        ("workers.head", "--function", "photo"),
        ("workers.head", "--function", "clip"),
        ("workers.relay",),
        ("workers.sweeper",),
        ("workers.janitor",),
        ("workers.supervisor", "--photo=0", "--clip=0", "--sweep=0", "--relay=0", "--janitor=0"),
    ],
    ids=" ".join,
)
def test_what_holds_credentials_lets_no_process_of_its_user_read_them(start, command):
    process = start("-m", *command)

    wait_until(lambda: listens_to_term(process))
    assert read_by_its_user(f"/proc/{process.pid}/environ") == ""


def test_what_does_not_hide_them_can_be_read_by_any_process_of_its_user(start):
    process = start("-c", "import time; time.sleep(600)")

    wait_until(lambda: SECRET in read_by_its_user(f"/proc/{process.pid}/environ"))


def test_the_hands_of_an_unprivileged_head_that_hides_are_granted_every_part(
    whole_sandbox, nobody, nobodys_python, open_folder
):
    program = (
        "import sys\n"
        "from config import Limits; from workers.hands import ClipHands; from pathlib import Path\n"
        "from workers.start import begin\n"
        "begin()\n"
        "hands = ClipHands(Limits(), Path(sys.argv[1]), jobs=1, memory_bytes=1 << 30, required=True,"
        " command=(sys.executable, '-s', 'tests/workers/hostile_clip_renderer.py'))\n"
        "hands.start(); print('started'); hands.close()"
    )

    told = subprocess.run(
        [*nobody, nobodys_python, "-c", program, str(open_folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout == "started\n", told.stderr
