"""An audit of the store: the bucket is listed once, in pages, beside what the ledger knows; neither is held."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from heapq import merge
from io import BytesIO
from itertools import islice
from typing import TypeVar

from jobs.errors import Rejected, WrongBytes
from jobs.inventory import Inventory, Removal, Shelf, Standing
from jobs.job import LARGEST_ID
from jobs.places import folder_of, media_of
from pipeline.audit import Fault, Folder, Known, Measured, Place, judge, line_up
from pipeline.removal import carry_out
from pipeline.services import Listed, Store

DIGITS = 19  # of the largest media id
LARGEST_OBJECT = 5 << 40  # S3's own limit
THREADS = 8
CHUNK = 64  # places that are looked at side by side

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How an audit is made. `page` bounds what is asked for at once, of the ledger and of the store."""

    older_than_seconds: float = 86_400.0
    deep: bool = False  # read all bytes, rather than compare the store's own checksums
    page: int = 1000


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One object that is not as it should be."""

    fault: Fault
    key: str
    media_id: int | None
    bytes: int | None  # that are stored
    reason: str


class Audit:
    """One comparison of a store with the ledger's inventory.

    What it finds it asks again for, because the ledger went on while the bucket was listed: an object is reported only
    if it is so at that moment.
    """

    def __init__(self, store: Store, inventory: Inventory, terms: Terms) -> None:
        self._store = store
        self._inventory = inventory
        self._terms = terms

    def findings(self, on_progress: Callable[[int], None] = lambda _: None) -> Iterator[Finding]:
        """What is wrong, by key. `on_progress` is told how many objects were looked at since it was told last.

        Raises:
            StoreUnavailable, LedgerUnavailable: as they come; another audit begins from the start.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="audit") as threads:
            for chunk in _chunks(line_up(self._known(), self._stored()), CHUNK):
                yield from filter(None, threads.map(self._examine, chunk))
                on_progress(len(chunk))

    def sweep(self, finding: Finding) -> bool:
        """Remove an orphan, if it still is one. Whether it was removed.

        Raises:
            StoreUnavailable: it may be removed.
        """
        media_id = media_of(finding.key)
        if media_id is not None:
            return self._inventory.remove_orphan(media_id, finding.key, lambda: self._store.remove_now(finding.key))
        if not self._inventory.abandon_original(finding.key):
            return False
        carry_out(Removal(place=finding.key, folder=False, passes=0), self._store, self._inventory)
        return True

    def _known(self) -> Iterator[Folder | Known]:
        return merge(self._shelved(), self._originals(), key=lambda entry: entry.key)

    def _shelved(self) -> Iterator[Folder | Known]:
        # Numbers with as many digits stand in the same order as texts and as numbers, so each length is a walk along
        # the primary key, and the walks merged are in the order of the keys.
        bounds = [(10 ** (digits - 1) - 1, min(10**digits, LARGEST_ID)) for digits in range(1, DIGITS + 1)]
        lengths = [self._shelves(after, before) for after, before in bounds]
        for shelf in merge(*lengths, key=lambda shelf: folder_of(shelf.media_id)):
            yield Folder(key=folder_of(shelf.media_id), is_open=shelf.is_open)
            yield from shelf_contents(shelf)

    def _shelves(self, after: int, before: int) -> Iterator[Shelf]:
        while page := self._inventory.shelves(after, before, self._terms.page):
            yield from page
            after = page[-1].media_id

    def _originals(self) -> Iterator[Known]:
        after = ""
        while page := self._inventory.originals(after, self._terms.page):
            for kept in page:
                yield _known_original(kept.source_key, kept.media_id, kept.sha256)
            after = page[-1].source_key

    def _stored(self) -> Iterator[Listed]:
        after = ""
        while page := self._store.listed("", after, self._terms.page):
            yield from page
            after = page[-1].key

    def _examine(self, place: Place) -> Finding | None:
        if self._suspect(place) is None:
            return None
        again = self._look_again(place)
        fault = self._suspect(again)
        if fault is Fault.ORPHAN:
            fault = self._orphan_now(place.key)
        return _finding(fault, again) if fault else None

    def _suspect(self, place: Place) -> Fault | None:
        measured = None
        if place.known and place.stored:
            try:
                measured = self._measure(place, place.stored)
            except Rejected:  # it went after it was listed
                place = replace(place, stored=None)
        return judge(place, measured, self._terms.older_than_seconds)

    def _look_again(self, place: Place) -> Place:
        """The place as it is now, with what is known now of what was known before."""
        known = tuple(filter(None, map(self._known_now, place.known)))
        stored = place.stored
        if known:
            try:
                stored = Listed(key=place.key, bytes=self._store.size(place.key), age_seconds=0)
            except Rejected:
                stored = None
        return replace(place, known=known, stored=stored)

    def _known_now(self, known: Known) -> Known | None:
        kept = self._inventory.original(known.key)
        if kept:
            return _known_original(kept.source_key, kept.media_id, kept.sha256)
        shelves = self._inventory.shelves(known.media_id - 1, known.media_id + 1, 1)
        return next((now for shelf in shelves for now in shelf_contents(shelf) if now.key == known.key), None)

    def _orphan_now(self, key: str) -> Fault | None:
        media_id = media_of(key)
        if media_id is None:
            return None if self._inventory.original(key) else Fault.ORPHAN
        standings = {Standing.LIVE: None, Standing.ORPHAN: Fault.ORPHAN, Standing.FOREIGN: Fault.FOREIGN}
        return standings[self._inventory.standing(media_id, key)]

    def _measure(self, place: Place, stored: Listed) -> Measured | None:
        """What is stored; None if it does not match its own checksum. Raises Rejected if it is not there any more."""
        if self._terms.deep:
            return self._read(place.key)
        if any(known.bytes not in (None, stored.bytes) for known in place.known):
            return Measured(bytes=stored.bytes)
        if all(known.crc32 is None for known in place.known):
            return Measured(bytes=stored.bytes)
        crc32 = self._store.crc32(place.key)
        return self._read(place.key) if crc32 is None else Measured(bytes=stored.bytes, crc32=crc32)

    def _read(self, key: str) -> Measured | None:
        sink = Digests()
        try:
            self._store.fetch(key, LARGEST_OBJECT, sink)
        except WrongBytes:
            return None
        return sink.measured


class Digests(BytesIO):
    """A file that forgets what is written to it, and knows its checksums."""

    def __init__(self) -> None:
        super().__init__()
        self.truncate()

    def truncate(self, size: int | None = None) -> int:
        """Begin anew, as whoever fetches does before each attempt."""
        self._bytes, self._crc32, self._sha256 = 0, 0, hashlib.sha256()
        return super().truncate(size)

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Count, and forget."""
        self._bytes += len(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self._sha256.update(data)
        return len(data)

    @property
    def measured(self) -> Measured:
        """What was written."""
        return Measured(bytes=self._bytes, crc32=self._crc32, sha256=self._sha256.hexdigest())


def shelf_contents(shelf: Shelf) -> list[Known]:
    """What is to be in a media's folder, by key."""
    return [
        Known(key=rendition.key, media_id=shelf.media_id, bytes=rendition.bytes, crc32=rendition.crc32)
        for rendition in shelf.renditions
    ]


def _known_original(source_key: str, media_id: int, sha256: str | None) -> Known:
    return Known(key=source_key, media_id=media_id, sha256=sha256, is_required=sha256 is not None)


REASONS = {
    Fault.MISSING: "it was published, and is not in the store",
    Fault.ALTERED: "its bytes are not those that were published",
    Fault.ORPHAN: "nothing that was published needs it, and no job may publish it",
    Fault.FOREIGN: "this ledger has never had such a media or original",
}


def _finding(fault: Fault, place: Place) -> Finding:
    media_id = place.known[0].media_id if place.known else media_of(place.key)
    size = place.stored.bytes if place.stored else None
    return Finding(fault=fault, key=place.key, media_id=media_id, bytes=size, reason=REASONS[fault])


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
