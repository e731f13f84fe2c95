"""What the ledger knows of the store: which bytes are to be removed, and which are to be there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from jobs.job import Rendition


@dataclass(frozen=True, kw_only=True)
class Removal:
    """Something to remove from the store: one key, or all that begin with `place` if it is a folder."""

    place: str
    folder: bool
    passes: int  # that were carried out already


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """All that is to be stored of one media: the renditions that it shows, and those that it could go back to."""

    media_id: int
    is_open: bool  # a job may be putting more
    renditions: tuple[Rendition, ...]


@dataclass(frozen=True, kw_only=True)
class KeptOriginal:
    """An original that media are made of."""

    source_key: str
    media_id: int  # one of them
    sha256: str | None  # hexadecimal; None as long as none of them was published


class Standing(StrEnum):
    """What a stored rendition is to the ledger."""

    LIVE = "live"  # shown, kept to go back to, or perhaps about to be published
    ORPHAN = "orphan"
    FOREIGN = "foreign"  # there never was such a media: another ledger's, or this one was restored from a backup


class Inventory(Protocol):
    """What removals and audits ask. Every call may raise LedgerUnavailable.

    `jobs.postgres_inventory.PostgresInventory` is the real one, `jobs.memory_inventory.MemoryInventory` its twin.
    """

    def take_removals(self, limit: int, media_id: int | None = None) -> list[Removal]:
        """What is due to be removed, and due again in five minutes unless it is noted as done.

        With a `media_id`, all that was never removed of it, due or not.
        """

    def note_removal(self, removal: Removal) -> None:
        """A pass was carried out. The next is due 16 minutes after the deletion, the last a day after it.

        Between the first and these there is one more if a worker was at it: see `late_pass`.
        """

    def late_pass(self, media_id: int) -> datetime | None:
        """When a deleted media is looked for again, because a worker was at it whose lease ends then; else None."""

    def abandon_original(self, source_key: str) -> bool:
        """Have an original removed that no media uses, and its place never used again. False: one does use it."""

    def shelves(self, after: int, before: int, limit: int) -> list[Shelf]:
        """The media with numbers between the two, in their order, neither included."""

    def originals(self, after: str, limit: int) -> list[KeptOriginal]:
        """The originals of media that are not deleted, in the order of their keys' UTF-8 bytes, each once."""

    def original(self, source_key: str) -> KeptOriginal | None:
        """The original at this key. None: no media that is not deleted uses it."""

    def standing(self, media_id: int, key: str) -> Standing:
        """What the object at `key`, of this media by its name, is at this moment."""

    def remove_orphan(self, media_id: int, key: str, remove: Callable[[], None]) -> bool:
        """Call `remove` if the object is an orphan, and let no job of its media begin meanwhile. Whether it was called.

        `remove` is to be quick, and what it raises is passed on; other threads wait for this inventory's connection.
        """
