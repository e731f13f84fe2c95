"""`scripts/fit-looks DIR`: fit the looks of a folder of photos and renders, and write them into `filters/looks/`."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from filters.look_files import FOLDER
from filters.recipe import BUILT_IN_LOOKS
from scripts.benches.oracle import SCORED_SIDE, Sample, read_oracle
from scripts.fitting.choose import Choice, choose
from scripts.fitting.model import Pair
from scripts.fitting.photo import Photo, average_tones, describe_photo
from scripts.fitting.writing import look_text

PROCESSES = 2


def main(arguments: Sequence[str]) -> int:
    """Fit what the command line names. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/fit-looks",
        description="Fit looks to photos and their renders, PHOTO.jpg and PHOTO-LOOK.jpg, each look to at least two. "
        f"All are square, the renders' sides a multiple of {SCORED_SIDE} pixels.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="DIR", default=FOLDER, help="where the looks go (%(default)s)")
    options = parser.parse_args(arguments)
    samples = by_look(read_oracle(options.folder, BUILT_IN_LOOKS))
    if not samples:
        parser.error(f"There is no look with renders of two photos in {options.folder}: it needs PHOTO-LOOK.jpg files.")
    if unfit := [file for found in samples.values() for sample in found for file in unfit_files(sample)]:
        parser.error(f"These are not square, or no multiple of {SCORED_SIDE}: {', '.join(map(str, unfit))}.")
    options.out.mkdir(parents=True, exist_ok=True)
    choices = {}
    for name, choices[name] in fit(samples):
        (options.out / f"{name}.json").write_text(look_text(name, choices[name]))
    Console().print(tabulate(choices))
    return 0


def by_look(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples of each look that has enough of them to leave one out."""
    looks = {sample.look: [other for other in samples if other.look == sample.look] for sample in samples}
    return {look: found for look, found in looks.items() if len(found) > 1}


def unfit_files(sample: Sample) -> list[Path]:
    """Those of a sample's files that a surface over the frame cannot be fitted to."""
    with Image.open(sample.photo) as photo, Image.open(sample.rendered) as rendered:
        files = {sample.photo: photo.size, sample.rendered: rendered.size}
    sides = {sample.photo: 1, sample.rendered: SCORED_SIDE}
    return [file for file, (width, height) in files.items() if width != height or width % sides[file]]


def fit(samples: Mapping[str, Sequence[Sample]]) -> Iterator[tuple[str, Choice]]:
    """Each look's model, several at a time."""
    first = {sample.photo: sample for found in samples.values() for sample in found}
    photos = {file: describe_photo(sample.source()) for file, sample in track(first.items(), "Reading the photos")}
    tasks = [(look, pairs(found, photos)) for look, found in samples.items()]
    with get_context("fork").Pool(PROCESSES) as pool:
        yield from track(pool.imap(_choose, tasks), "Fitting the looks", total=len(tasks))


def pairs(samples: Sequence[Sample], photos: Mapping[Path, Photo]) -> dict[str, Pair]:
    """The photos and renders of one look, by the photo's name."""
    return {sample.photo.stem: (photos[sample.photo], average_tones(sample.target())) for sample in samples}


def _choose(task: tuple[str, Mapping[str, Pair]]) -> tuple[str, Choice]:
    look, found = task
    return look, choose(found)


def tabulate(choices: Mapping[str, Choice]) -> Table:
    """A row a look: its model, its error on a photo that it has not seen, and on those that it has."""
    table = Table(title="Mean CIEDE2000", show_footer=True)
    left_out = {name: fmean(choice.left_out.values()) for name, choice in choices.items()}
    fitted = {name: fmean(choice.fitted.values()) for name, choice in choices.items()}
    table.add_column("Look", "all")
    table.add_column("Model")
    table.add_column("Left out", f"{fmean(left_out.values()):.2f}", justify="right")
    table.add_column("Fitted", f"{fmean(fitted.values()):.2f}", justify="right")
    for name, choice in choices.items():
        shape = choice.fit.shape
        model = f"{shape.mixing}, bends {shape.bends}, smoothness {shape.smoothness:g}"
        table.add_row(name, model, f"{left_out[name]:.2f}", f"{fitted[name]:.2f}")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
