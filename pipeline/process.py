"""The way of a claimed job: fetch, render, store, publish. The claim before it is the worker's: `workers.head`."""

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from config import Limits, PhotoPreset
from jobs.errors import NewerRecipe, Rejected
from jobs.job import Job, Publication, Rendition
from jobs.ladders import find_ladder
from jobs.ledger import Ledger
from jobs.recipes import own_look, read_recipe
from pipeline.keys import rendition_key
from pipeline.services import Edits, Encoded, OnWait, PhotoHands, Rendered, Services, StoredObject
from pipeline.stopwatch import Stopwatch


@dataclass(frozen=True, kw_only=True)
class Processed:
    """A job that was carried to its end. `published` is False if another claim had overtaken it."""

    published: bool
    timings: Mapping[str, float]  # of the stages in milliseconds, the hands' own among them


Process = Callable[[Job, Any, Limits, OnWait], Processed]  # with the services that its function needs


def process_photo(job: Job, services: Services[PhotoHands], limits: Limits, on_wait: Callable[[], None]) -> Processed:
    """Make a photo's renditions, store them, and publish them with its record.

    Running it again writes the same bytes to the same keys. `on_wait` is called about every second of the render;
    what it raises ends the job.

    Raises:
        Rejected: trying again is useless.
        Unavailable: it may help.
    """
    watch = Stopwatch()
    ladder = find_ladder(job.ladder)
    with watch.stage("fetch"):
        edits = find_edits(job, services.ledger)
        original = services.store.read(job.source_key, limits.photo_bytes)
    with watch.stage("hands"):
        rendered = services.hands.render(original, job.ladder, edits, on_wait)
    with watch.stage("store"):
        sha256 = hashlib.sha256(original).hexdigest()
        objects = name_renditions(job, sha256, ladder, edits, rendered.images)
        services.store.write_all(objects)
    publication = describe(rendered, sha256, objects, {**rendered.timings, **watch.timings})
    with watch.stage("publish"):
        published = services.ledger.finish(job, publication)
    return Processed(published=published, timings={**rendered.timings, **watch.timings})


def find_edits(job: Job, ledger: Ledger) -> Edits:
    """What the job's recipe asks for. A look of one's own is fetched here, because the hands reach no ledger.

    Raises:
        NewerRecipe: it has a field, a value or a look that this release does not know.
    """
    try:
        recipe = read_recipe(job.recipe)
        name = own_look(recipe)
        look = find_look(ledger, name) if name else b""  # type: ignore[arg-type]  # mypy holds a Protocol for unhashable
        return Edits(recipe=recipe, look=look)
    except Rejected as error:
        raise NewerRecipe(f"this worker's release cannot draw the recipe, perhaps a newer can: {error}") from error


@lru_cache(maxsize=16)  # of at most 300 KB each
def find_look(ledger: Ledger, name: str) -> bytes:
    """The bytes of a look of one's own, which never change. Raises Rejected `unknown_look`, and asks again then."""
    return ledger.look(name)


def name_renditions(
    job: Job, sha256: str, ladder: Sequence[PhotoPreset], edits: Edits, images: Sequence[Encoded]
) -> list[StoredObject]:
    """The ladder's renditions with their places in the store. `sha256` is the original's, hexadecimal."""
    return [
        StoredObject(
            key=rendition_key(job.media_id, sha256, ladder, place, image.extension, edits),
            data=image.data,
            content_type=image.content_type,
            crc32=zlib.crc32(image.data),
        )
        for place, image in enumerate(images)
    ]


def describe(
    rendered: Rendered, sha256: str, objects: Sequence[StoredObject], timings: Mapping[str, float]
) -> Publication:
    """All that the ledger is to write of a photo whose renditions lie in the store as `objects`, in the same order."""
    renditions = tuple(
        Rendition(
            name=image.name,
            width=image.width,
            height=image.height,
            bytes=stored.size,
            crc32=stored.crc32,
            key=stored.key,
        )
        for image, stored in zip(rendered.images, objects, strict=True)
    )
    return Publication(
        sha256=sha256,
        width=rendered.width,
        height=rendered.height,
        facts=rendered.facts,
        renditions=renditions,
        timings=timings,
    )


PROCESSES: dict[str, Process] = {"photo": process_photo}  # by the function's name at Gearman
