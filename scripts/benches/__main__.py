"""`scripts/bench NAME`: run a bench, which prints its table, and keep its figures."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.benches import clip, endurance, looks, mixed, photo, pipeline

SHARED = Path(__file__).resolve().parents[3] / "shared"
CORPUS = SHARED / "corpus" / "bench"


def main(arguments: Sequence[str]) -> int:
    """Run the bench that the command line names. Returns the exit status."""
    options = parser().parse_args(arguments)
    bench = BENCHES[options.name]
    figures = bench.run(**{option: getattr(options, option) for option in bench.options})
    for name, figure in figures.items():
        print(f"{name:28} {figure:8.3f}")
    if options.json:
        options.json.write_text(json.dumps({"figures": figures}, indent=2) + "\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """A command a bench, each with its options."""
    top = argparse.ArgumentParser(prog="scripts/bench", description="Measure, side by side, in one run.")
    commands = top.add_subparsers(dest="name", required=True, metavar="|".join(BENCHES))
    for name, bench in BENCHES.items():
        command = commands.add_parser(name, description=sys.modules[bench.run.__module__].__doc__)
        command.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
        for option, settings in bench.options.items():
            command.add_argument(f"--{option}", **settings)
    return top


def folder(text: str) -> Path:
    """A folder that is there."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return Path(text)


def existing(text: str) -> Path:
    """A file or folder that is there."""
    if not Path(text).exists():
        raise argparse.ArgumentTypeError(f"there is no file or folder {text}")
    return Path(text)


def counted(text: str) -> int:
    """A number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1")
    return int(text)


def counted_or_none(text: str) -> int:
    """A number from 0."""
    return 0 if text == "0" else counted(text)


def _folder(default: Path, says: str) -> dict[str, Any]:
    return {"type": folder, "metavar": "DIR", "default": default, "help": f"{says} (%(default)s)"}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A bench, and its options as `add_argument` takes them: each is an argument of `run` too."""

    run: Callable[..., Mapping[str, float]]
    options: Mapping[str, Mapping[str, Any]]


PHOTOS = _folder(CORPUS, "photos to measure with")
ORACLE = _folder(SHARED / "looks", "PHOTO.jpg, and PHOTO-LOOK.jpg as it should look")
CLIPS = {
    "type": existing,
    "nargs": "+",
    "metavar": "CLIP",
    "default": [CORPUS] if CORPUS.is_dir() else [],
    "help": f"clips to measure with, or folders of them ({CORPUS}, else a clip made by code)",
}
ROUNDS = {
    "type": counted,
    "metavar": "N",
    "default": clip.ROUNDS,
    "help": "how often each contender is asked (%(default)s)",
}
RIVALS = {
    "type": counted_or_none,
    "metavar": "N",
    "default": clip.RIVAL_ROUNDS,
    "help": "how often others' ways are asked, 0 to leave them out (%(default)s)",
}
JOBS = {"type": counted, "metavar": "N", "default": 20_000, "help": "how many jobs (%(default)s)"}
BENCHES = {
    "photo": Bench(run=photo.run, options={"inputs": PHOTOS}),
    "pipeline": Bench(run=pipeline.run, options={"inputs": PHOTOS}),
    "looks": Bench(run=looks.run, options={"oracle": ORACLE, "inputs": PHOTOS}),
    "clip": Bench(run=clip.run, options={"inputs": CLIPS, "rounds": ROUNDS, "rivals": RIVALS}),
    "mixed": Bench(run=mixed.run, options={"inputs": CLIPS}),
    "endurance": Bench(run=endurance.run, options={"jobs": JOBS}),
}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a bench ends its servers and contenders on the way out
    sys.exit(main(sys.argv[1:]))
