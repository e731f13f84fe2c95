"""What is fuzzed: each parser of what strangers send, what it may answer, and files by code to begin with."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from config import LADDERS, Limits
from config.presets import CLIP_LADDERS
from filters import cube
from filters.cube_text import CubeError, parse_cube
from filters.recipe import RecipeError, canonical, parse_document, parse_recipe
from jobs import tickets
from jobs.errors import Rejected
from pipeline.containers.read import parse_claims
from pipeline.containers.reader import Reader
from pipeline.headers import read_header
from scripts.fuzzing import seeds
from workers import clip_wire, wire

Refusals = tuple[type[Exception], ...]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parser: `run` reads the bytes; any exception but its `refusals` is a finding."""

    name: str
    run: Callable[[bytes], object]
    refusals: Refusals
    seeds: Callable[[], Sequence[bytes]]
    longest: int = 1 << 16  # bytes of an input

    def read(self, data: bytes) -> None:
        """Read one input. Raises what would be a finding."""
        with contextlib.suppress(*self.refusals):
            self.run(data)


def read_photo(data: bytes) -> None:
    """A photo's header, which keeps what it promises."""
    limits = Limits()
    header = read_header(data, limits)
    assert 0 < header.width <= limits.side  # noqa: S101 - what fuzzing looks for
    assert 0 < header.height <= limits.side  # noqa: S101
    assert header.width * header.height <= limits.jpeg_pixels  # noqa: S101
    assert 1 <= header.frames <= limits.frames  # noqa: S101


def read_clip(demuxer: str, data: bytes) -> None:
    """What a clip's container claims."""
    parse_claims(Reader.of_bytes(data), demuxer, Limits())


def read_recipe(data: bytes) -> None:
    """A recipe's text; what it comes to is canonical."""
    recipe = parse_recipe(parse_document(data))
    assert parse_recipe(canonical(recipe)) == recipe  # noqa: S101


def read_look(data: bytes) -> None:
    """A look as the ledger keeps it."""
    cube.unpack("look", data)


def read_ticket(data: bytes) -> None:
    """A ticket; what it comes to is one again."""
    ticket = tickets.decode(data)
    assert tickets.decode(tickets.encode(ticket)) == ticket  # noqa: S101


def read_photo_answer(data: bytes) -> None:
    """What a renderer of photos says that a stranger's file has taken over."""
    descriptor = os.memfd_create("answer")
    try:
        os.truncate(descriptor, 1 << 12)
        wire.read_answer(wire.parse(data), descriptor, LADDERS["standard"])
    finally:
        os.close(descriptor)


def read_clip_answer(data: bytes) -> None:
    """What a renderer of clips says that a stranger's file has taken over; there is no file in its folder."""
    message = wire.parse(data)
    if "progress" in message:
        clip_wire.read_progress(message)
    else:
        clip_wire.read_answer(message, NO_FOLDER, CLIP_LADDERS["standard"])


NO_FOLDER = -1  # a descriptor that is never open
PHOTO_SEEDS: Mapping[str, Callable[[], Sequence[bytes]]] = {
    "jpeg": seeds.jpegs,
    "png": seeds.pngs,
    "gif": seeds.gifs,
    "webp": seeds.webps,
    "heif": seeds.heifs,
    "tiff": seeds.tiffs,
    "bmp": seeds.bmps,
}
CLIP_SEEDS: Mapping[str, Callable[[], Sequence[bytes]]] = {
    "mov": seeds.movies,
    "matroska": seeds.matroskas,
    "avi": seeds.avis,
    "mpegts": seeds.transport_streams,
}  # by ffmpeg's names of the containers
TARGETS = {
    target.name: target
    for target in (
        *(Target(name=name, run=read_photo, refusals=(Rejected,), seeds=make) for name, make in PHOTO_SEEDS.items()),
        *(
            Target(name=name, run=partial(read_clip, name), refusals=(Rejected,), seeds=make)
            for name, make in CLIP_SEEDS.items()
        ),
        Target(name="recipe", run=read_recipe, refusals=(RecipeError,), seeds=seeds.recipes, longest=1 << 14),
        Target(name="cube", run=parse_cube, refusals=(CubeError,), seeds=seeds.cubes),
        Target(name="look", run=read_look, refusals=(CubeError,), seeds=seeds.looks),
        Target(name="ticket", run=read_ticket, refusals=(Rejected,), seeds=seeds.ticket_texts, longest=1 << 10),
        Target(name="photo-answer", run=read_photo_answer, refusals=(wire.GarbledError,), seeds=seeds.photo_answers),
        Target(name="clip-answer", run=read_clip_answer, refusals=(wire.GarbledError,), seeds=seeds.clip_answers),
    )
}
