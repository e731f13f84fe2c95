"""`scripts/run`: from a photo or clip to its renditions, through every real part, in one command."""

import fcntl
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from config.settings import LOCAL_STACK
from filters.recipe import Recipe
from jobs.job import Attempt, Lane
from scripts.darkroom.app import OWNER, App, Command
from scripts.darkroom.media import fetch
from scripts.darkroom.show import console, rendition_table, size, timing_table
from scripts.darkroom.submit import Handover, Submission, expand, fail_for, hand_over_all, headline
from scripts.darkroom.watch import Watch
from scripts.sample import sample_photo
from workers.stack import LocalPool, Server, Stack

WORKERS = 2
CLIP_WORKERS = 1
TIMEOUT_SECONDS = 300.0


@click.command(cls=Command)
@click.argument("files", nargs=-1, metavar="[FILE|FOLDER…]")
@click.option("--owner", default=1, show_default=True, type=OWNER, help="Whose photos and clips these are.")
@click.option(
    "--out",
    default=Path("out"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the renditions are fetched to.",
)
@click.option("--keep", is_flag=True, help="Leave the servers and workers up; `darkroom down` stops them.")
def first_run(files: tuple[str, ...], owner: int, out: Path, *, keep: bool) -> None:
    """Make the renditions of photos and clips on servers of this machine's own, and fetch them into a folder.

    Without a file it makes a photo by code.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    screen = console()
    sources = list(expand(files)) if files else [os.path.relpath(sample())]
    with alone(screen), local_stack(screen, keep=keep) as app:
        # A key of its own for each run: the same photo again is work again, not yesterday's answer.
        keys: dict[str, str | None] = {source: uuid.uuid4().hex for source in sources}
        order = Handover(
            owner=owner,
            function=None,
            ladder="standard",
            mandatory=(),
            recipe=Recipe(),
            lane=Lane.INTERACTIVE,
            timeout=TIMEOUT_SECONDS,
        )
        with Watch(show=True) as watch:
            results = hand_over_all(app.client, keys, order, watch)
        for result in results:
            report(screen, app, result, out)
    fail_for(results)


def sample() -> Path:
    """The sample photo's file, made if it is not there."""
    file = LOCAL_STACK.parent / "sample.jpg"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sample_photo())
    return file


@contextmanager
def alone(screen: Console) -> Iterator[None]:
    """Wait for another run in this folder: the first to end would stop the servers under the second."""
    LOCAL_STACK.parent.mkdir(parents=True, exist_ok=True)
    with (LOCAL_STACK.parent / "run.lock").open("w") as lock:
        with screen.status("Waiting for another scripts/run in this folder"):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def local_stack(screen: Console, *, keep: bool) -> Iterator[App]:
    """The local stack with workers. What was not up before is stopped again, unless it is to be kept."""
    stack = Stack.open()
    parts: list[LocalPool | Server] = [stack.pool, *stack.servers]  # in the order in which they are ended
    ours = [part for part in parts if not part.running]
    try:
        with screen.status("Starting gearmand, PostgreSQL, PgBouncer and SeaweedFS"):
            stack.up()
            stack.pool.start(photo=WORKERS, clip=CLIP_WORKERS)
        yield App(directory=stack.directory, environ={})  # this stack alone, whatever the environment names
        if keep:
            screen.print("\nThe stack is up: `.venv/bin/darkroom status` shows it, `.venv/bin/darkroom down` stops it.")
    finally:
        if not keep:
            with screen.status("Stopping what was started"):
                for part in ours:
                    part.stop()


def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Treat a request to end, or a closed terminal, as Ctrl-C, which stops what was started."""
    raise KeyboardInterrupt


def report(screen: Console, app: App, result: Submission, out: Path) -> None:
    """What became of one photo or clip: its state, its renditions, where the time went, and where they lie now."""
    screen.print("", headline(result), soft_wrap=True)
    if result.job is None or result.media is None or not result.media.renditions:
        return
    screen.print(rendition_table(result.media), "", timing_table(last_timings(app.ledger.attempts(result.job.job_id))))
    screen.print()
    for file in fetch(app, result.media, out):
        screen.print(f"{file}  {size(file.stat().st_size)}", soft_wrap=True)


def last_timings(attempts: list[Attempt]) -> dict[str, float]:
    """What the last attempt spent, by stage."""
    return dict(attempts[-1].timings) if attempts else {}


if __name__ == "__main__":
    first_run(prog_name="scripts/run")
