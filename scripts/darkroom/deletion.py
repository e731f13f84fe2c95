"""`darkroom media delete`: a media's record, renditions and original, for ever."""

from dataclasses import dataclass
from datetime import datetime

import click

from jobs.errors import DarkroomError, Unavailable
from jobs.job import Media
from pipeline.removal import carry_out
from scripts.darkroom.app import App, Failure, exit_code, json_option, print_json, sentence

MOST_REMOVALS = 10  # of one media: its folder and its original


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """What became of one deletion. `removed`: nothing of it is in the store any more, nor comes there by a worker.

    `again_at`: a worker was at it, and a janitor looks then for what it may have put since.
    """

    media_id: int
    removed: bool
    media: Media | None = None  # the tombstone
    again_at: datetime | None = None
    error: str | None = None
    exit_code: int = 0

    @property
    def told(self) -> str:
        """For a person."""
        if self.media is None:
            return f"Media {self.media_id} was not deleted: {self.error}"
        if self.error:
            return f"Media {self.media_id} is deleted. A janitor removes its bytes once the store answers: {self.error}"
        if self.again_at:
            return (
                f"Media {self.media_id} is deleted, and what was stored of it is gone. A worker was at it: a janitor "
                f"looks again at {self.again_at.astimezone():%H:%M:%S} for what that may store until then."
            )
        return f"Media {self.media_id} is deleted, and nothing of it can be fetched."


@click.command("delete")
@click.argument("media_ids", type=int, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def delete_media(app: App, media_ids: tuple[int, ...], *, yes: bool, as_json: bool) -> None:
    """Delete media for ever: record, renditions of all generations, and the original unless another media uses it.

    A job that runs for one is cancelled, and what its worker still stores is removed too, seconds after its lease ends.
    The number stays taken, and shows that the media was deleted; the event media.deleted tells it to whoever follows.
    Deleting again is no error, and finishes what an earlier try could not. The same file can be submitted anew.

    \b
    darkroom media delete MEDIA
    darkroom media delete $(jq -r .media_id mine.json) --yes
    """
    if not yes:
        click.confirm(f"Delete {len(media_ids)} media for ever?", abort=True, err=True)
    deleted = [delete(app, media_id) for media_id in media_ids]
    if as_json:
        print_json(deleted)
    else:
        click.echo("\n".join(each.told for each in deleted))
    if failed := [each.exit_code for each in deleted if each.exit_code]:
        raise Failure(f"{len(failed)} of {len(deleted)} are not all gone.", max(failed))


def delete(app: App, media_id: int) -> Deleted:
    """Delete one media, and remove at once what is stored of it."""
    try:
        record = app.client.delete_media(media_id)
    except DarkroomError as error:
        return Deleted(media_id=media_id, removed=False, error=sentence(error), exit_code=exit_code(error))
    try:
        for removal in app.inventory.take_removals(MOST_REMOVALS, media_id):
            carry_out(removal, app.store, app.inventory)
        again_at = app.inventory.late_pass(media_id)
    except Unavailable as error:
        told = sentence(error)
        return Deleted(media_id=media_id, removed=False, media=record, error=told, exit_code=exit_code(error))
    return Deleted(media_id=media_id, removed=again_at is None, media=record, again_at=again_at)
