"""The inventory in PostgreSQL: what is asked for removals and audits. The steps themselves are in jobs/migrations."""

from collections.abc import Callable
from datetime import datetime

from config import Settings
from jobs.connection import Connection
from jobs.inventory import KeptOriginal, Removal, Shelf, Standing
from jobs.job import Rendition
from jobs.places import expand, folder_of

SHELVES = """
SELECT m.media_id, m.open_jobs > 0, m.renditions, coalesce(
    (SELECT jsonb_agg(g.renditions) FROM darkroom.generations g WHERE g.media_id = m.media_id), '[]')
FROM darkroom.media m WHERE m.media_id > %s AND m.media_id < %s ORDER BY m.media_id LIMIT %s
"""
ORIGINALS = """
SELECT source_key, max(media_id), max(encode(sha256, 'hex')) FROM darkroom.media
WHERE source_key COLLATE "C" {} %s AND state <> 'deleted'
GROUP BY source_key COLLATE "C", source_key ORDER BY source_key COLLATE "C" LIMIT %s
"""
LATE_AT = "SELECT max(late_at) FROM darkroom.removals WHERE media_id = %s AND passes <= 1"


class PostgresInventory:
    """`jobs.inventory.Inventory` on PostgreSQL, through PgBouncer in transaction mode. Threads may share one."""

    def __init__(self, dsn: str, connect_timeout_seconds: float = 3.0) -> None:
        self._connection = Connection(dsn, connect_timeout_seconds)

    @classmethod
    def from_settings(cls, settings: Settings) -> "PostgresInventory":
        """That of the ledger that the settings name. It connects when it is first asked."""
        return cls(settings.database_url, settings.connect_timeout_seconds)

    def take_removals(self, limit: int, media_id: int | None = None) -> list[Removal]:
        """What is due, or all that was never removed of a media."""
        rows = self._connection.rows("SELECT * FROM darkroom.take_removals(%s, %s)", (limit, media_id))
        return [Removal(place=place, folder=folder, passes=passes) for place, folder, passes in rows]

    def note_removal(self, removal: Removal) -> None:
        """A pass was carried out."""
        values = (removal.place, removal.folder, removal.passes)
        self._connection.rows("SELECT darkroom.note_removal(%s, %s, %s)", values)

    def late_pass(self, media_id: int) -> datetime | None:
        """When a media is looked for again, because a worker was at it."""
        ((late_at,),) = self._connection.rows(LATE_AT, (media_id,))
        return late_at if isinstance(late_at, datetime) else None

    def abandon_original(self, source_key: str) -> bool:
        """Have an original removed that no media uses."""
        ((abandoned,),) = self._connection.rows("SELECT darkroom.abandon_original(%s)", (source_key,))
        return bool(abandoned)

    def shelves(self, after: int, before: int, limit: int) -> list[Shelf]:
        """The media between the two numbers."""
        rows = self._connection.rows(SHELVES, (after, before, limit))
        return [_shelf(media_id, [shown, *kept], is_open=is_open) for media_id, is_open, shown, kept in rows]

    def originals(self, after: str, limit: int) -> list[KeptOriginal]:
        """The originals of media that are not deleted, by key."""
        return [_original(*row) for row in self._connection.rows(ORIGINALS.format(">"), (after, limit))]

    def original(self, source_key: str) -> KeptOriginal | None:
        """The original, if a media uses it."""
        rows = self._connection.rows(ORIGINALS.format("="), (source_key, 1))
        return _original(*rows[0]) if rows else None

    def standing(self, media_id: int, key: str) -> Standing:
        """What the object is at this moment."""
        ((standing,),) = self._connection.rows(*_hold(media_id, key))
        return Standing(standing)

    def remove_orphan(self, media_id: int, key: str, remove: Callable[[], None]) -> bool:
        """Remove an object if it is an orphan, its media locked meanwhile."""
        with self._connection.transaction() as run:
            ((standing,),) = run(*_hold(media_id, key))
            orphan: bool = standing == Standing.ORPHAN
            if orphan:
                remove()
        return orphan


def _hold(media_id: int, key: str) -> tuple[str, tuple[int, str]]:
    return "SELECT darkroom.hold_rendition(%s, %s)", (media_id, key.removeprefix(folder_of(media_id)))


def _original(source_key: str, media_id: int, sha256: str | None) -> KeptOriginal:
    return KeptOriginal(source_key=source_key, media_id=media_id, sha256=sha256)


def _shelf(media_id: int, generations: list[dict[str, list[object]]], *, is_open: bool) -> Shelf:
    renditions: dict[str, Rendition] = {r.key: r for compact in generations for r in expand(compact, media_id)}
    return Shelf(media_id=media_id, is_open=is_open, renditions=tuple(renditions[key] for key in sorted(renditions)))
