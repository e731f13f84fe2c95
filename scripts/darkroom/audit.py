"""`darkroom audit`: whether the store holds what the ledger knows, and nothing else of ours."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from jobs.errors import StoreUnavailable
from pipeline.audit import Fault
from pipeline.stocktaking import Audit, Finding, Terms
from scripts.darkroom.app import App, Command, Failure, json_option, print_json
from scripts.darkroom.show import console, size

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DEFAULT_AGE = "24h"
MOST_SHOWN = 20  # findings of each kind, to a person
BAD = (Fault.MISSING, Fault.ALTERED)
MEANING = {
    Fault.MISSING: "published, and not there",
    Fault.ALTERED: "published with other bytes",
    Fault.ORPHAN: "nobody's, and older than the age",
    Fault.FOREIGN: "none of ours: left alone",
}


@dataclass(frozen=True, kw_only=True)
class Age:
    """How old something is, and how a person said so."""

    text: str
    seconds: float


class AgeOption(click.ParamType[Age]):
    """A time such as 90s, 15m, 24h or 7d."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Age:  # noqa: ARG002
        """The age."""
        text = str(value)
        try:
            return Age(text=text, seconds=timedelta(**{UNITS[text[-1:]]: int(text[:-1])}).total_seconds())
        except (KeyError, ValueError, OverflowError):
            self.fail(f"{text!r} is no age such as 90s, 15m, 24h or 7d.")


@dataclass(kw_only=True)
class Told:
    """What an audit came to so far."""

    looked_at: int
    counts: Counter[Fault]
    sizes: Counter[Fault]
    removed: int
    kept: int  # orphans that could not be removed, or are none any more
    findings: list[Finding]  # some of each kind, or all of them for JSON


@click.command(cls=Command)
@click.option("--sweep", is_flag=True, help="Remove orphans. Without --yes it only says what would go.")
@click.option("--yes", is_flag=True, help="Really remove them.")
@click.option("--dry-run", is_flag=True, help="Remove nothing, whatever else is said.")
@click.option(
    "--older-than",
    default=DEFAULT_AGE,
    show_default=True,
    type=AgeOption(),
    help="What is younger, by the store's clock, is no orphan.",
)
@click.option("--deep", is_flag=True, help="Read every byte, rather than compare the checksums that the store keeps.")
@click.option(
    "--page",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many objects are asked for at once.",
)
@json_option
@click.pass_obj
def audit(
    app: App,
    *,
    sweep: bool,
    yes: bool,
    dry_run: bool,
    older_than: Age,
    deep: bool,
    page: int,
    as_json: bool,
) -> None:
    """Hold the store beside the ledger, in both directions.

    Missing and altered are renditions that were published (also earlier generations) and originals of published media:
    the exit code is then 1. Orphans are what crashes and abandoned uploads left: no generation knows them, no job may
    publish them, and they are older than --older-than. Foreign is what is not ours; it is never touched.

    It may run at any time, beside workers. The bucket is listed once, and a million objects take little memory.

    \b
    darkroom audit                    what is wrong, changing nothing
    darkroom audit --deep             read all bytes too: hours, and the store's traffic
    darkroom audit --sweep            the same, as a dry run of what a sweep would remove
    darkroom audit --sweep --yes      remove the orphans, each looked at again under a lock
    darkroom audit --json | jq -r '.findings[] | select(.fault == "missing") | .media_id'
    """
    terms = Terms(older_than_seconds=older_than.seconds, deep=deep, page=page)
    removes = sweep and yes and not dry_run
    told = take_stock(Audit(app.store, app.inventory, terms), removes=removes, keep_all=as_json)
    if as_json:
        print_json({name: value for name, value in vars(told).items() if name != "sizes"})
    else:
        print_told(told)
        click.echo(swept(told) if removes else to_sweep(told, older_than))
    bad = sum(told.counts[fault] for fault in BAD)
    if bad:
        remedy = "`darkroom media reprocess MEDIA` makes renditions anew."
        raise Failure(f"{bad} objects are missing or altered. {remedy}", 1)


def take_stock(audit_: Audit, *, removes: bool, keep_all: bool) -> Told:
    """Run the audit, and sweep as it goes."""
    told = Told(looked_at=0, counts=Counter(), sizes=Counter(), removed=0, kept=0, findings=[])
    with progress() as bar:

        def count(places: int) -> None:
            told.looked_at += places
            bar(told)

        for finding in audit_.findings(count):
            note(told, finding, keep_all=keep_all)
            if removes and finding.fault is Fault.ORPHAN:
                remove(told, audit_, finding)
    return told


def note(told: Told, finding: Finding, *, keep_all: bool) -> None:
    """Count a finding."""
    told.counts[finding.fault] += 1
    told.sizes[finding.fault] += finding.bytes or 0
    if keep_all or told.counts[finding.fault] <= MOST_SHOWN:
        told.findings.append(finding)


def remove(told: Told, audit_: Audit, finding: Finding) -> None:
    """Sweep one orphan. One that the store does not remove now is found again by the next audit."""
    try:
        removed = audit_.sweep(finding)
    except StoreUnavailable as error:
        click.echo(f"{finding.key} was not removed: {error}", err=True)
        removed = False
    told.removed += removed
    told.kept += not removed


@contextmanager
def progress() -> Iterator["Bar"]:
    """A bar on standard error, in a terminal, that has no end: nobody knows how much a bucket holds."""
    screen = Console(stderr=True)
    columns = (TextColumn("Auditing"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not sys.stderr.isatty()) as bars:
        yield Bar(bars)


class Bar:
    """Tells how far an audit is."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None, told="")

    def __call__(self, told: Told) -> None:
        """Show it."""
        found = ", ".join(f"{count} {fault}" for fault, count in told.counts.items())
        self._bars.update(self._task, told=", ".join(filter(None, (f"{told.looked_at:,} objects", found))))


def print_told(told: Told) -> None:
    """The findings and how many there are of each kind, for a person."""
    for finding in told.findings:
        click.echo(f"{finding.fault}  {finding.key}  {size(finding.bytes or 0)}  {finding.reason}")
    table = Table("", "objects", "bytes", "", box=None)
    for fault in Fault:
        table.add_row(fault, f"{told.counts[fault]:,}", size(told.sizes[fault]), MEANING[fault])
    console().print(table)
    click.echo(f"{told.looked_at:,} objects were looked at.")


def swept(told: Told) -> str:
    """What became of the orphans."""
    return f"{told.removed:,} orphans were removed, {told.kept:,} were not."


def to_sweep(told: Told, older_than: Age) -> str:
    """How the orphans that were found, and no others, are removed."""
    orphans = told.counts[Fault.ORPHAN]
    if not orphans:
        return "A sweep would remove nothing."
    age = "" if older_than.text == DEFAULT_AGE else f" --older-than {older_than.text}"
    return f"A sweep would remove {orphans:,}: darkroom audit --sweep --yes{age}"
