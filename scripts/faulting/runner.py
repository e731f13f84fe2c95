"""Has a fault happen in a lab, and accounts for everything that was acknowledged meanwhile."""

import time
from dataclasses import replace

from jobs.errors import DarkroomError
from scripts.faulting.accounting import account, recoveries
from scripts.faulting.books import read_books
from scripts.faulting.frontend import Acknowledged
from scripts.faulting.lab import Lab
from scripts.faulting.model import BrokenPromiseError, Fault, NotHereError, Tally

PATIENCE_SECONDS = 60.0  # beyond what is promised: what has no end by then is lost
SHOWN = 5  # findings of a kind that are told in words


def run(fault: Fault, lab: Lab) -> Tally:
    """What became of a fault."""
    lab.reset()
    began = time.monotonic()
    skipped, findings = "", []
    try:
        with lab.under_load(fault.photos, fault.clips):
            fault.run(lab)
    except NotHereError as missing:
        skipped = str(missing)
    except (BrokenPromiseError, TimeoutError, DarkroomError) as broken:
        findings = [f"{type(broken).__name__}: {broken}"]
    if not skipped:
        lab.staff_again()
        lab.settle(fault.recovery_seconds + PATIENCE_SECONDS)
    tally = take_stock(fault.name, fault.group, lab, lab.frontend.acknowledged)
    late = [
        f"{seconds:.1f} s until a job ended" for seconds in tally.recoveries_seconds if seconds > fault.recovery_seconds
    ]
    return replace(
        tally,
        skipped=skipped,
        findings=(*findings, *tally.findings, *late),
        seconds=time.monotonic() - began,
    )


def take_stock(name: str, group: str, lab: Lab, acknowledged: list[Acknowledged]) -> Tally:
    """Count what became of these submits."""
    books = read_books(lab.stack, [one.receipt.job_id for one in acknowledged], lab.receiver.events)
    found = account(acknowledged, books)
    wrong = (found.lost, found.half_published, found.duplicated, found.unowed, found.unknown)
    return Tally(
        fault=name,
        group=group,
        injected=len(lab.struck_at),
        acknowledged=len({one.receipt.job_id for one in acknowledged}),
        ready=found.ends.get("done", 0),
        rejected=found.ends.get("rejected", 0),
        dead=found.ends.get("dead", 0),
        lost=len(found.lost),
        half_published=len(found.half_published),
        duplicated=len(found.duplicated),
        orphans=len(found.orphans),
        recoveries_seconds=(*recoveries(acknowledged, books, lab.struck_at), *lab.recoveries_seconds),
        findings=tuple(line for kind in wrong for line in kind[:SHOWN]),
    )
