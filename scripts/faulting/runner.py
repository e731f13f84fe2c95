"""Has a fault happen in a lab, and accounts for everything that was acknowledged meanwhile."""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace

import psutil
import psycopg2
from botocore.exceptions import BotoCoreError, ClientError

from jobs.errors import DarkroomError
from scripts.faulting.accounting import account, recoveries, waits
from scripts.faulting.books import Books, read_books
from scripts.faulting.frontend import Acknowledged
from scripts.faulting.lab import Lab
from scripts.faulting.model import Fault, NotHereError, Tally

PATIENCE_SECONDS = 60.0  # beyond what is promised: what has no end by then is lost
SHOWN = 5  # findings of a kind that are told in words
# What a fault meets: promises that were not kept, and whatever the lab's own hands slipped on. None ends the whole run.
FAILURES = (
    *(DarkroomError, OSError, subprocess.SubprocessError),
    *(psutil.Error, psycopg2.Error, BotoCoreError, ClientError),
)


def run(fault: Fault, lab: Lab) -> Tally:
    """What became of a fault."""
    lab.reset()
    began = time.monotonic()
    skipped, findings = happen(fault, lab)
    if not skipped:
        findings += restore(lab, lab.patience * fault.recovery_seconds + PATIENCE_SECONDS)
    acknowledged = lab.frontend.acknowledged
    tally = take_stock(fault.name, fault.group, acknowledged, read(lab, acknowledged), lab.struck_at)
    tally = replace(tally, recoveries_seconds=(*tally.recoveries_seconds, *lab.recoveries_seconds))
    times = sorted({*tally.recoveries_seconds, *tally.waits_seconds}, reverse=True)
    late = [
        f"{seconds:.1f} s until a job ended"
        for seconds in times[:SHOWN]
        if seconds > lab.patience * fault.recovery_seconds
    ]
    return replace(
        tally,
        skipped=skipped,
        findings=(*findings, *lab.frontend.mishaps[:SHOWN], *tally.findings, *late),
        seconds=time.monotonic() - began,
    )


def happen(fault: Fault, lab: Lab) -> tuple[str, list[str]]:
    """Have it happen under load. Returns why it was skipped, "" if it was not, and what it found, in words."""
    try:
        with lab.under_load(fault.photos, fault.clips):
            fault.run(lab)
    except NotHereError as missing:
        return ("", [f"given up half-way: {missing}"]) if lab.begun else (str(missing), [])
    except FAILURES as broken:
        return "", [in_words(broken)]
    return "", []


def restore(lab: Lab, seconds: float) -> list[str]:
    """Have workers again, and wait for everything's end. Returns what forbade it, in words."""
    try:
        lab.stack.up()
        lab.staff_again()
    except FAILURES as broken:
        return [in_words(broken)]
    lab.settle(seconds)  # what has no end by then is counted as lost
    return []


def in_words(error: Exception) -> str:
    """An error as a finding."""
    return f"{type(error).__name__}: {error}"


def read(lab: Lab, acknowledged: Sequence[Acknowledged]) -> Books:
    """All that there is of these submits."""
    return read_books(lab.stack, [one.receipt.job_id for one in acknowledged], lab.receiver.events)


def take_stock(
    name: str, group: str, acknowledged: Sequence[Acknowledged], books: Books, struck_at: Sequence[float] = ()
) -> Tally:
    """Count what became of these submits, by the books."""
    found = account(acknowledged, books)
    wrong = (found.lost, found.half_published, found.duplicated, found.unowed, found.unknown)
    return Tally(
        fault=name,
        group=group,
        injected=len(struck_at),
        acknowledged=len({one.receipt.job_id for one in acknowledged}),
        ready=found.ends.get("done", 0),
        rejected=found.ends.get("rejected", 0),
        dead=found.ends.get("dead", 0),
        lost=len(found.lost),
        half_published=len(found.half_published),
        duplicated=len(found.duplicated),
        orphans=len(found.orphans),
        recoveries_seconds=tuple(recoveries(acknowledged, books, struck_at)),
        waits_seconds=tuple(waits(acknowledged, books, struck_at)),
        findings=tuple(line for kind in wrong for line in kind[:SHOWN]),
    )
