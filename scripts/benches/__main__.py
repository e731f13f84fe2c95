"""`scripts/bench NAME`: run a bench, which prints its table, and keep its figures."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.benches import photo, pipeline

BENCHES: Mapping[str, Callable[[Path], Mapping[str, float]]] = {
    "photo": photo.run,
    "pipeline": pipeline.run,
}
INPUTS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "bench"


def main(arguments: Sequence[str]) -> int:
    """Run the bench that the command line names. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure, side by side, in one run.")
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    parser.add_argument(
        "--inputs", type=Path, metavar="DIR", default=INPUTS, help="media to measure with (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if not options.inputs.is_dir():
        parser.error(f"There is no folder {options.inputs}: name one with --inputs.")
    figures = BENCHES[options.name](options.inputs)
    for name, figure in figures.items():
        print(f"{name:28} {figure:8.3f}")
    if options.json:
        options.json.write_text(json.dumps({"figures": figures}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
