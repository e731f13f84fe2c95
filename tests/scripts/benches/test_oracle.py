"""An oracle's folder, and how far a picture is from one of its."""

import numpy as np
import pytest
from PIL import Image

from scripts.benches.__main__ import parser
from scripts.benches.looks import NUMPY, OURS, PILGRAM, UNTOUCHED, Result, figures
from scripts.benches.oracle import Difference, differences, read_oracle, summary


def write(file, colour, size):
    Image.new("RGB", size, colour).save(file, quality=100, subsampling=0)


@pytest.fixture
def oracle(tmp_path):
    """Two photos, one with a dash in its name; not every look of each."""
    for name, size in (("sea", (80, 60)), ("two-trees", (50, 70))):
        write(tmp_path / f"{name}.jpg", (200, 100, 50), size)
        write(tmp_path / f"{name}-juno.jpg", (100, 100, 100), (40, 30))
    write(tmp_path / "sea-aden.jpg", (0, 0, 0), (40, 30))
    write(tmp_path / "sea-unheard.jpg", (0, 0, 0), (40, 30))
    (tmp_path / "README.md").write_text("words")
    return tmp_path


def test_every_photo_is_found_with_every_look_that_is_there(oracle):
    found = [(sample.look, sample.photo.stem) for sample in read_oracle(oracle, ("aden", "juno", "lark"))]

    assert found == [("aden", "sea"), ("juno", "sea"), ("juno", "two-trees")]


def test_a_photo_is_compared_at_the_size_of_what_was_rendered(oracle):
    sample = read_oracle(oracle, ("juno",))[0]

    assert sample.source().shape == sample.target().shape == (30, 40, 3)
    assert np.abs(sample.source() - np.array([200.0, 100, 50])).max() <= 2


def test_pictures_alike_do_not_differ_and_black_is_a_hundred_from_white():
    black, white = np.zeros((57, 35, 3), np.uint8), np.full((57, 35, 3), 255, np.uint8)

    assert differences(black, black).max() == 0
    assert differences(black, white).mean() == pytest.approx(100, abs=0.01)
    assert differences(black, white).shape == (150, 150)


def test_only_the_centre_square_counts():
    tall = np.zeros((90, 30, 3), np.uint8)
    tall[:30] = tall[60:] = 255

    assert differences(tall, np.zeros_like(tall)).max() == 0


def test_photos_count_alike():
    found = summary([np.full((150, 150), 1.0), np.full((150, 150), 3.0)])

    assert found == Difference(mean=2.0, p95=2.0)


def test_the_figures_have_their_names_and_compare_what_both_have():
    ours = Result(
        fidelity={"aden": Difference(mean=1.0, p95=2.0), "juno": Difference(mean=3.0, p95=4.0)},
        cpu_ms={"aden": 2.0, "juno": 4.0},
    )
    peer = Result(fidelity={"aden": Difference(mean=6.0, p95=9.0)}, cpu_ms={"aden": 50.0})
    untouched = Result(fidelity={"aden": Difference(mean=8.0, p95=9.0)})

    found = figures({OURS: ours, PILGRAM: peer, NUMPY: peer, UNTOUCHED: untouched})

    assert found["mean_de2000"] == 2.0
    assert found["worst_de2000"] == 3.0
    assert found["pilgram_de2000"] == 6.0
    assert found["median_ms"] == 3.0
    assert found["worst_ms"] == 4.0
    assert found["over_pilgram_median"] == 25.0


def test_a_folder_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["looks", "--oracle", str(tmp_path / "nowhere")])

    assert "there is no folder" in capsys.readouterr().err


def test_each_bench_has_the_folders_that_it_reads(tmp_path):
    options = parser().parse_args(["looks", "--oracle", str(tmp_path), "--json", "figures.json"])

    assert options.oracle == tmp_path
    assert options.json.name == "figures.json"
    with pytest.raises(SystemExit):
        parser().parse_args(["photo", "--oracle", str(tmp_path)])
