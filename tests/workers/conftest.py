"""What tests of the hands share."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from workers.child import ROOT
from workers.sandbox import lacking


@pytest.fixture(scope="session")
def trial(tmp_path_factory):
    """What of the sandbox is granted to a process whose command begins as `prefix` says; it tries in `folder`."""

    def granted(prefix=(), interpreter=sys.executable, folder=None):
        folder = folder or tmp_path_factory.mktemp("trial")
        command = [*prefix, interpreter, "-m", "workers.sandbox.trial", str(folder)]
        tried = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        return json.loads(tried.stdout)

    return granted


@pytest.fixture(scope="session")
def whole_sandbox(trial):
    """Skip where the machine refuses a part of the sandbox, as a plain container does with namespaces."""
    if missing := lacking(trial()):
        told = ", ".join(f"{name} ({word})" for name, word in missing.items())
        pytest.skip(f"this machine does not grant the hands' sandbox: {told}")


@pytest.fixture(scope="session")
def no_namespaces():
    """A command's beginning that leaves what follows every capability, but no user namespace, as many machines do."""
    deny = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    prefix = ("unshare", "--user", "--map-root-user", "sh", "-c", deny, "sh")
    skip_unless_it_runs(*prefix, "true")
    return prefix


@pytest.fixture(scope="session")
def plain_container(no_namespaces):
    """A command's beginning that leaves what follows no namespace at all and no capability, as in a container."""
    prefix = (*no_namespaces, "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    skip_unless_it_runs(*prefix, "true")
    return prefix


@pytest.fixture(scope="session")
def nobody():
    """A command's beginning for a user who may nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--")
    skip_unless_it_runs(*prefix, "true")
    return prefix


@pytest.fixture(scope="session")
def nobodys_python(nobody):
    """An interpreter with our packages that `nobody` may run: ours, or the system's in an environment made for it."""
    if runs(*nobody, "sh", "-c", f"cd {ROOT} && exec {sys.executable} -c pass"):
        yield sys.executable
        return
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    with folder_open_to_all() as folder:
        made = runs(f"/usr/bin/{version}", "-m", "venv", "--without-pip", str(folder / "venv"))
        interpreter = str(folder / "venv" / "bin" / "python")
        if not made or not runs(*nobody, "sh", "-c", f"cd {ROOT} && exec {interpreter} -c pass"):
            pytest.skip(f"nobody may not run {sys.executable}, nor /usr/bin/{version} instead")
        packages = Path(pytest.__file__).resolve().parents[1]
        (folder / "venv" / "lib" / version / "site-packages" / "ours.pth").write_text(f"{packages}\n")
        yield interpreter


@pytest.fixture
def open_folder():
    """A folder in which every user may write; pytest's own are for one user."""
    with folder_open_to_all() as folder:
        folder.chmod(0o777)
        yield folder


@contextmanager
def folder_open_to_all():
    with tempfile.TemporaryDirectory(prefix="darkroom-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def runs(*command):
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except FileNotFoundError:
        return False


def skip_unless_it_runs(*command):
    if not runs(*command):
        pytest.skip(f"this machine does not let us run {' '.join(command)}")
