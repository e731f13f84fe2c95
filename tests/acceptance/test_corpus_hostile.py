"""Every hostile file of the corpus, judged in a process under a renderer's limits: no crash, and the right verdict."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from config import Limits

ROOT = Path(__file__).resolve().parents[2]
JUDGE = Path(__file__).with_name("judge_hostile.py")
CLIPS = (".avi", ".m3u8", ".mkv", ".mov", ".mp4", ".webm")

# Where we differ from what one decoder did when the corpus was made, and why we are right.
DISAGREEMENTS = {
    "imgrspng__x_consecutive_idat.png": "a stray chunk lies between the pixels, of which none is missing",
    "imgrspng__x_interlaced_chck.png": "the checksum of the pixels is wrong, which Pillow does not look at",
    "pheif__truncated.heic": "what is missing belongs to other items; the primary picture is whole",
    "pillow__broken_data_stream.png": "the checksum of the pixels is wrong, and so are they",
    "pillow__sequence_gap.png": "the animation is broken, its still picture is whole",
    "pillow__syntax_num_frames_high.png": "the animation is broken, its still picture is whole",
    "pillow__truncated_jpeg.jpg": "the last bytes are missing, and no pixel",
    "pillow__unknown_compression_method.png": "the profile cannot be read and is dropped, the pixels are whole",
}

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def expected(corpus: Path) -> Mapping[str, Mapping[str, str]]:
    with (corpus / "hostile.tsv").open(newline="") as table:
        return {row["file"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}


@pytest.fixture(scope="module")
def judged(corpus: Path, expected: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, object]]:
    """What became of each file. A process that dies is followed by another, which begins after the killer."""
    waiting = [corpus / "hostile" / name for name in expected]
    judged = {}
    while waiting:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.run([sys.executable, JUDGE, *waiting], env=environment, stdout=subprocess.PIPE, check=False)
        lines = [json.loads(line) for line in child.stdout.splitlines()]
        judged |= {line["file"]: line for line in lines}
        if len(lines) < len(waiting):
            killer = waiting[len(lines)].name
            judged[killer] = {"file": killer, "verdict": f"died: {child.returncode}", "cpu_seconds": 0}
        waiting = waiting[len(lines) + 1 :]
    return judged


def test_no_file_crashes_the_process_or_leaves_its_memory(judged):
    assert [line for line in judged.values() if str(line["verdict"]).startswith("died")] == []


def test_no_file_comes_near_the_limit_of_time(judged):
    assert max(line["cpu_seconds"] for line in judged.values()) < Limits().photo_cpu_seconds / 2


def test_what_was_decided_by_hand_holds(judged, expected):
    decided = {name: row for name, row in expected.items() if row["why"].startswith(("firm", "policy"))}

    wrong = [name for name, row in decided.items() if (judged[name]["verdict"] == "accepted") != wanted(row)]

    assert decided
    assert wrong == []


def test_what_one_decoder_did_holds_but_for_known_disagreements(judged, expected):
    wrong = {name for name, row in expected.items() if (judged[name]["verdict"] == "accepted") != wanted(row)}

    assert wrong == DISAGREEMENTS.keys()


def wanted(row: Mapping[str, str]) -> bool:
    """Whether the file is a photo to be accepted: a sound clip is none."""
    return row["expected"] == "accept" and not row["file"].endswith(CLIPS)
