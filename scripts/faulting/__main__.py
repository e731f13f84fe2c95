"""Have everything go wrong that can, on real servers of its own under load, and account for every acknowledged upload.

The exit status is 1 if anything was lost, half-published or done twice, or another promise was broken; also if a fault
was skipped that this machine does not allow, unless --allow-skips says that this is known, and if none was run at all.
"""

import argparse
import json
import logging
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.faulting.figures import figures
from scripts.faulting.frontend import Acknowledged
from scripts.faulting.lab import Lab
from scripts.faulting.media import judge_folder
from scripts.faulting.minutes import MINUTE, looking_each_minute
from scripts.faulting.model import INVARIANTS, LONG, Fault, Tally
from scripts.faulting.progress import Teller
from scripts.faulting.runner import SHOWN, read, run, take_stock
from scripts.faulting.sweeping import sweep
from scripts.faulting.table import FAULTS

DEFAULT_SEED = 1
NAMES = frozenset(fault.name for fault in FAULTS)
COLUMNS = ("acknowledged", "ready", "rejected", "dead", "lost", "half_published", "duplicated", "orphans")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says. Returns the exit status."""
    options = parser().parse_args(arguments)
    if options.media:
        return judge_media(options.media, options.json)
    chosen = choose(options.only, short=options.short)
    if missing := [word for word in options.only or () if not choose([word], short=options.short)]:
        parser().error(f"no fault has {', '.join(map(repr, missing))} in its name or group; --list names them all")
    if options.list:
        print("\n".join(f"{fault.group:12} {fault.name}" for fault in chosen))
        return 0
    with Lab.opened(options.seed, options.patience) as lab:
        tallies = soak(chosen, lab, options.minutes) if options.minutes else once_each(chosen, lab)
    return report(tallies, options)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    made.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of order and parameters (%(default)s)")
    made.add_argument("--json", type=new_file, metavar="FILE", help="keep the figures here")
    made.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="the fault of this name, or those whose name or group has it; of the group `long` by all of it alone",
    )
    made.add_argument("--list", action="store_true", help="name the faults, and leave")
    made.add_argument(
        "--patience",
        type=float,
        default=1.0,
        metavar="X",
        help="so many times what is promised in seconds, for a machine that is busy",
    )
    made.add_argument("--short", action="store_true", help="a few of each group")
    made.add_argument("--allow-skips", action="store_true", help="a fault that is not to be had here fails nothing")
    made.add_argument("--minutes", type=float, metavar="M", help="go on for so long, with faults at random")
    made.add_argument("--media", type=folder_of_files, metavar="DIR", help="judge the files of a folder, and leave")
    return made


def new_file(text: str) -> Path:
    """A file that can be written once there is something to keep."""
    file = Path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder, or is to lie in one that is not there")
    return file


def folder_of_files(text: str) -> Path:
    """A folder with something to judge."""
    folder = Path(text)
    if not folder.is_dir() or not any(file.is_file() for file in folder.iterdir()):
        raise argparse.ArgumentTypeError(f"{text!r} is no folder that has files")
    return folder


def choose(only: Sequence[str] | None, *, short: bool) -> list[Fault]:
    """The faults that were asked for. Without a word these are all but the long ones."""
    wanted = [fault for fault in FAULTS if fault.short or not short]
    if not only:
        return [fault for fault in wanted if fault.group != LONG]
    return [fault for fault in wanted if any(is_meant(fault, word) for word in only)]


def is_meant(fault: Fault, word: str) -> bool:
    """Whether a word of the command line means this fault; a long one has to be spelled out.

    A word that is the whole name of a fault means no other.
    """
    if fault.group == LONG or word in NAMES:
        return word in (fault.group, fault.name)
    return word in f"{fault.group} {fault.name}"


def shuffled(faults: Iterable[Fault], dice: random.Random) -> list[Fault]:
    """Groups in any order, and the faults of each: a group's share their workers, whose start takes the longest."""
    groups: dict[str, list[Fault]] = {}
    for fault in faults:
        groups.setdefault(fault.group, []).append(fault)
    names = dice.sample(sorted(groups), k=len(groups))
    return [fault for name in names for fault in dice.sample(groups[name], k=len(groups[name]))]


def endless(faults: Sequence[Fault], lab: Lab, minutes: float) -> Iterator[Fault]:
    """Faults at random, until the time is over."""
    end = time.monotonic() + MINUTE * minutes
    while time.monotonic() < end:
        yield lab.dice.choice(faults)


def once_each(faults: Sequence[Fault], lab: Lab) -> list[Tally]:
    """Have each fault happen once, in the order of the seed; at last everything is looked at once more."""
    teller = Teller(len(faults))
    tallies, acknowledged = [], []
    with teller.watching():
        for fault in teller.follow(shuffled(faults, lab.dice)):
            tallies.append(run(fault, lab))
            acknowledged += lab.frontend.acknowledged
            teller.tell(tallies[-1])
        return [*tallies, look_once_more(lab, acknowledged)]


def soak(faults: Sequence[Fault], lab: Lab, minutes: float) -> list[Tally]:
    """Have faults happen at random for so long, and look at everything each minute; told is what was not kept."""
    teller = Teller(None, MINUTE * minutes)
    with teller.watching(), looking_each_minute(lab, teller.say) as minute:
        for fault in teller.follow(endless(faults, lab, minutes)):
            tally = run(fault, lab)
            if not tally.kept or tally.skipped:
                teller.tell(tally)
            minute.add(tally, lab.frontend.acknowledged)
    return [*minute.faults, *minute.looks, look_once_more(lab, minute.acknowledged)]


def look_once_more(lab: Lab, acknowledged: Sequence[Acknowledged]) -> Tally:
    """A look at everything, after it all: at what an audit finds, and at what is there once it has swept."""
    swept, findings = sweep(lab)
    tally = take_stock("everything once more", INVARIANTS, acknowledged, read(lab, acknowledged))
    return replace(tally, swept=swept, findings=(*tally.findings, *findings[:SHOWN]))


def report(tallies: Sequence[Tally], options: argparse.Namespace) -> int:
    """Print the table and what was skipped, keep the figures. Returns the exit status."""
    Console(width=150 if not sys.stdout.isatty() else None).print(tabulate(tallies))
    found = figures(tallies)
    for name, figure in found.items():
        print(f"{name:28} {figure:8.3f}")
    for tally in tallies:
        if tally.skipped:
            print(f"SKIPPED {tally.fault}: {tally.skipped}")
    if options.json:
        rows = [asdict(tally) for tally in tallies]
        options.json.write_text(json.dumps({"seed": options.seed, **found, "faults": rows}, indent=2) + "\n")
    return status(tallies, allow_skips=options.allow_skips)


def status(tallies: Sequence[Tally], *, allow_skips: bool) -> int:
    """The exit status: 0 if every promise was kept, and that was tried."""
    faults = [tally for tally in tallies if tally.group != INVARIANTS]
    tried = [tally for tally in faults if not tally.skipped]
    return int(not tried or not (allow_skips or tried == faults) or not all(tally.kept for tally in tallies))


def tabulate(tallies: Sequence[Tally]) -> Table:
    """A row a fault."""
    table = Table(title="Faults under load, and what became of every acknowledged upload")
    table.add_column("fault")
    for heading in ("injected", *COLUMNS, "worst recovery s"):
        table.add_column(heading.replace("_", "-"), justify="right")
    for tally in tallies:
        worst = "" if tally.worst_seconds is None else f"{tally.worst_seconds:.1f}"
        counts = [str(getattr(tally, name)) for name in ("injected", *COLUMNS)]
        note = " (skipped)" if tally.skipped else "" if tally.kept else " (BROKEN)"
        table.add_row(tally.fault + note, *counts, worst)
    return table


def judge_media(folder: Path, file: Path | None) -> int:
    """Judge the files of a folder. The exit status is 1 if one died."""
    judged: list[dict[str, Any]] = judge_folder(folder)
    text = json.dumps(judged, indent=1)
    if file:
        file.write_text(text + "\n")
    else:
        print(text)
    return int(any(judgement["verdict"] == "died" for judgement in judged))


if __name__ == "__main__":
    logging.getLogger("jobs").addHandler(logging.NullHandler())  # that a server is away is no news here
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are ended on the way out
    sys.exit(main(sys.argv[1:]))
