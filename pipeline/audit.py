"""Whether what is stored is what is known, decided purely: two streams in the order of their keys, merged into one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge
from itertools import groupby

from jobs.places import is_original, media_of
from pipeline.services import Listed


class Fault(StrEnum):
    """What may be wrong with an object."""

    MISSING = "missing"  # published, or an original of what is, and not there
    ALTERED = "altered"  # there with other bytes
    ORPHAN = "orphan"  # there, of ours, and nobody's
    FOREIGN = "foreign"  # there and none of ours: left alone


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A media's folder: its key comes before those of all that lies in it."""

    key: str
    is_open: bool  # a job may be putting something there


@dataclass(frozen=True, kw_only=True)
class Known:
    """An object that the ledger knows, with what it knows of its bytes."""

    key: str
    media_id: int
    bytes: int | None = None
    crc32: int | None = None
    sha256: str | None = None  # hexadecimal
    is_required: bool = True  # False: nothing was published of it yet


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found out of an object's bytes."""

    bytes: int
    crc32: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """One key, with what is known and what is stored there."""

    key: str
    known: tuple[Known, ...]
    stored: Listed | None
    is_open: bool  # it lies in the folder of a media that has a job


def line_up(known: Iterable[Folder | Known], stored: Iterable[Listed]) -> Iterator[Place]:
    """Every key that is known or stored, once, from two streams in the order of their keys' code points.

    Trap: a store that lists in another order gives what is there twice, as not known and as not stored. So whoever acts
    on a place asks again for it alone.
    """
    open_folder = None
    for key, group in groupby(merge(known, stored, key=lambda entry: entry.key), key=lambda entry: entry.key):
        entries = list(group)
        for folder in (entry for entry in entries if isinstance(entry, Folder)):
            open_folder = folder.key if folder.is_open else None
        listed = next((entry for entry in entries if isinstance(entry, Listed)), None)
        at_key = tuple(entry for entry in entries if isinstance(entry, Known))
        if listed or at_key:
            is_open = open_folder is not None and key.startswith(open_folder)
            yield Place(key=key, known=at_key, stored=listed, is_open=is_open)


def judge(place: Place, measured: Measured | None, older_than_seconds: float) -> Fault | None:
    """What is wrong with a place. `measured` is None where nothing could be read."""
    if place.known:
        return _judge_known(place.known, place.stored, measured)
    if media_of(place.key) is None and not is_original(place.key):
        return Fault.FOREIGN
    if place.is_open or place.stored is None or place.stored.age_seconds < older_than_seconds:
        return None
    return Fault.ORPHAN


def _judge_known(known: tuple[Known, ...], stored: Listed | None, measured: Measured | None) -> Fault | None:
    if stored is None:
        return Fault.MISSING if any(each.is_required for each in known) else None
    return Fault.ALTERED if measured is None or any(differs(each, measured) for each in known) else None


def differs(known: Known, measured: Measured) -> bool:
    """Whether the bytes are others than those that are known, as far as both sides can tell."""
    pairs = (
        (known.bytes, measured.bytes),
        (known.crc32, measured.crc32),
        (known.sha256, measured.sha256),
    )
    return any(ours is not None and theirs is not None and ours != theirs for ours, theirs in pairs)
