"""The command: from a folder of photos and renders to files that the looks' reader reads."""

import json

import numpy as np
import pytest
from PIL import Image

from filters.look import read_look
from scripts.fitting.__main__ import main


def save(folder, name, pixels):
    Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=100, subsampling=0)


@pytest.fixture(scope="module")
def written(tmp_path_factory, truth):
    """What the command makes of two photos in two looks, of which Inkwell is a curve for each channel."""
    folder, out = tmp_path_factory.mktemp("renders"), tmp_path_factory.mktemp("looks")
    for seed in (1, 2):
        photo = truth.photo(seed, side=150)
        save(folder, f"photo{seed}", photo)
        save(folder, f"photo{seed}-sutro", truth.vignetted(photo))
        save(folder, f"photo{seed}-inkwell", truth.curved(photo))
    save(folder, "photo1-moon", truth.curved(photo))  # of one photo only
    assert main([str(folder), "--out", str(out)]) == 0
    return {file.stem: json.loads(file.read_text()) for file in out.iterdir()}


def tones(data, photo, few):
    look = read_look("mine", data)
    (operation,) = look.operations(1.0)
    amounts = (look.mask.draw(*photo.shape[:2]) if look.mask else np.zeros(photo.shape[:2])).reshape(-1)
    return np.array([operation(p, t) for p, t in zip(photo.reshape(-1, 3)[few] / 255, amounts[few], strict=True)])


def test_every_look_with_renders_of_two_photos_gets_a_file(written):
    assert written.keys() == {"sutro", "inkwell"}


@pytest.mark.parametrize(("name", "render"), [("sutro", "vignetted"), ("inkwell", "curved")])
def test_a_file_renders_a_photo_that_it_has_not_seen_as_the_look_does(written, truth, name, render):
    photo, few = truth.photo(3, side=150), slice(0, None, 31)
    expected = getattr(truth, render)(photo).reshape(-1, 3)[few]

    errors = 255 * np.abs(tones(written[name], photo, few) - expected / 255)

    assert errors.mean() < 1
    assert np.percentile(errors, 99) < 4


def test_where_a_curve_for_each_channel_made_the_renders_the_simplest_model_is_chosen(written):
    assert written["inkwell"]["surface"] is None
    assert {channel: list(curves) for channel, curves in written["inkwell"]["curves"].items()} == {
        "red": ["red"],
        "green": ["green"],
        "blue": ["blue"],
    }


def test_where_a_vignette_and_other_channels_made_them_the_model_has_both(written):
    assert written["sutro"]["surface"] is not None
    assert list(written["sutro"]["curves"]["red"]) == ["red", "green", "blue"]


def test_a_file_tells_the_error_on_each_photo_that_was_left_out(written):
    assert written["sutro"]["left_out"].keys() == {"photo1", "photo2"}
    assert max(written["sutro"]["left_out"].values()) < 1


@pytest.mark.parametrize("names", [[], ["photo"], ["photo", "photo-inkwell"], ["photo", "other", "photo-mine"]])
def test_a_folder_without_a_look_on_two_photos_is_an_error_that_says_what_is_needed(names, tmp_path, truth, capsys):
    for name in names:
        save(tmp_path, name, truth.photo(1, side=150))

    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), "--out", str(tmp_path)])

    assert ended.value.code == 2
    assert f"no look with renders of two photos in {tmp_path}: it needs PHOTO-LOOK.jpg" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(
    ("photo", "render"), [((150, 150), (149, 149)), ((150, 150), (150, 300)), ((160, 150), (150, 150))]
)
def test_files_that_a_surface_cannot_be_fitted_to_are_named(photo, render, tmp_path, capsys):
    for name in ("a", "b"):
        save(tmp_path, name, np.zeros((*photo, 3), np.uint8))
        save(tmp_path, f"{name}-moon", np.zeros((*render, 3), np.uint8))

    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), "--out", str(tmp_path / "looks")])

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "not square, or no multiple of 150" in said
    assert ("a-moon.jpg" in said, "a.jpg" in said) == (render != (150, 150), photo != (150, 150))
    assert not (tmp_path / "looks").exists()


def test_a_folder_must_be_named(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 2
    assert "DIR" in capsys.readouterr().err
