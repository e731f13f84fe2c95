"""The inventory's twin in memory, on the tables of the ledger's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from jobs.inventory import KeptOriginal, Removal, Shelf, Standing
from jobs.job import Media, Rendition
from jobs.memory import MemoryLedger
from jobs.memory_tables import MediaRow, RemovalRow

TAKEN_AGAIN = timedelta(minutes=5)
SECOND_PASS, LAST_PASS = timedelta(minutes=16), timedelta(days=1)  # after the deletion


class MemoryInventory:
    """`jobs.inventory.Inventory` beside a ledger in memory."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._tables = ledger.tables

    def take_removals(self, limit: int, media_id: int | None = None) -> list[Removal]:
        """What is due, or all that was never removed of a media."""
        with self._tables.lock:
            rows = self._due()[:limit] if media_id is None else self._never_done(media_id)
            for row in rows:
                row.due_at = self._tables.clock() + TAKEN_AGAIN
            return [row.removal for row in rows]

    def note_removal(self, removal: Removal) -> None:
        """A pass was carried out."""
        with self._tables.lock:
            row = self._tables.removals.get((removal.place, removal.folder))
            if row is None or row.removal != removal:
                return
            row.removal = replace(removal, passes=removal.passes + 1)
            passes = (row.late_at, row.asked_at + SECOND_PASS, row.asked_at + LAST_PASS)
            later = [moment for moment in passes if moment]
            if row.removal.passes > len(later):
                del self._tables.removals[removal.place, removal.folder]
            else:
                row.due_at = later[removal.passes]

    def late_pass(self, media_id: int) -> datetime | None:
        """When a media is looked for again, because a worker was at it."""
        with self._tables.lock:
            rows = [row for row in self._tables.removals.values() if row.media_id == media_id]
            return max((row.late_at for row in rows if row.late_at and row.removal.passes <= 1), default=None)

    def abandon_original(self, source_key: str) -> bool:
        """Have an original removed that no media uses."""
        with self._tables.lock:
            return self._tables.drop_original(source_key, None)

    def shelves(self, after: int, before: int, limit: int) -> list[Shelf]:
        """The media between the two numbers."""
        with self._tables.lock:
            numbers = sorted(number for number in self._tables.media if after < number < before)[:limit]
            return [_shelf(self._tables.media[number]) for number in numbers]

    def originals(self, after: str, limit: int) -> list[KeptOriginal]:
        """The originals of media that are not deleted, by key."""
        with self._tables.lock:
            records = [media.record for media in self._tables.media.values() if media.record.state != "deleted"]
        keys = sorted({record.source_key for record in records if record.source_key > after})[:limit]
        return [_original(key, [record for record in records if record.source_key == key]) for key in keys]

    def original(self, source_key: str) -> KeptOriginal | None:
        """The original, if a media uses it."""
        return next(
            (kept for kept in self.originals("", len(self._tables.media)) if kept.source_key == source_key), None
        )

    def standing(self, media_id: int, key: str) -> Standing:
        """What the object is at this moment."""
        with self._tables.lock:
            return self._standing(media_id, key)

    def remove_orphan(self, media_id: int, key: str, remove: Callable[[], None]) -> bool:
        """Remove an object if it is an orphan."""
        with self._tables.lock:
            if orphan := self._standing(media_id, key) is Standing.ORPHAN:
                remove()
            return orphan

    def _due(self) -> list[RemovalRow]:
        due = [row for row in self._tables.removals.values() if row.due_at <= self._tables.clock()]
        return sorted(due, key=lambda row: row.due_at)

    def _never_done(self, media_id: int) -> list[RemovalRow]:
        rows = self._tables.removals.values()
        return [row for row in rows if row.media_id == media_id and not row.removal.passes]

    def _standing(self, media_id: int, key: str) -> Standing:
        media = self._tables.media.get(media_id)
        if media is None:
            return Standing.FOREIGN
        originals = {row.record.source_key for row in self._tables.media.values() if row.record.state != "deleted"}
        known = {rendition.key for rendition in _shelf(media).renditions}
        return Standing.LIVE if media.open_jobs or key in known | originals else Standing.ORPHAN


def _shelf(media: MediaRow) -> Shelf:
    renditions: dict[str, Rendition] = {r.key: r for shown in media.generations for r in shown.renditions}
    ordered = tuple(renditions[key] for key in sorted(renditions))
    return Shelf(media_id=media.record.media_id, is_open=media.open_jobs > 0, renditions=ordered)


def _original(key: str, records: list[Media]) -> KeptOriginal:
    digests = [record.sha256 for record in records if record.sha256]
    media_id = max(record.media_id for record in records)
    return KeptOriginal(source_key=key, media_id=media_id, sha256=max(digests, default=None))
