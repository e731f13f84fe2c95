import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workers.stack import processes
from workers.stack.account import Account

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
PARENT = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"


def spawn(code: str, folder: Path) -> processes.Identity:
    process = processes.spawn(
        [sys.executable, "-c", code], account=Account(), home=folder, log=folder / "log", environment={}
    )
    deadline = time.monotonic() + 10
    while not (folder / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_a_remembered_process_is_found_again_until_it_ends(tmp_path):
    process = spawn("import time; print('up', flush=True); time.sleep(60)", tmp_path)
    processes.remember(process, tmp_path / "pid")
    assert processes.recall(tmp_path / "pid") == process

    processes.end(process, signal.SIGTERM, patience_seconds=5)

    assert processes.recall(tmp_path / "pid") is None


@pytest.mark.parametrize("content", ["", "gibberish", f"{os.getpid()}", f"{os.getpid()} 1", "4194304999 7"])
def test_a_pid_file_that_names_no_process_of_ours_finds_none(tmp_path, content):
    (tmp_path / "pid").write_text(content)

    assert processes.recall(tmp_path / "pid") is None


def test_a_missing_pid_file_finds_no_process(tmp_path):
    assert processes.recall(tmp_path / "pid") is None


def test_a_zombie_does_not_run(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as child:
        started = int(Path(f"/proc/{child.pid}/stat").read_text().split()[21])  # "sleep" has no spaces
        assert processes.runs(processes.Identity(child.pid, started))
        child.send_signal(signal.SIGKILL)
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)

        assert not processes.runs(processes.Identity(child.pid, started))


def test_a_process_that_ignores_the_request_is_killed_after_the_patience(tmp_path):
    process = spawn(STUBBORN, tmp_path)
    begun = time.monotonic()

    processes.end(process, signal.SIGTERM, patience_seconds=0.3)

    assert not processes.runs(process)
    assert time.monotonic() - begun >= 0.3


def test_a_kill_takes_the_descendants_along(tmp_path):
    process = spawn(PARENT, tmp_path)
    child = psutil.Process(int((tmp_path / "log").read_text()))

    processes.kill(process)

    _, alive = psutil.wait_procs([child], timeout=5)
    assert not [left for left in alive if left.status() != psutil.STATUS_ZOMBIE]


def test_a_process_starts_in_a_session_of_its_own_with_only_the_given_environment(tmp_path):
    process = spawn("import os; print(os.getsid(0), sorted(os.environ), os.getcwd(), flush=True)", tmp_path)

    session, rest = (tmp_path / "log").read_text().split(maxsplit=1)

    assert int(session) == process.pid
    assert "HOME" not in rest
    assert "PATH" not in rest
    assert rest.strip().endswith(str(tmp_path))
