"""`darkroom quarantine …`: originals that killed renderers, what is known of them, and how they get out."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from jobs.errors import Rejected
from jobs.plain import as_data
from jobs.quarantine import SHORT_HASH, Cause, Death, Quarantined, ended, of_cause
from jobs.quarantine_postgres import PostgresQuarantine
from scripts.darkroom.app import App, Failure, Group, json_option, print_json
from scripts.darkroom.reproduce import Reproduction, find_suspect, read_suspect, settings_of
from scripts.darkroom.reproduce import reproduce as run_again
from scripts.darkroom.show import console

MOST = 10_000  # entries that a release by cause looks at
NAMED = 5  # hashes, where a prefix is not enough
PREFIX = r"[0-9a-f]{4,64}"
COLUMNS = ("hash", "since", "deaths", "owners", "function", "stage", "ended by", "libraries")


@click.group(cls=Group)
def quarantine() -> None:
    """Originals that killed three renderers: what they did, why, and how to let them in again."""


@quarantine.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, MOST), help="At most so many.")
@json_option
@click.pass_obj
def list_entries(app: App, limit: int, *, as_json: bool) -> None:
    """What is in quarantine, the newest first."""
    entries = opened(app).entries(limit)
    if as_json:
        print_json(entries)
    elif entries:
        console().print(entry_table(entries))
    else:
        click.echo("The quarantine is empty.")


@quarantine.command("show")
@click.argument("prefix", metavar="HASH")
@json_option
@click.pass_obj
def show_entry(app: App, prefix: str, *, as_json: bool) -> None:
    """All that is known of an original that killed a renderer. HASH may be the beginning of its SHA-256."""
    kept = opened(app)
    sha256 = resolve(kept, prefix)
    entry, deaths, jobs = kept.find(sha256), kept.deaths(sha256), kept.stranded([sha256])
    since = entry.since if entry else None
    if as_json:
        again = command("reproduce", sha256)
        told = [as_data(death) | {"counts": death.counts} for death in deaths]
        print_json({"sha256": sha256, "since": since, "deaths": told, "jobs": texts(jobs), "reproduce": again})
        return
    screen = console()
    standing = f"in quarantine since {since:%Y-%m-%d %H:%M:%S %Z}" if since else "[green]not in quarantine[/]"
    screen.print(f"{sha256}  {standing}", "", death_table(deaths), "", sep="\n")
    for death in deaths:
        screen.print(f"[bold]{death.job_id}.{death.fence}[/] {escape(words(death))}", soft_wrap=True)
    screen.print("", f"Reproduce it:   {command('reproduce', sha256)}", sep="\n", soft_wrap=True)
    if entry:
        screen.print(f"Let it in again: {command('release', sha256[:SHORT_HASH])}", soft_wrap=True)
    if jobs:
        screen.print(f"Jobs it ended:  {' '.join(texts(jobs))}", soft_wrap=True)


@quarantine.command("release")
@click.argument("prefixes", nargs=-1, metavar="[HASH…]")
@click.option("--library", help="All whose every death may be this library's fault, such as libheif.")
@click.option("--before", metavar="VERSION", help="And only if that was a lower version than this.")
@click.option("--stage", help="All that died at this stage: decode, or 'decode heic'.")
@click.option("--signal", help="All that died of this signal, such as SIGSEGV.")
@click.option("--limit", help="All that died of this limit: cpu, memory, wall or stall.")
@click.option("--dry-run", is_flag=True, help="Show what would be released, and release nothing.")
@click.option("--retry", is_flag=True, help="Queue the jobs that they ended again, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def release(
    app: App,
    prefixes: tuple[str, ...],
    *,
    library: str | None,
    before: str | None,
    stage: str | None,
    signal: str | None,
    limit: str | None,
    dry_run: bool,
    retry: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Let originals in again, by hash or by what they died of. Their deaths are counted anew.

    \b
    darkroom quarantine release 5e8c0f12ab34
    darkroom quarantine release --library libheif --before 1.22 --retry
    """
    cause = Cause(library=library, before=before, stage=stage, signal=signal, limit=limit)
    check_choice(prefixes, cause)
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json asks nobody: say --yes, or --dry-run.")
    kept = opened(app)
    chosen = [held(kept, prefix) for prefix in prefixes] if prefixes else of_cause(kept.entries(MOST), cause)
    if not as_json:
        console().print(entry_table(chosen) if chosen else "Nothing in quarantine is of this cause.")
    if dry_run or not chosen:
        end(chosen, released=[], jobs=kept.stranded([e.sha256 for e in chosen]), failed={}, as_json=as_json)
        return
    if not yes:
        click.confirm(f"Let {len(chosen)} in again?", abort=True)
    released = kept.release([entry.sha256 for entry in chosen])
    jobs = kept.stranded(released)
    failed = retried(app, jobs) if retry else {}
    end(chosen, released=released, jobs=jobs, failed=failed, as_json=as_json, retry=retry)


@quarantine.command("reproduce")
@click.argument("original", metavar="HASH|FILE")
@json_option
@click.pass_obj
def reproduce(app: App, original: str, *, as_json: bool) -> None:
    """Run an original once through a renderer of its own, confined as in production, and say what came of it.

    HASH is of an original that killed a renderer; it is fetched, and made as the job was asked to. A FILE needs no
    servers. Exit code 0 if the renderer lived, whether it took the file or not; 1 if it died; 3 if none came up.
    """
    if Path(original).is_file():
        suspect = read_suspect(Path(original))
    else:
        kept = opened(app)
        suspect = find_suspect(app, kept.deaths(resolve(kept, original, "file here, and no hash")))
    result = run_again(suspect, settings_of(app))
    if as_json:
        print_json(result)
    else:
        console().print(reproduction_table(result))
    if result.verdict in ("died", "failed"):
        raise Failure(f"The renderer {result.verdict}: {result.reason}", 1 if result.verdict == "died" else 3)


def opened(app: App) -> PostgresQuarantine:
    """The quarantine of the settings."""
    return PostgresQuarantine.from_settings(app.settings)


def resolve(kept: PostgresQuarantine, prefix: str, meant: str = "hash") -> str:
    """The hash that begins so; `meant` is what it should have been where it cannot be one.

    Raises:
        Rejected: `unknown_content`.
        UsageError: several do, or none could.
    """
    if not re.fullmatch(PREFIX, prefix.lower()):
        raise click.UsageError(f"{prefix!r} is no {meant}: give at least 4 of its hexadecimal digits.")
    prefix = prefix.lower()
    found = kept.hashes(prefix, NAMED)
    if not found:
        raise Rejected("unknown_content", f"no original whose SHA-256 begins with {prefix} has killed a renderer")
    if len(found) > 1:
        named = ", ".join(sha256[: max(SHORT_HASH, len(prefix) + 4)] for sha256 in found)
        raise click.UsageError(f"Several hashes begin with {prefix}: {named}. Give more of the one you mean.")
    return found[0]


def held(kept: PostgresQuarantine, prefix: str) -> Quarantined:
    """The entry whose hash begins so. Raises Rejected `not_quarantined` too."""
    sha256 = resolve(kept, prefix)
    entry = kept.find(sha256)
    if entry is None:
        raise Rejected("not_quarantined", f"{sha256} is not in quarantine; it has {len(kept.deaths(sha256))} deaths")
    return entry


def check_choice(prefixes: Sequence[str], cause: Cause) -> None:
    """Raise UsageError unless it is either hashes or a whole cause."""
    if bool(prefixes) == (cause != Cause()):
        raise click.UsageError("Name hashes, or a cause by --library, --stage, --signal or --limit; one of the two.")
    if cause.before and not cause.library:
        raise click.UsageError("--before is a version of a --library: name that too.")


def retried(app: App, jobs: Iterable[int]) -> dict[int, str]:
    """Queue the jobs again. Returns why some could not be."""
    failed = {}
    for job_id in jobs:
        try:
            app.client.retry(job_id)
        except Rejected as error:
            failed[job_id] = str(error)
    return failed


def end(
    chosen: Sequence[Quarantined],
    *,
    released: Sequence[str],
    jobs: Sequence[int],
    failed: dict[int, str],
    as_json: bool,
    retry: bool = False,
) -> None:
    """Say what was done, and what can be done now."""
    queued = [job_id for job_id in jobs if retry and job_id not in failed]
    if as_json:
        print_json({"chosen": chosen, "released": released, "jobs": texts(jobs), "retried": texts(queued)})
    elif released:
        click.echo(f"Released {len(released)}. Their deaths are counted anew.")
        if queued:
            click.echo(f"Queued again: {' '.join(texts(queued))}")
        elif jobs and not retry:
            click.echo(f"They ended {len(jobs)} jobs. To try these again (or say --retry next time):")
            click.echo(f"  printf '%s\\n' {' '.join(texts(jobs))} | xargs -n 1 darkroom job retry")
    if failed:
        raise Failure("; ".join(f"job {job_id}: {reason}" for job_id, reason in failed.items()), 1)


def command(verb: str, sha256: str) -> str:
    """What to type."""
    return f"darkroom quarantine {verb} {sha256}"


def texts(numbers: Iterable[int]) -> list[str]:
    """Ids, which exceed what JSON's readers can count."""
    return [str(number) for number in numbers]


def entry_table(entries: Sequence[Quarantined]) -> Table:
    """A line an original."""
    table = Table(*COLUMNS, box=None)
    for entry in entries:
        crashes = [death.crash for death in entry.deaths]
        table.add_row(
            entry.sha256[:SHORT_HASH],
            f"{entry.since:%Y-%m-%d %H:%M:%S}",
            str(len(entry.deaths)),
            str(len({death.owner_id for death in entry.deaths})),
            unique(death.function for death in entry.deaths),
            unique(crash.stage or "?" for crash in crashes),
            unique(map(ended, crashes)),
            unique(f"{name} {version}" for crash in crashes for name, version in crash.libraries.items()),
        )
    return table


def unique(values: Iterable[str]) -> str:
    """Each once, in their order, as rich's markup."""
    return escape(", ".join(dict.fromkeys(values)))


def death_table(deaths: Collection[Death]) -> Table:
    """A line a death."""
    names = (
        "job",
        "attempt",
        "media",
        "owner",
        "died",
        "function",
        "stage",
        "signal",
        "limit",
        "libraries",
        "darkroom",
    )
    table = Table(*names, "counts", box=None)
    for death in deaths:
        crash = death.crash
        table.add_row(
            *(str(death.job_id), str(death.fence), str(death.media_id), str(death.owner_id)),
            f"{death.died_at:%Y-%m-%d %H:%M:%S}",
            *(death.function, escape(crash.stage), crash.signal or "", crash.limit or ""),
            unique(f"{name} {version}" for name, version in crash.libraries.items()),
            death.release,
            counted(death),
        )
    return table


def counted(death: Death) -> str:
    """Whether it counts towards a quarantine, and else why not."""
    if death.counts:
        return "yes"
    return "no, released" if death.released_at else "no, the host may have done it"


def words(death: Death) -> str:
    """The last words of a renderer, or that there were none."""
    return death.crash.words.strip() or "said nothing"


def reproduction_table(result: Reproduction) -> Table:
    """A line a fact."""
    table = Table("", "", box=None, show_header=False)
    crash = result.crash
    facts = {
        "hash": result.sha256,
        "function": result.function,
        "verdict": result.verdict,
        "reason": f"{result.code}: {result.reason}" if result.reason else "",
        "stage": crash.stage if crash else "",
        "signal": crash.signal if crash else "",
        "limit": crash.limit if crash else "",
        "libraries": ", ".join(f"{name} {version}" for name, version in crash.libraries.items()) if crash else "",
        "last words": crash.words if crash else "",
        "wall": f"{result.wall_seconds:.2f} s",
        "CPU": f"{result.cpu_seconds:.2f} s",
        "peak memory": f"{result.peak_memory_mb:.0f} MB",
    }
    for name, fact in facts.items():
        if fact:
            table.add_row(name, escape(fact))
    return table
