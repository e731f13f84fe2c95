"""The clips' bench: what its figures are made of, and which clips it takes."""

from pathlib import Path

import pytest

from scripts.benches import clip
from scripts.benches.__main__ import parser
from scripts.benches.clip import FLOOR_ONE, FLOOR_THREE, OURS, WITH_LOOK, WITH_MASKED_LOOK, Result, figures


def result(*seconds, own=0.0):
    return Result(seconds={"a.mov": list(seconds)}, own_seconds={"a.mov": [own] * len(seconds)})


def test_a_ratio_is_the_median_of_the_rounds_own_so_that_a_slow_round_counts_for_both():
    assert result(2, 20, 4).over(result(1, 10, 1)) == pytest.approx(2)


def test_rounds_that_only_one_of_both_had_do_not_count():
    assert result(2, 2, 2, 90, 90).over(result(1, 1, 1)) == pytest.approx(2)


def test_clips_count_alike():
    ours = Result(seconds={"a.mov": [2.0], "b.mov": [80.0]})
    theirs = Result(seconds={"a.mov": [1.0], "b.mov": [10.0]})

    assert ours.over(theirs) == pytest.approx(4)  # the geometric mean of 2 and 8


def test_pythons_share_is_of_what_the_encoder_spends():
    assert result(10.3, 10.3, own=0.3).own_share() == pytest.approx(0.03)


def test_the_figures_have_their_names():
    ours = result(17)
    ours.scores = {"1080p": [96.0], "720p": [93.0, 94.0]}
    ours.sizes = {"1080p": [2_000_000]}
    ours.peak_rss_mb, ours.peak_tree_mb = 400.0, 600.0
    others = {WITH_LOOK: result(20.4), WITH_MASKED_LOOK: result(22.1), "moviepy": result(170)}

    found = figures({FLOOR_ONE: result(10), OURS: ours, FLOOR_THREE: result(16), **others})

    assert found["over_f1"] == pytest.approx(1.7)
    assert found["over_f3"] == pytest.approx(17 / 16)
    assert found["with_look_over_plain"] == pytest.approx(1.2)
    assert found["with_masked_look_over_plain"] == pytest.approx(1.3)
    assert found["over_moviepy"] == pytest.approx(0.1)
    assert found["vmaf_1080"] == 96
    assert found["vmaf_720"] == 93.5
    assert found["kb_1080"] == 2000
    assert found["peak_rss_mb"] == 400
    assert found["peak_tree_mb"] == 600
    assert not {"vmaf_480", "over_immich"} & found.keys()


def test_folders_give_their_clips_and_files_are_taken_by_name(tmp_path):
    for name in ("b.MOV", "a.mp4", "photo.jpg", "README"):
        (tmp_path / name).touch()
    single = tmp_path / "elsewhere" / "c.webm"

    assert clip.find_clips([tmp_path, single]) == [tmp_path / "a.mp4", tmp_path / "b.MOV", single]


def test_several_clips_and_rounds_can_be_asked_for(tmp_path):
    options = parser().parse_args(["clip", "--inputs", str(tmp_path), __file__, "--rounds", "2", "--rivals", "0"])

    assert options.inputs == [tmp_path, Path(__file__)]
    assert options.rounds == 2
    assert options.rivals == 0


@pytest.mark.parametrize("wrong", [["--rounds", "0"], ["--rounds", "many"], ["--inputs", "/nowhere"]])
def test_what_cannot_be_measured_is_refused_with_its_name(wrong, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["clip", *wrong])

    assert wrong[1] in capsys.readouterr().err
