"""What is installed is what was meant: our packages with their data, and the pinned dependencies."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"config", "filters", "jobs", "pipeline", "scripts", "workers"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built from a copy: setuptools leaves a build folder behind."""
    copy = tmp_path_factory.mktemp("wheel") / "source"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".*", "var", "out", "build", "node_modules", "*.egg-info")
    )
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "."]
    subprocess.run(build, cwd=copy, check=True, timeout=120)
    return zipfile.ZipFile(next(copy.glob("*.whl")))


def test_no_other_distribution_has_our_top_level_names():
    owners = metadata.packages_distributions()

    assert {name: set(owners.get(name, [])) - {"darkroom"} for name in OURS} == {name: set() for name in OURS}


def test_a_wheel_holds_every_module_template_migration_and_look(wheel):
    kinds = ("*.py", "*.sql", "templates/*", "looks/*.json")
    expected = {
        str(file.relative_to(ROOT))
        for package in OURS
        for kind in kinds
        for file in (ROOT / package).rglob(kind)
        if file.is_file() and file.suffix != ".pyc"
    }

    assert {name for name in wheel.namelist() if "dist-info" not in name} == expected


def test_a_wheel_says_that_it_is_ours_alone_and_under_which_licence(wheel):
    names = wheel.namelist()
    about = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()

    assert "Classifier: Private :: Do Not Upload" in about  # the index refuses it then
    assert "License: Apache-2.0" in about or "License-Expression: Apache-2.0" in about
    assert any(name.endswith("LICENSE") for name in names)


def test_every_requirement_is_locked_with_hashes_and_no_address():
    lock = (ROOT / "requirements.lock").read_text()
    locked = {normal(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    asked = re.findall(r"^    ([\w.-]+)(?:[=<>]=|$)", section("install_requires") + section("dev"), re.MULTILINE)

    assert len(asked) > 15
    assert {normal(name) for name in asked} <= locked
    assert lock.count("==") == len(re.findall(r"== *\S+ \\\n +--hash=sha256:", lock))
    assert "://" not in lock


def section(name: str) -> str:
    return re.search(rf"^{name} =\n((?:    .*\n)+)", (ROOT / "setup.cfg").read_text(), re.MULTILINE)[1]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
