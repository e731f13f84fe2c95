"""The way of a claimed job: fetch, render, store, publish. The claim before it is the worker's: `workers.head`."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedRandom, FileIO
from typing import Any

from config import Limits, PhotoPreset
from jobs import failpoints
from jobs.errors import HandsDied, LedgerUnavailable, NewerRecipe, Rejected, StoreUnavailable
from jobs.job import CLIP, PHOTO, Job, Publication, Rendition
from jobs.ladders import find_ladder
from jobs.ledger import Ledger
from jobs.quarantine import Gate
from jobs.recipes import own_look, read_recipe
from pipeline.clip.ffmpeg import EncoderDied
from pipeline.clip.model import RenderedClip
from pipeline.keys import rendition_key
from pipeline.openfile import new_file, opened_folder
from pipeline.scratch import ORIGINAL, OUT, Scratch
from pipeline.services import (
    ClipRequest,
    ClipServices,
    Edits,
    Encoded,
    OnWait,
    PhotoHands,
    Rendered,
    Services,
    StoredObject,
)
from pipeline.shelf import Shelf
from pipeline.stopwatch import Stopwatch

# Disk that a clip's renditions may take. All rungs of a phone's clip come to 0.6 of its bytes; what is small for its
# length comes to more, and is small. Who watches the disk meanwhile sees to the rest.
RESULTS_PER_ORIGINAL = 2
LEAST_RESULTS_BYTES = 64 << 20


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
        sha256 = hashlib.sha256(original).hexdigest()
        services.quarantine.admit_job(job, sha256)
    failpoints.reach("after_fetch")
    with watch.stage("hands"), deaths_noted(job, sha256, services.quarantine):
        rendered = services.hands.render(original, job.ladder, edits, on_wait)
    with watch.stage("store"):
        objects = name_renditions(job, sha256, ladder, edits, rendered.images)
        services.store.write_all(objects)
    publication = describe(rendered, sha256, objects, {**rendered.timings, **watch.timings})
    failpoints.reach("before_publish")
    with watch.stage("publish"):
        published = services.ledger.finish(job, publication)
    return Processed(published=published, timings={**rendered.timings, **watch.timings})


def process_clip(job: Job, services: ClipServices, limits: Limits, on_wait: OnWait) -> Processed:
    """Make a clip's renditions, store them, and publish them with its record; first the part that is mandatory.

    Running it again writes the same keys, or others where another host's encoder comes to other bytes. `on_wait` is
    called a few times a second of the render, and with every piece that is fetched or stored, by the store's threads
    too; what it raises ends the job.

    Raises:
        Rejected: trying again is useless.
        Unavailable: it may help.
    """
    watch = Stopwatch()
    find_ladder(job.ladder, CLIP)
    watchful = watching_disk(services.scratch, on_wait)
    with services.scratch.job() as folder, opened_folder(folder) as inside, opened_folder(OUT, inside) as out:
        with watch.stage("fetch"):
            edits = find_edits(job, services.ledger)
            sha256 = fetch_clip(job, services, limits, inside, watchful)
            services.quarantine.admit_job(job, sha256)
        failpoints.reach("after_fetch")
        shelf = Shelf(job, services.store, out, on_wait)

        def publish_part(part: RenderedClip) -> None:
            # The whole holds it too, and is worth more than the time that it would save.
            with suppress(StoreUnavailable, LedgerUnavailable):
                services.ledger.publish_part(job, describe_clip(part, sha256, shelf.put(part.files), part.timings))

        with watch.stage("hands"), deaths_noted(job, sha256, services.quarantine):
            request = ClipRequest(folder=folder, ladder=job.ladder, edits=edits, mandatory=job.mandatory)
            rendered = render_clip(request, services, publish_part, watchful)
        with watch.stage("store"):
            renditions = shelf.put(rendered.files)
    publication = describe_clip(rendered, sha256, renditions, {**rendered.timings, **watch.timings})
    failpoints.reach("before_publish")
    with watch.stage("publish"):
        published = services.ledger.finish(job, publication)
    return Processed(published=published, timings={**rendered.timings, **watch.timings})


def watching_disk(scratch: Scratch, on_wait: OnWait) -> OnWait:
    """`on_wait`, that raises DiskShort besides when the disk has no room any more."""

    def watch(progress: float | None = None, /) -> None:
        scratch.require()
        on_wait(progress)

    return watch


@contextmanager
def deaths_noted(job: Job, sha256: str, quarantine: Gate) -> Iterator[None]:
    """Note a renderer's death inside, as far as it is known how it came. `sha256` is the original's, hexadecimal."""
    try:
        yield
    except (HandsDied, EncoderDied) as error:
        if error.crash:
            quarantine.note(job, sha256, error.crash)
        raise


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


def fetch_clip(job: Job, services: ClipServices, limits: Limits, folder: int, on_wait: Callable[[], None]) -> str:
    """Put the original into the folder, if the disk has room for it and what it comes to. Returns its SHA-256.

    `folder` is a descriptor, and the file a new one, because hands may write there: what they moved or linked would
    lead us to any file of our user's. `on_wait` is called with every piece that arrives; what it raises ends the fetch.

    Raises:
        Rejected: `missing_original`, `too_many_bytes`.
        DiskShort: there is no room now.
    """
    size = services.store.size(job.source_key)
    if size > limits.clip_bytes:
        raise Rejected("too_many_bytes", f"{job.source_key} has {size} bytes, and a clip at most {limits.clip_bytes}")
    services.scratch.require(size + max(LEAST_RESULTS_BYTES, RESULTS_PER_ORIGINAL * size))
    with AttendedFile(new_file(ORIGINAL, folder), on_wait) as file:
        services.store.fetch(job.source_key, limits.clip_bytes, file)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def render_clip(
    request: ClipRequest, services: ClipServices, on_part: Callable[[RenderedClip], None], on_wait: OnWait
) -> RenderedClip:
    """What the hands make of a clip.

    Raises:
        DiskShort: the disk has no room, even if that was taken for the clip's fault.
    """
    try:
        return services.hands.render(request, on_part, on_wait)
    except (Rejected, HandsDied):
        services.scratch.require()
        raise


class AttendedFile(BufferedRandom):
    """A file to write and read, whose every `write` asks first whether to go on. It closes its descriptor."""

    def __init__(self, descriptor: int, on_wait: Callable[[], None]) -> None:
        super().__init__(FileIO(descriptor, "r+"))
        self._on_wait = on_wait

    def write(self, data: Any, /) -> int:
        """See `io`. Raises what `on_wait` does."""
        self._on_wait()
        return super().write(data)


def describe_clip(
    rendered: RenderedClip, sha256: str, renditions: tuple[Rendition, ...], timings: Mapping[str, float]
) -> Publication:
    """All that the ledger is to write of a clip, or of the part of it that is there."""
    return Publication(
        sha256=sha256,
        width=rendered.width,
        height=rendered.height,
        facts=rendered.facts,
        renditions=renditions,
        timings=timings,
    )


PROCESSES: dict[str, Process] = {PHOTO: process_photo, CLIP: process_clip}  # by the function's name at Gearman
