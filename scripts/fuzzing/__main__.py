"""Fuzz the parsers of what strangers send, guided by which of their lines an input reaches.

An input is a finding if its parser raises anything but its refusals, takes more than five seconds or more than 2 GB.
Findings are kept in var/fuzz/TARGET/findings, each with how to see it again. What reaches lines that no earlier input
did is kept in var/fuzz/TARGET/reached, and with --keep the small of it in tests/fuzz/seeds, where every test run reads
it. Exit statuses: 0 without a finding, 1 with one, 2 if the fuzzer is not to be had or did not run on every target.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.benches.progress import followed
from scripts.fuzzing import install, kept
from scripts.fuzzing.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "var" / "fuzz"
SLOW_SECONDS, MOST_MB = 5, 2048
RUNS = re.compile(rb"Done (\d+) runs|#(\d+)\t")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of fuzzing one target."""

    target: str
    runs: int
    findings: Sequence[Path]
    trouble: str = ""  # why it says nothing of the target: the fuzzer did not run


def main(arguments: Sequence[str]) -> int:
    """Fuzz the targets that the command line names. Returns the exit status."""
    options = parser().parse_args(arguments)
    packages = install.fuzzer()
    if packages is None:
        return 2
    targets = [TARGETS[name] for name in options.targets or TARGETS]
    work = partial(fuzz, packages=packages, seconds=round(60 * options.minutes))
    with ThreadPoolExecutor(options.jobs) as threads:
        fuzzed = [threads.submit(work, target) for target in targets]
        results = [future.result() for future in followed(fuzzed, "Fuzzing")]
    Console().print(tabulate(results))
    if options.keep:
        for target in targets:
            kept.keep(target, reached_by(target), findings_of(target))
    return status(results)


def status(results: Sequence[Result]) -> int:
    """The exit status; what did not run is told."""
    for result in results:
        if result.trouble:
            print(f"{result.target}: {result.trouble}", file=sys.stderr)
    if any(result.findings for result in results):
        return 1
    return 2 if not results or any(result.trouble for result in results) else 0


def target_name(text: str) -> str:
    """The name of a target."""
    if text not in TARGETS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(TARGETS)}")
    return text


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="scripts/fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("targets", nargs="*", type=target_name, metavar="TARGET", help=", ".join(TARGETS))
    found.add_argument("--minutes", type=float, default=10.0, help="for each target (%(default)g)")
    found.add_argument("--jobs", type=int, default=1, help="targets at once (%(default)d)")
    found.add_argument("--keep", action="store_true", help="keep what reached new lines for the tests")
    return found


def fuzz(target: Target, packages: Path, seconds: int) -> Result:
    """Fuzz one target for so long."""
    reached, findings = reached_by(target), findings_of(target)
    for folder in (reached, findings):
        folder.mkdir(parents=True, exist_ok=True)
    kept.lay_out(target, reached)
    known = set(findings.iterdir())
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOW_SECONDS}", f"-rss_limit_mb={MOST_MB}"]
    options = [*limits, f"-max_len={target.longest}", f"-artifact_prefix={findings}/", "-close_fd_mask=1"]
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.fuzzing.loop", target.name, *options, reached],
        cwd=ROOT,
        env=environment(packages),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    (findings.parent / "log").write_bytes(ended.stderr)
    runs = [int(one or other) for one, other in RUNS.findall(ended.stderr)]
    found = sorted(findings.iterdir())
    trouble = find_trouble(ended.returncode, max(runs, default=0), new_findings=len(set(found) - known))
    told = f"{trouble}; see {findings.parent / 'log'}" if trouble else ""
    return Result(target=target.name, runs=max(runs, default=0), findings=found, trouble=told)


def find_trouble(returncode: int, runs: int, *, new_findings: int) -> str:
    """Why a run says nothing, "" if it says something: libFuzzer fails with a finding, and else has tried inputs."""
    if new_findings:
        return ""
    if returncode:
        return f"the fuzzer ended with {returncode} and no finding"
    return "" if runs else "the fuzzer tried no input"


def reached_by(target: Target) -> Path:
    """The folder of inputs that reach lines which no earlier one did."""
    return FOLDER / target.name / "reached"


def findings_of(target: Target) -> Path:
    """The folder of inputs that broke it."""
    return FOLDER / target.name / "findings"


def environment(packages: Path) -> Mapping[str, str]:
    """With the fuzzer's packages."""
    return {**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"}


def tabulate(results: Sequence[Result]) -> Table:
    """A row a target."""
    table = Table("target", title="Inputs tried, and what broke a parser")
    table.add_column("inputs", justify="right")
    table.add_column("findings")
    for result in results:
        table.add_row(result.target, f"{result.runs:,}", "\n".join(map(again, result.findings)) or "none")
    return table


def again(finding: Path) -> str:
    """The command that reads a finding again."""
    target, file = finding.parent.parent.name, finding.relative_to(ROOT)
    return f"PYTHONPATH=var/fuzz/packages .venv/bin/python -m scripts.fuzzing.loop {target} {file}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
