"""The figures of a run."""

from collections.abc import Mapping, Sequence
from statistics import median

from scripts.faulting.model import INVARIANTS, KILLS, Tally


def figures(tallies: Sequence[Tally]) -> Mapping[str, float]:
    """The sums over all faults, and how soon a killed worker's jobs were done.

    What is wrong is counted once, by the fault that it happened in or by a later look at everything. The worst recovery
    is that of any job that a kill found waiting or running; the median is of those alone whose attempt it ended.
    The orphans are those of the last look, which comes after a sweep.
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
        "orphans": stocks[-1].orphans if stocks else sum(tally.orphans for tally in faults),
        "orphans_swept": sum(tally.swept for tally in stocks),
        "broken_promises": sum(not tally.kept for tally in tallies),
        "recovery_worst_s": round(worst, 3),
        "recovery_median_s": round(median(killed), 3) if killed else 0.0,
    }
