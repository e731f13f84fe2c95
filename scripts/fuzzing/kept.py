"""Inputs that are kept for the tests: one archive a target, the small ones that reach the most lines."""

import hashlib
import zipfile
from pathlib import Path

from scripts.fuzzing.targets import Target

SEEDS = Path(__file__).resolve().parents[2] / "tests" / "fuzz" / "seeds"
MOST_INPUTS, MOST_BYTES = 200, 2_000  # of a target, and of one of them
DATE = (2026, 1, 1, 0, 0, 0)  # of all entries, so that the same inputs make the same archive


def read(target: Target) -> list[bytes]:
    """What is kept of a target; nothing if it was never fuzzed."""
    archive = SEEDS / f"{target.name}.zip"
    if not archive.exists():
        return []
    with zipfile.ZipFile(archive) as opened:
        return [opened.read(name) for name in opened.namelist()]


def lay_out(target: Target, folder: Path) -> None:
    """Put what is kept, and the seeds by code, into a folder."""
    for data in (*read(target), *target.seeds()):
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def keep(target: Target, reached: Path, findings: Path) -> None:
    """Keep the findings, and the smallest of what was reached, in the target's archive."""
    small = sorted((file for file in reached.iterdir() if file.stat().st_size <= MOST_BYTES), key=by_size)
    broke = sorted(findings.iterdir())
    SEEDS.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(SEEDS / f"{target.name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in dict.fromkeys((*broke, *spread(small))):
            archive.writestr(zipfile.ZipInfo(file.name, DATE), file.read_bytes(), zipfile.ZIP_DEFLATED)


def by_size(file: Path) -> tuple[int, str]:
    """An order of files."""
    return file.stat().st_size, file.name


def spread(files: list[Path]) -> list[Path]:
    """So many of them, evenly from the smallest to the largest."""
    step = max(1, -(-len(files) // MOST_INPUTS))
    return files[::step]
