"""`darkroom submit`: hand over photos and clips as a frontend does, and see what becomes of them."""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.markup import escape

from filters.recipe import Recipe, recipe_hash
from jobs import Client
from jobs.errors import Rejected, Unavailable
from jobs.job import CLIP, PHOTO, JobState, JobStatus, Lane, Media
from jobs.ladders import checked_mandatory, find_ladder
from jobs.recipes import check_cut
from scripts.darkroom.app import OWNER, App, Failure, exit_code, json_option, preset_option, print_json, sentence
from scripts.darkroom.edits import cut_data, cut_options, edit_options, recipe_of_options
from scripts.darkroom.kind import first_bytes, told_function
from scripts.darkroom.show import console, rendition_table, state
from scripts.darkroom.watch import Watch

UPLOADS_AT_ONCE = 4
REFUSED = 1  # the exit code for what will be refused again
PATIENCE_SECONDS = 300.0  # with a job that gets no further


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One file or address and what became of it; `error` when it was not accepted, or could not be waited for."""

    source: str
    job: JobStatus | None = None
    media: Media | None = None
    error: str | None = None
    exit_code: int = 0  # what this one alone would end the command with


@dataclass(frozen=True, kw_only=True)
class Handover:
    """How each source is to be submitted. `timeout` in seconds for all of them together, if there is one.

    A `function` of None is told from each source's bytes. What is `mandatory` is of the clips among them.
    """

    owner: int
    function: str | None
    ladder: str
    mandatory: tuple[str, ...]
    recipe: Recipe
    lane: Lane
    wait: bool = True
    timeout: float | None


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE|FOLDER|s3://BUCKET/KEY…")
@click.option("--owner", required=True, type=OWNER, help="Whose photo or clip it is: a user's number.")
@click.option("--photo", is_flag=True, help="They are photos, whatever their bytes say.")
@click.option("--clip", is_flag=True, help="They are clips: what moves and could be a photo, as a GIF.")
@preset_option
@edit_options
@cut_options
@click.option(
    "--usable",
    multiple=True,
    metavar="RUNG",
    help="Of a clip: make this rung first, such as 480p, and show it before the rest is made. May be given many times.",
)
@click.option(
    "--lane",
    default="interactive",
    show_default=True,
    type=click.Choice([lane.value for lane in Lane]),
    help="How soon: every interactive job goes before every batch job.",
)
@click.option(
    "--key", help="Idempotency key: the same key is the same job. Default: the file's checksum, preset and recipe."
)
@click.option("--wait", is_flag=True, help="Wait for the renditions and show them.")
@click.option(
    "--timeout",
    type=float,
    help="With --wait: seconds for all of them together.  [default: as long as each gets further within 300]",
)
@json_option
@click.pass_obj
def submit(
    app: App,
    sources: tuple[str, ...],
    *,
    owner: int,
    photo: bool,
    clip: bool,
    ladder: str,
    look: str | None,
    strength: float | None,
    edits: tuple[str, ...],
    file: Path | None,
    trim: Mapping[str, float] | None,
    mute: bool,
    cover: float | None,
    usable: tuple[str, ...],
    lane: str,
    key: str | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Submit photos and clips: files, folders (searched through), or objects that lie on S3 already.

    Which of the two a file is, its first bytes tell.

    \b
    darkroom submit holiday/ --owner 7 --wait
    darkroom submit cat.jpg --owner 7 --look clarendon --strength 80 --edit warmth=20
    darkroom submit cat.mp4 --owner 7 --trim 1.5-6 --mute --cover 2 --look juno --usable 480p --wait
    darkroom submit cat.jpg --owner 7 --key upload-4711
    """
    found = list(expand(sources))
    check_key(key, len(found))
    cut = cut_data(trim, mute=mute, cover=cover)
    recipe = recipe_of_options(look, strength, edits, file, own_looks=None, cut=cut)
    order = Handover(
        owner=owner,
        function=stated_function(photo=photo, clip=clip),
        ladder=ladder,
        mandatory=checked_mandatory(usable, ladder, CLIP) if usable else (),
        recipe=app.client.check_recipe(recipe, CLIP),  # before anything is stored; whether it is one is seen later
        lane=Lane(lane),
        wait=wait,
        timeout=timeout,
    )
    with Watch(show=not as_json) as watch:
        results = hand_over_all(app.client, dict.fromkeys(found, key), order, watch)
    if as_json:
        print_json(results)
    else:
        print_results(results, detailed=wait)
    fail_for(results)


def check_key(key: str | None, count: int) -> None:
    """Raise UsageError for a key that is none, or that is to name so many jobs."""
    if key == "":
        raise click.UsageError("--key is empty: give it a text, or leave it out.")
    if key and count > 1:
        raise click.UsageError(f"--key names one job, but there are {count} files. Leave it out, or submit one.")


def stated_function(*, photo: bool, clip: bool) -> str | None:
    """What they are by the options; None if each file is to say it."""
    if photo and clip:
        raise click.UsageError("--photo and --clip exclude each other: leave both out, and each file says what it is.")
    return PHOTO if photo else CLIP if clip else None


def fail_for(results: Sequence[Submission]) -> None:
    """End with the gravest exit code, unless all went well."""
    bad = [result for result in results if result.exit_code]
    if bad:
        message = f"{len(bad)} of {len(results)} did not go well; their lines say why."
        raise Failure(message, max(result.exit_code for result in bad))


def expand(sources: Iterable[str]) -> Iterator[str]:
    """The files in the order given, folders replaced by the files in them, hidden ones left out."""
    for source in sources:
        path = Path(source)
        if source.startswith("s3://") or path.is_file():
            yield source
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file() and not is_hidden(file.relative_to(path)))
            if not files:
                raise click.UsageError(f"The folder {source} holds no files.")
            yield from map(str, files)
        else:
            raise click.UsageError(f"There is no file or folder {source!r} here ({Path.cwd()}).")


def is_hidden(file: Path) -> bool:
    """Whether the file or a folder on the way to it begins with a dot."""
    return any(part.startswith(".") for part in file.parts)


def hand_over_all(client: Client, keys: Mapping[str, str | None], order: Handover, watch: Watch) -> list[Submission]:
    """Submit sources side by side, each by its key, and if asked wait for them. In their order.

    A key of None is made from the source. What fails for one source is that one's result, not the end of all.
    """
    with interruptible_pool() as pool:
        uploads = [pool.submit(hand_over, client, source, key, order) for source, key in keys.items()]
        results = [upload.result() for upload in watch.counted(uploads, "Submitting")]
    if not order.wait:
        return results
    deadline = None if order.timeout is None else time.monotonic() + order.timeout
    return [follow(client, result, deadline, watch) for result in watch.counted(results, "Rendering")]


@contextmanager
def interruptible_pool() -> Iterator[ThreadPoolExecutor]:
    """A pool of uploads; after an interruption those at hand end, and no other begins."""
    pool = ThreadPoolExecutor(UPLOADS_AT_ONCE)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def hand_over(client: Client, source: str, key: str | None, order: Handover) -> Submission:
    """Store one source and submit it."""
    try:
        function = order.function or told_function(first_bytes(client, source))
        find_ladder(order.ladder, function)
        check_cut(order.recipe, function)
        checked_mandatory(order.mandatory, order.ladder, function)
        name = key or default_key(source, order.ladder)
        receipt = client.submit(
            order.owner,
            store(client, source, order.owner, name, function),
            key=key or edited_key(name, order.recipe),
            function=function,
            ladder=order.ladder,
            lane=order.lane,
            recipe=order.recipe,
            mandatory=order.mandatory,
        )
        job = client.status(receipt.job_id)
        return Submission(source=source, job=job, exit_code=ended_as(job))
    except (Rejected, Unavailable) as error:
        return Submission(source=source, error=f"{error.code}: {sentence(error)}", exit_code=exit_code(error))
    except OSError as error:
        return Submission(source=source, error=f"it cannot be read: {error.strerror}", exit_code=2)


def follow(client: Client, submitted: Submission, deadline: float | None, watch: Watch) -> Submission:
    """Wait for one job until `deadline` on the monotonic clock; without one, for as long as it gets further."""
    if submitted.job is None:
        return submitted
    try:
        job = wait_for(client, submitted.job.job_id, deadline, watch)
        media = client.media(job.media_id)
    except (Unavailable, TimeoutError) as error:
        return replace(submitted, error=sentence(error), exit_code=exit_code(error))
    return replace(submitted, job=job, media=media, exit_code=ended_as(job))


def ended_as(job: JobStatus) -> int:
    """What a job alone would end the command with: 1 if it has ended, and not well."""
    return int(job.state.final and job.state is not JobState.DONE)


def wait_for(client: Client, job_id: int, deadline: float | None, watch: Watch) -> JobStatus:
    """The job once it is final. Raises TimeoutError at the deadline, or when it got no further for long enough."""
    if deadline is not None:
        return client.wait(job_id, max(0.0, deadline - time.monotonic()), watch.see)
    reached = how_far(client.status(job_id))
    while True:
        try:
            return client.wait(job_id, PATIENCE_SECONDS, watch.see)
        except TimeoutError:
            before, reached = reached, how_far(client.status(job_id))
            if reached == before:
                raise


def how_far(status: JobStatus) -> tuple[JobState, int, float | None]:
    """What changes while a job gets further."""
    return status.state, status.attempts, status.progress


def store(client: Client, source: str, owner: int, key: str, function: str) -> str:
    """Bring an original to where workers read it. Returns its source key."""
    if source.startswith("s3://"):
        return client.adopt(owner, source, key, function)
    return client.upload(owner, Path(source), key, function)


def default_key(source: str, ladder: str) -> str:
    """The same bytes (or address) with the same preset are the same job: what a person means who repeats a command."""
    if source.startswith("s3://"):
        return f"{hashlib.sha256(source.encode()).hexdigest()}-{ladder}"
    with Path(source).open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}-{ladder}"


def edited_key(name: str, recipe: Recipe) -> str:
    """The key of the job that edits the original of this name: another recipe is another job on the same original."""
    return name if recipe == Recipe() else f"{name}-{recipe_hash(recipe)}"


def print_results(results: list[Submission], *, detailed: bool) -> None:
    """A line a source; with `detailed` its renditions below it."""
    screen = console()
    for result in results:
        screen.print(headline(result), soft_wrap=True)
        if detailed and result.media and result.media.renditions:
            screen.print(rendition_table(result.media))


def headline(result: Submission) -> str:
    """One source in one line, as rich's markup."""
    source = escape(result.source)
    if result.job is None:
        word = "refused" if result.exit_code == REFUSED else "not submitted"
        return f"[red]{word}[/]  {source}  {escape(result.error or '')}"
    job = result.job
    reason = result.error or (f"{job.code}: {job.reason}" if job.code else "")
    again = f"run it again with `darkroom job retry {job.job_id}`" if job.state is JobState.CANCELLED else ""
    return f"{state(job.state)}  {source}  job {job.job_id}  media {job.media_id}  {escape(reason)}{again}".rstrip()
