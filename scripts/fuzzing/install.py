"""The fuzzer is installed below var/, from a lock with hashes: nothing of Darkroom needs it."""

import sys
from pathlib import Path

from scripts.benches.install import installed

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "var" / "fuzz" / "packages"


def fuzzer() -> Path | None:
    """The folder with the fuzzer's packages, installed if need be; None, having said why, if that fails."""
    lock = HERE / "fuzzer.lock"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    return installed(FOLDER, [lock], [[*pip, "--target", str(FOLDER), "--require-hashes", "--requirement", str(lock)]])
