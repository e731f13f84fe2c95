"""`darkroom submit`: hand over photos as a frontend does, and see what becomes of them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from config import LADDERS
from jobs import Client
from jobs.errors import Rejected
from jobs.job import JobState, JobStatus, Lane, Media
from scripts.darkroom.app import App, Failure, json_option, print_json
from scripts.darkroom.show import console, rendition_table, state

UPLOADS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One file or address and what became of it; `error` when it was not even accepted."""

    source: str
    job: JobStatus | None = None
    media: Media | None = None
    error: str | None = None

    @property
    def well(self) -> bool:
        """Accepted, and not known to have ended badly."""
        return self.job is not None and (not self.job.state.final or self.job.state is JobState.DONE)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE|FOLDER|s3://BUCKET/KEY…")
@click.option("--owner", required=True, type=click.IntRange(min=1), help="Whose photo it is: a user's number.")
@click.option(
    "--preset",
    "ladder",
    default="standard",
    show_default=True,
    type=click.Choice(sorted(LADDERS)),
    help="Which ladder of renditions to make.",
)
@click.option(
    "--lane",
    default="interactive",
    show_default=True,
    type=click.Choice([lane.value for lane in Lane]),
    help="How soon: every interactive job goes before every batch job.",
)
@click.option("--key", help="Idempotency key: the same key is the same job. Default: the file's checksum and preset.")
@click.option("--wait", is_flag=True, help="Wait for the renditions and show them.")
@click.option("--timeout", default=300.0, show_default=True, help="With --wait: seconds to wait for one job.")
@json_option
@click.pass_obj
def submit(
    app: App,
    sources: tuple[str, ...],
    *,
    owner: int,
    ladder: str,
    lane: str,
    key: str | None,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Submit photos: files, folders (searched through), or objects that lie on S3 already.

    \b
    darkroom submit holiday/ --owner 7 --wait
    darkroom submit cat.jpg --owner 7 --key upload-4711
    """
    found = list(expand(sources))
    if key and len(found) > 1:
        raise click.UsageError(f"--key names one job, but there are {len(found)} files. Leave it out, or submit one.")
    keys = {source: key or default_key(source, ladder) for source in found}
    order = Handover(owner=owner, ladder=ladder, lane=Lane(lane), timeout=timeout if wait else None)
    results = hand_over_all(app.client, keys, order, show_progress=not as_json)
    if as_json:
        print_json(results)
    else:
        print_results(results, detailed=wait)
    bad = [result for result in results if not result.well]
    if bad:
        raise Failure(f"{len(bad)} of {len(results)} did not go well.", 1)


def expand(sources: Iterable[str]) -> Iterator[str]:
    """The files in the order given, folders replaced by the files in them, hidden ones left out."""
    for source in sources:
        path = Path(source)
        if source.startswith("s3://") or path.is_file():
            yield source
        elif path.is_dir():
            files = sorted(file for file in path.rglob("[!.]*") if file.is_file())
            if not files:
                raise click.UsageError(f"The folder {source} holds no files.")
            yield from map(str, files)
        else:
            raise click.UsageError(f"There is no file or folder {source!r} here ({Path.cwd()}).")


@dataclass(frozen=True, kw_only=True)
class Handover:
    """How each source is to be submitted. `timeout` None: do not wait."""

    owner: int
    ladder: str
    lane: Lane
    timeout: float | None


def hand_over_all(client: Client, keys: Mapping[str, str], order: Handover, *, show_progress: bool) -> list[Submission]:
    """Submit sources side by side, each by its key, and if asked wait for them, with a progress bar. In their order."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    results: dict[str, Submission] = {}
    with (
        Progress(*columns, transient=True, disable=not show_progress) as progress,
        ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool,
    ):
        bar = progress.add_task("Waiting for renditions" if order.timeout else "Submitting", total=len(keys))
        for future in as_completed([pool.submit(hand_over, client, *item, order) for item in keys.items()]):
            result = future.result()
            results[result.source] = result
            progress.advance(bar)
    return [results[source] for source in keys]


def hand_over(client: Client, source: str, key: str, order: Handover) -> Submission:
    """Submit one source and, if asked, wait for it. A file that is not accepted is a result too, not the end of all."""
    try:
        source_key = store(client, source, order.owner, key)
        receipt = client.submit(order.owner, source_key, key=key, ladder=order.ladder, lane=order.lane)
    except Rejected as error:
        return Submission(source=source, error=f"{error.code}: {error}")
    if order.timeout is None:
        return Submission(source=source, job=client.status(receipt.job_id))
    return Submission(
        source=source, job=client.wait(receipt.job_id, order.timeout), media=client.media(receipt.media_id)
    )


def store(client: Client, source: str, owner: int, key: str) -> str:
    """Bring an original to where workers read it. Returns its source key."""
    return client.adopt(owner, source, key) if source.startswith("s3://") else client.upload(owner, Path(source), key)


def default_key(source: str, ladder: str) -> str:
    """The same bytes (or address) with the same preset are the same job: what a person means who repeats a command."""
    if source.startswith("s3://"):
        return f"{hashlib.sha256(source.encode()).hexdigest()}-{ladder}"
    with Path(source).open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}-{ladder}"


def print_results(results: list[Submission], *, detailed: bool) -> None:
    """A line a source; with `detailed` its renditions below it."""
    screen = console()
    for result in results:
        screen.print(headline(result), soft_wrap=True)
        if detailed and result.media:
            screen.print(rendition_table(result.media))


def headline(result: Submission) -> str:
    """One source in one line."""
    if result.job is None:
        return f"[red]refused[/]  {result.source}  {result.error}"
    reason = f"  {result.job.code}: {result.job.reason}" if result.job.code else ""
    job = result.job
    return f"{state(job.state)}  {result.source}  job {job.job_id}  media {job.media_id}{reason}"
