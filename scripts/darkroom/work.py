"""The long-running processes: worker, pool, sweep, relay, janitor; and the ledger's schema."""

import sys

import click

import jobs.migrate
from config import MisconfiguredError
from jobs.job import FUNCTIONS, PHOTO
from scripts.darkroom.app import App, Failure, Group, json_option, print_json
from workers import head, janitor, relay, supervisor, sweeper
from workers.exits import UNABLE


def begin(app: App) -> None:
    """Hand the settings on to the process. Raises Failure, with its own exit status, if one is missing or wrong."""
    try:
        app.export_settings()
    except MisconfiguredError as error:
        raise Failure(str(error), UNABLE) from error


@click.command()
@click.option(
    "--function", default=PHOTO, show_default=True, type=click.Choice(FUNCTIONS), help="What it makes renditions of."
)
@click.pass_obj
def worker(app: App, function: str) -> None:
    """Run one worker in the foreground.

    TERM drains: it takes no more jobs, finishes the one it has, and leaves within 25 s. A second TERM stops it at once;
    its job goes back to the queue.
    """
    begin(app)
    sys.exit(head.main(["--function", function]))


@click.command()
@click.option("--photo", "photo", default=1, show_default=True, type=click.IntRange(0, 256), help="Photo workers.")
@click.option(
    "--clip", "clip", default=1, show_default=True, type=click.IntRange(0, 256), help="Clip workers, which stand back."
)
@click.pass_obj
def pool(app: App, photo: int, clip: int) -> None:
    """Run workers, a sweeper, a relay and a janitor under a supervisor that restarts what dies."""
    begin(app)
    sys.exit(supervisor.main(["--photo", str(photo), "--clip", str(clip)]))


@click.command()
@click.option("--once", is_flag=True, help="One round, then leave.")
@click.pass_obj
def sweep(app: App, *, once: bool) -> None:
    """Bring tickets again: of expired leases, due retries, and queues that a job server lost."""
    begin(app)
    sys.exit(sweeper.main(["--once"] if once else []))


@click.command("janitor")
@click.option("--once", is_flag=True, help="Only what is due now, then leave.")
@click.pass_obj
def clear_away(app: App, *, once: bool) -> None:
    """Remove from the store what was deleted: at once, after 16 minutes, and after a day. A pool has one already."""
    begin(app)
    sys.exit(janitor.main(["--once"] if once else []))


@click.command("relay")
@click.pass_obj
def relay_events(app: App) -> None:
    """Publish the outbox in order, at least once: to DARKROOM_EVENTS_URL, or as JSON lines to standard output."""
    begin(app)
    sys.exit(relay.main([]))


@click.group(cls=Group)
def db() -> None:
    """The ledger's schema in PostgreSQL."""


@db.command("migrate")
@json_option
@click.pass_obj
def migrate(app: App, *, as_json: bool) -> None:
    """Apply the migrations that are missing. Several may run at once; one applies, the others wait."""
    applied = jobs.migrate.migrate(app.settings.migrations_url or app.settings.database_url)
    if as_json:
        print_json(applied)
    else:
        click.echo("\n".join(f"applied {step.name}" for step in applied) or "The schema is up to date.")


@db.command("status")
@json_option
@click.pass_obj
def show_status(app: App, *, as_json: bool) -> None:
    """Each migration, and when it was applied."""
    steps = jobs.migrate.status(app.settings.migrations_url or app.settings.database_url)
    if as_json:
        print_json(steps)
        return
    for step in steps:
        click.echo(f"{step.name}  {step.applied_at or 'pending: run `darkroom db migrate`'}")
