"""The `darkroom` command."""

import logging
from pathlib import Path

import click

from config.settings import LOCAL_STACK
from scripts.darkroom import audit, job, local, look, media, preview, quarantine, recipe, submit, work
from scripts.darkroom.app import EXIT_CODES, App, Group, Notices


@click.group(cls=Group, epilog=EXIT_CODES, context_settings={"max_content_width": 110})
@click.option(
    "--dir",
    "directory",
    default=LOCAL_STACK.parent,
    show_default=True,
    envvar="DARKROOM_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The local stack's folder. Its darkroom.env is read for every setting that the environment has not.",
)
@click.version_option(package_name="darkroom")
@click.pass_context
def darkroom(ctx: click.Context, directory: Path) -> None:
    """The media pipeline behind a photo-sharing network.

    \b
    A first look, on this machine alone:
      darkroom up                              start the servers, and a worker a core
      darkroom submit cat.jpg --owner 7 --wait make the renditions, of a clip too
      darkroom media show MEDIA                see what the social layer reads
      darkroom down                            stop what `up` started
    """
    ctx.obj = App(directory=directory)
    logging.getLogger("jobs").addHandler(Notices())


for command in (
    local.up,
    local.down,
    local.status,
    local.doctor,
    submit.submit,
    job.job,
    media.media,
    recipe.recipe,
    look.look,
    preview.preview,
    quarantine.quarantine,
    work.worker,
    work.pool,
    work.sweep,
    work.relay_events,
    work.clear_away,
    audit.audit,
    work.db,
):
    darkroom.add_command(command)


def run() -> None:
    """The entry point."""
    darkroom.main()
