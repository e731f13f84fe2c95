"""What a bench or a test alone needs is installed below var/, from locks with hashes: nothing of Darkroom needs it."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LOCKS = Path(__file__).resolve().parent / "peers"
BENCH = Path(__file__).resolve().parents[2] / "var" / "bench"


def node_modules(folder: Path = BENCH / "node", locks_in: Path = LOCKS) -> Path | None:
    """The folder with the npm packages of a lock, installed if need be; None, having said why, if that fails."""
    locks = [locks_in / "package.json", locks_in / "package-lock.json"]
    return installed(folder, locks, [["npm", "ci", "--prefix", str(folder), "--no-audit", "--no-fund"]])


def python_peers() -> Path | None:
    """The interpreter that has the Python peers, installed if need be; None, having said why, if that fails."""
    return _interpreter(BENCH / "python", LOCKS / "requirements.lock")


def clip_peers() -> Path | None:
    """The interpreter that has what clips are compared with; its own, since moviepy wants an older Pillow. As above."""
    return _interpreter(BENCH / "clips", LOCKS / "clips.lock")


def _interpreter(folder: Path, lock: Path) -> Path | None:
    interpreter = folder / "venv" / "bin" / "python"
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    requirements = ["--require-hashes", "--requirement", str(folder / lock.name)]
    create = [sys.executable, "-m", "venv", "--clear", str(folder / "venv")]
    return interpreter if installed(folder, [lock], [create, [*pip, *requirements]]) else None


def installed(folder: Path, locks: Sequence[Path], commands: Sequence[Sequence[str]]) -> Path | None:
    """The folder, filled by the commands if its locks have changed; None, having said why, if one fails."""
    wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return folder
    print(f"Installing into {folder}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for lock in locks:
        shutil.copy(lock, folder)
    try:
        for command in commands:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError as error:
        print(f"Going on without it: {error.filename} is not on this machine.")
        return None
    except subprocess.CalledProcessError as error:
        print(f"Going on without it: {' '.join(error.cmd[:3])} failed.\n{error.stderr[-2000:]}")
        return None
    stamp.write_text(wanted)
    return folder
