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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.faulting.lab import Lab
from scripts.faulting.media import judge_folder
from scripts.faulting.model import KILLS, Fault, Tally
from scripts.faulting.runner import run, take_stock
from scripts.faulting.table import FAULTS

DEFAULT_SEED = 1
COLUMNS = ("acknowledged", "ready", "rejected", "dead", "lost", "half_published", "duplicated", "orphans")
MINUTE = 60.0
INVARIANTS = "invariants"  # the group of what is no fault: a look at everything until now


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says. Returns the exit status."""
    options = parser().parse_args(arguments)
    if options.media:
        return judge_media(options.media, options.json)
    chosen = choose(options.only, short=options.short)
    if not chosen:
        parser().error("no fault has such a name or group; --list names them all")
    if options.list:
        print("\n".join(f"{fault.group:12} {fault.name}" for fault in chosen))
        return 0
    with Lab.opened(options.seed) as lab:
        order = endless(chosen, lab, options.minutes) if options.minutes else shuffled(chosen, lab.dice)
        tallies = conduct(order, lab, soak=bool(options.minutes))
    return report(tallies, options)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    made.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of order and parameters (%(default)s)")
    made.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    made.add_argument("--only", nargs="+", metavar="NAME", help="faults whose name or group has one of these words")
    made.add_argument("--list", action="store_true", help="name the faults, and leave")
    made.add_argument("--short", action="store_true", help="a few of each group")
    made.add_argument("--allow-skips", action="store_true", help="a fault that is not to be had here fails nothing")
    made.add_argument("--minutes", type=float, metavar="M", help="go on for so long, with faults at random")
    made.add_argument("--media", type=Path, metavar="DIR", help="judge the files of a folder, and leave")
    return made


def choose(only: Sequence[str] | None, *, short: bool) -> list[Fault]:
    """The faults that were asked for."""
    wanted = [fault for fault in FAULTS if fault.short or not short]
    return [fault for fault in wanted if not only or any(word in f"{fault.group} {fault.name}" for word in only)]


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


def conduct(order: Iterable[Fault], lab: Lab, *, soak: bool) -> list[Tally]:
    """Have the faults happen one after another; at last everything is looked at once more."""
    tallies: list[Tally] = []
    acknowledged = []
    said_at = time.monotonic()
    for fault in order:
        tallies.append(run(fault, lab))
        acknowledged += lab.frontend.acknowledged
        if not soak or not tallies[-1].kept:
            say(tallies[-1])
        if soak and time.monotonic() - said_at >= MINUTE:
            said_at = time.monotonic()
            tallies.append(take_stock("all until now", INVARIANTS, lab, acknowledged))
            print(f"{time.strftime('%H:%M:%S')} {json.dumps(figures(tallies))}", flush=True)
    lab.struck_at, lab.recoveries_seconds = [], []
    tallies.append(take_stock("everything once more", INVARIANTS, lab, acknowledged))
    return tallies


def say(tally: Tally) -> None:
    """One line, as it comes: the run takes a while."""
    ended = f"skipped: {tally.skipped}" if tally.skipped else "kept" if tally.kept else "BROKEN"
    print(f"{time.strftime('%H:%M:%S')} {tally.group:10} {tally.fault:34} {tally.seconds:5.1f} s  {ended}", flush=True)
    for finding in tally.findings:
        print(f"    {finding}", flush=True)


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


def figures(tallies: Sequence[Tally]) -> Mapping[str, float]:
    """The sums over all faults, and how soon a killed worker's jobs were done.

    What is wrong is counted once, by the fault that it happened in or by a later look at everything. The worst recovery
    is that of any job that a kill found waiting or running; the median is of those alone whose attempt it ended.
    """
    faults = [tally for tally in tallies if tally.group != INVARIANTS]
    stocks = [tally for tally in tallies if tally.group == INVARIANTS]
    kills = [tally for tally in faults if tally.group == KILLS]
    killed = [seconds for tally in kills for seconds in tally.recoveries_seconds]
    worst = max((tally.worst_seconds or 0.0 for tally in kills), default=0.0)
    wrong = {
        name: max(sum(getattr(tally, name) for tally in faults), *(getattr(tally, name) for tally in stocks), 0)
        for name in ("lost", "half_published", "duplicated")
    }
    return {
        "faults_run": sum(not tally.skipped for tally in faults),
        "faults_skipped": sum(bool(tally.skipped) for tally in faults),
        "acknowledged": sum(tally.acknowledged for tally in faults),
        **wrong,
        "orphans": sum(tally.orphans for tally in faults),
        "broken_promises": sum(not tally.kept for tally in tallies),
        "recovery_worst_s": round(worst, 3),
        "recovery_median_s": round(median(killed), 3) if killed else 0.0,
    }


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
