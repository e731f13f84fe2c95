"""Where things lie in the store: what a key says, and how the ledger keeps those of renditions."""

import re
from collections.abc import Iterable
from typing import Any

from jobs.job import LARGEST_ID, Rendition

ORIGINAL = re.compile(r"o/[1-9][0-9]{0,18}/[0-9a-f]{32}")  # of jobs.originals.original_key
RENDITION = re.compile(r"m/([1-9][0-9]{0,18})/[^/]+")  # of pipeline.keys


def media_of(key: str) -> int | None:
    """The media whose rendition lies at a key, by the key alone; None if it is no rendition's."""
    found = RENDITION.fullmatch(key)
    return int(found[1]) if found and int(found[1]) <= LARGEST_ID else None


def is_original(key: str) -> bool:
    """Whether a key is one that originals are given."""
    return ORIGINAL.fullmatch(key) is not None


def folder_of(media_id: int) -> str:
    """Where all of a media's renditions lie: what their keys begin with."""
    return f"m/{media_id}/"


def compact(renditions: Iterable[Rendition], media_id: int) -> dict[str, list[Any]]:
    """As the record keeps them. Every key lies in its media's folder, so only the rest of it is kept."""
    folder = folder_of(media_id)
    for rendition in renditions:
        if not rendition.key.startswith(folder):
            raise ValueError(f"{rendition.key} is not in {folder}, where media {media_id} keeps its renditions")
    return {r.name: [r.width, r.height, r.bytes, r.key.removeprefix(folder), r.crc32] for r in renditions}


def expand(compact: dict[str, list[Any]], media_id: int) -> tuple[Rendition, ...]:
    """The renditions of a record, the largest first: a jsonb object forgets the order it was written in."""
    renditions = (
        Rendition(name=name, width=width, height=height, bytes=size, crc32=crc32, key=folder_of(media_id) + file)
        for name, (width, height, size, file, crc32) in compact.items()
    )
    return tuple(sorted(renditions, key=lambda r: (-r.width, -r.height, r.name)))
