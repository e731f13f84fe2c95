"""`scripts/bench NAME`: run a bench, which prints its table, and keep its figures."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.benches import looks, photo, pipeline

SHARED = Path(__file__).resolve().parents[3] / "shared"
BENCHES: Mapping[str, tuple[Callable[..., Mapping[str, float]], Sequence[str]]] = {  # each with the folders it reads
    "photo": (photo.run, ["inputs"]),
    "pipeline": (pipeline.run, ["inputs"]),
    "looks": (looks.run, ["oracle", "inputs"]),
}
FOLDERS = {
    "inputs": (SHARED / "corpus" / "bench", "photos to measure with"),
    "oracle": (SHARED / "looks", "PHOTO.jpg, and PHOTO-LOOK.jpg as it should look"),
}


def main(arguments: Sequence[str]) -> int:
    """Run the bench that the command line names. Returns the exit status."""
    options = parser().parse_args(arguments)
    bench, folders = BENCHES[options.name]
    figures = bench(**{folder: getattr(options, folder) for folder in folders})
    for name, figure in figures.items():
        print(f"{name:28} {figure:8.3f}")
    if options.json:
        options.json.write_text(json.dumps({"figures": figures}, indent=2) + "\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """A command a bench, each with an option for each folder that it reads."""
    top = argparse.ArgumentParser(prog="scripts/bench", description="Measure, side by side, in one run.")
    commands = top.add_subparsers(dest="name", required=True, metavar="|".join(BENCHES))
    for name, (bench, folders) in BENCHES.items():
        command = commands.add_parser(name, description=sys.modules[bench.__module__].__doc__)
        command.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
        for folder in folders:
            default, says = FOLDERS[folder]
            command.add_argument(
                f"--{folder}", type=existing, metavar="DIR", default=default, help=f"{says} (%(default)s)"
            )
    return top


def existing(text: str) -> Path:
    """A folder that is there."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return Path(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
