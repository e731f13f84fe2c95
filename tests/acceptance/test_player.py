"""What a clip came to plays in a real browser: the ladder through hls.js, and each rung's file as it is."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from config import CLIP_LADDERS, Limits
from pipeline.clip.render import render_clip
from pipeline.scratch import ORIGINAL, OUT
from pipeline.services import Edits
from scripts.benches import install
from scripts.sample import sample_clip
from tests.acceptance.browser import find_browser, photograph, serving

ROOT = Path(__file__).resolve().parents[2]
PLAYER = Path(__file__).resolve().parent / "player"
VAR = ROOT / "var" / "player"  # holds the player, and what it was last seen to show
SECONDS = 5.0
SIZES = {"480p": (480, 854), "720p": (720, 1280), "1080p": (1080, 1920)}


@pytest.fixture(scope="module")
def browser() -> str:
    return find_browser() or missing("Chromium is not installed: scripts/setup tests installs it")


@pytest.fixture(scope="module")
def library() -> Path:
    """The folder with hls.js."""
    modules = install.node_modules(VAR, PLAYER) or missing("hls.js cannot be installed: npm is missing, or failed")
    return modules / "node_modules" / "hls.js" / "dist"


def missing(why: str):
    """Skip, but never on the build server."""
    if "CI" in os.environ:
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip as it is stored: the folder, the names of its files by rendition, and the original."""
    folder = tmp_path_factory.mktemp("clip")
    sample_clip(folder / ORIGINAL, SECONDS)
    (folder / OUT).mkdir()
    rendered = render_clip(folder, CLIP_LADDERS["standard"], Limits(), Edits(), (), lambda _: None, lambda _: None)
    return SimpleNamespace(
        out=folder / OUT,
        names={file.name: file.file for file in rendered.files},
        original=folder / ORIGINAL,
    )


def play(browser, library, clip, rendition, profile):
    """What the page reports, the ranges that it asked for, and the picture of it."""
    screenshot = VAR / f"{rendition}.png"
    screenshot.unlink(missing_ok=True)
    with serving(PLAYER, library, clip.out) as site:
        photograph(browser, f"{site.address}/player.html#{clip.names[rendition]}", screenshot, profile)
        assert site.report is not None, "the page reported nothing"
        return site.report, site.ranges, screenshot


def test_the_ladder_plays_through_its_playlists_in_every_rung_and_to_the_end(browser, library, clip, tmp_path):
    report, ranges, screenshot = play(browser, library, clip, "master", tmp_path)

    assert report["errors"] == []
    assert [(rung["width"], rung["height"]) for rung in report["rungs"]] == list(SIZES.values())
    assert [rung["promised"] for rung in report["rungs"]] == [f"{w}x{h}" for w, h in SIZES.values()]
    assert all(rung["to"] > rung["from"] for rung in report["rungs"])
    assert report["ended"]
    assert report["duration"] == pytest.approx(SECONDS, abs=0.1)
    assert ranges  # the segments are parts of one file
    assert shows_the_middle_of(clip, screenshot)


@pytest.mark.parametrize("rung", ["1080p", "480p"])
def test_a_rungs_file_plays_as_it_is(browser, library, clip, rung, tmp_path):
    report, _, screenshot = play(browser, library, clip, rung, tmp_path)

    assert report["errors"] == []
    assert [(seen["width"], seen["height"]) for seen in report["rungs"]] == [SIZES[rung]]
    assert report["rungs"][0]["to"] > report["rungs"][0]["from"]
    assert report["ended"]
    assert report["duration"] == pytest.approx(SECONDS, abs=0.1)
    assert shows_the_middle_of(clip, screenshot)


def test_the_preview_plays_alone(browser, library, clip, tmp_path):
    report, _, _ = play(browser, library, clip, "preview", tmp_path)

    assert report["errors"] == []
    assert report["ended"]
    assert report["duration"] == pytest.approx(3, abs=0.1)


def shows_the_middle_of(clip, screenshot) -> bool:
    """Whether a screenshot looks like the original's picture at half its time, by the mean difference of levels."""
    with Image.open(screenshot) as opened:
        shown = np.asarray(opened.convert("RGB").resize((108, 192)), int)
    frame = ["-ss", f"{SECONDS / 2}", "-i", str(clip.original), "-frames:v", "1", "-vf", "scale=108:192"]
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", *frame, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True
    ).stdout
    return np.abs(shown - np.frombuffer(raw, np.uint8).reshape(shown.shape)).mean() < 8
