"""`darkroom media …`: a media's record, its addresses, its history."""

import uuid
from pathlib import Path

import click

from jobs.job import Lane, Media
from jobs.s3 import connect_s3
from pipeline.s3 import S3Store
from scripts.darkroom.app import App, Group, json_option, preset_option, print_json
from scripts.darkroom.show import console, rendition_table, size

URL_SECONDS = 3600


@click.group(cls=Group)
def media() -> None:
    """Look at media, fetch their renditions, go back to an earlier generation."""


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
    """Fetch a media's renditions from the store into a folder."""
    for file in fetch(app, app.client.media(media_id), out):
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
        click.echo(f"generation {record.generation}, {record.ready_at:%Y-%m-%d %H:%M:%S}")
        console().print(rendition_table(record), "")


@media.command("reprocess")
@click.argument("media_id", type=int)
@preset_option
@json_option
@click.pass_obj
def reprocess(app: App, media_id: int, ladder: str, *, as_json: bool) -> None:
    """Make the renditions anew from the original, as the media's next generation."""
    record = app.client.media(media_id)
    receipt = app.client.submit(
        record.owner_id, record.source_key, key=uuid.uuid4().hex, ladder=ladder, lane=Lane.BATCH, media_id=media_id
    )
    if as_json:
        print_json(receipt)
    else:
        click.echo(f"Job {receipt.job_id} makes them. Follow it: darkroom job wait {receipt.job_id}")


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


def opened(app: App) -> S3Store:
    """The store of the settings."""
    return S3Store(connect_s3(app.settings), app.settings.s3_bucket)


def presigned(app: App, record: Media) -> dict[str, str]:
    """An address for each rendition's name, good for an hour."""
    store = opened(app)
    return {rendition.name: store.url(rendition.key, URL_SECONDS) for rendition in record.renditions}


def fetch(app: App, record: Media, out: Path) -> list[Path]:
    """Write each rendition to `out/<media>-<name>.<ext>`. Returns the files, the largest first."""
    store = opened(app)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for rendition in record.renditions:
        file = out / f"{record.media_id}-{rendition.name}{Path(rendition.key).suffix}"
        file.write_bytes(store.read(rendition.key, rendition.bytes))
        files.append(file)
    return files


def print_media(record: Media, urls: dict[str, str]) -> None:
    """The record for a person."""
    shape = f"{record.width} x {record.height}" if record.width else "not known yet"
    click.echo(f"media {record.media_id} of owner {record.owner_id}: {record.state}, generation {record.generation}")
    click.echo(f"original {record.source_key}, {shape}")
    for name, value in record.facts.items():
        click.echo(f"  {name}: {value}")
    console().print(rendition_table(record))
    for name, url in urls.items():
        click.echo(f"{name}: {url}")
