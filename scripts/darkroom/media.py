"""`darkroom media …`: a media's record, its addresses, its history."""

import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from filters.recipe import Recipe
from jobs.job import CLIP, Lane, Media, Rendition
from scripts.darkroom.app import App, Failure, Group, json_option, preset_option, print_json
from scripts.darkroom.deletion import delete_media
from scripts.darkroom.edits import cut_data, cut_options, edit_options, recipe_of_options
from scripts.darkroom.show import clip_line, console, rendition_table, size

URL_SECONDS = 3600
REFERRING = (".m3u8", ".vtt")  # renditions that are text and name others by their files


@click.group(cls=Group)
def media() -> None:
    """Look at media, fetch their renditions, go back to an earlier generation, delete them."""


media.add_command(delete_media)


@media.command("show")
@click.argument("media_id", type=int)
@click.option("--open", "open_it", is_flag=True, help="Open the largest rendition in the browser.")
@json_option
@click.pass_obj
def show_media(app: App, media_id: int, *, open_it: bool, as_json: bool) -> None:
    """A media's record, with an address for each rendition that anybody can open for an hour."""
    record = app.client.media(media_id)
    urls = presigned(app, record)
    if as_json:
        print_json({"media": record, "urls": urls})
    else:
        print_media(record, urls)
    if open_it and urls:
        click.launch(next(iter(urls.values())))


@media.command("fetch")
@click.argument("media_id", type=int)
@click.option(
    "-o",
    "--out",
    default=Path("out"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder, made if it is not there.",
)
@click.pass_obj
def fetch_media(app: App, media_id: int, out: Path) -> None:
    """Fetch a media's renditions from the store into a folder. A clip's playlists play from there."""
    record = app.client.media(media_id)
    if not record.renditions:
        raise Failure(f"Media {media_id} is {record.state}: it has no renditions that could be fetched.", 1)
    for file in fetch(app, record, out):
        click.echo(f"{file}  {size(file.stat().st_size)}")


@media.command("history")
@click.argument("media_id", type=int)
@json_option
@click.pass_obj
def show_history(app: App, media_id: int, *, as_json: bool) -> None:
    """Every generation that was published, the oldest first."""
    app.client.media(media_id)  # that there is such a media
    generations = app.ledger.generations(media_id)
    if as_json:
        print_json(generations)
        return
    for record in generations:
        when = f"{record.ready_at:%Y-%m-%d %H:%M:%S}" if record.ready_at else record.state
        click.echo(f"generation {record.generation}, {when}, {recipe_line(record)}")
        console().print(rendition_table(record), "")


@media.command("edit")
@click.argument("media_id", type=int)
@preset_option
@edit_options
@cut_options
@json_option
@click.pass_obj
def edit(
    app: App,
    media_id: int,
    *,
    ladder: str,
    look: str | None,
    strength: float | None,
    edits: tuple[str, ...],
    file: Path | None,
    trim: Mapping[str, float] | None,
    mute: bool,
    cover: float | None,
    as_json: bool,
) -> None:
    """Edit the original anew, as the media's next generation.

    The options are the whole recipe: what an earlier edit did is not kept, and without any option the photo or clip is
    as it was uploaded. To go on from the current recipe, take it from `media show --json` and give it as --recipe.

    \b
    darkroom media edit MEDIA --look juno --strength 60
    darkroom media edit MEDIA --trim 1.5-6 --mute --cover 2
    darkroom media show MEDIA --json | jq .media.recipe | darkroom media edit MEDIA --recipe - --edit warmth=20
    """
    cut = cut_data(trim, mute=mute, cover=cover)
    recipe = recipe_of_options(look, strength, edits, file, own_looks=None, cut=cut)
    submit_again(app, app.client.media(media_id), ladder, recipe, Lane.INTERACTIVE, as_json=as_json)


@media.command("reprocess")
@click.argument("media_id", type=int)
@preset_option
@json_option
@click.pass_obj
def reprocess(app: App, media_id: int, ladder: str, *, as_json: bool) -> None:
    """Make the renditions anew from the original, edited as was last asked for, as the media's next generation."""
    submit_again(app, app.client.media(media_id), ladder, None, Lane.BATCH, as_json=as_json)


@media.command("rollback")
@click.argument("media_id", type=int)
@click.option("--to", "generation", type=int, required=True, help="The generation to publish again.")
@json_option
@click.pass_obj
def roll_back(app: App, media_id: int, generation: int, *, as_json: bool) -> None:
    """Publish an earlier generation again, as a new one; nothing is rendered and nothing is lost."""
    app.client.media(media_id)  # that there is such a media
    record = app.ledger.rollback(media_id, generation)
    if as_json:
        print_json(record)
    else:
        click.echo(f"Media {media_id} shows generation {generation} again, as generation {record.generation}.")


def submit_again(app: App, record: Media, ladder: str, recipe: Recipe | None, lane: Lane, *, as_json: bool) -> None:
    """Ask for the media's next generation, without a recipe as it was last asked for, and say how to follow it."""
    receipt = app.client.submit(
        record.owner_id,
        record.source_key,
        key=uuid.uuid4().hex,
        function=record.function,
        ladder=ladder,
        lane=lane,
        media_id=record.media_id,
        recipe=recipe,
    )
    if as_json:
        print_json(receipt)
    else:
        click.echo(f"Job {receipt.job_id} makes them. Follow it: darkroom job wait {receipt.job_id}")


def presigned(app: App, record: Media) -> dict[str, str]:
    """An address for each rendition's name, good for an hour."""
    store = app.store
    return {rendition.name: store.url(rendition.key, URL_SECONDS) for rendition in record.renditions}


def fetch(app: App, record: Media, out: Path) -> list[Path]:
    """Write each rendition to `out/<media>-<name>.<ext>`. Returns the files, the largest first."""
    store = app.store
    out.mkdir(parents=True, exist_ok=True)
    names = {Path(rendition.key).name: local_name(record, rendition) for rendition in record.renditions}
    files = []
    for rendition in record.renditions:
        file = out / local_name(record, rendition)
        with file.open("wb") as opened_file:
            store.fetch(rendition.key, rendition.bytes, opened_file)
        if file.suffix in REFERRING:
            file.write_text(renamed(file.read_text(), names.items()))
        files.append(file)
    return files


def local_name(record: Media, rendition: Rendition) -> str:
    """What a rendition is called in a folder; one whose name has its ending already gets no other."""
    return f"{record.media_id}-{rendition.name.removesuffix(suffix := Path(rendition.key).suffix)}{suffix}"


def renamed(text: str, names: Iterable[tuple[str, str]]) -> str:
    """The text of a playlist or the like, with the names that the files have now."""
    for stored, local in names:
        text = text.replace(stored, local)
    return text


def recipe_line(record: Media) -> str:
    """By which recipe a generation was made, in words."""
    if not record.generation:
        return "nothing made of it"
    return f"recipe {json.dumps(record.recipe)}" if record.recipe else "no edits"


def print_media(record: Media, urls: dict[str, str]) -> None:
    """The record for a person."""
    shape = f"{record.width} x {record.height}" if record.width else "size not known"
    stands = f"{record.state}, generation {record.generation}"
    click.echo(f"{record.function} {record.media_id} of owner {record.owner_id}: {stands}")
    if record.state == "deleted":
        click.echo("It was deleted: its record and renditions are gone, and its number stays taken.")
        return
    click.echo(f"original {record.source_key}, {shape}, {recipe_line(record)}")
    if record.function == CLIP and record.facts:
        click.echo(clip_line(record.facts))
    for name, value in record.facts.items():
        click.echo(f"  {name}: {value}")
    if record.state == "failed":
        click.echo("Its job says why: `darkroom job list --state rejected`, or `--state dead`.")
    if record.renditions:
        console().print(rendition_table(record))
    for name, url in urls.items():
        click.echo(f"{name}: {url}")
