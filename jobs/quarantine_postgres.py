"""The quarantine in PostgreSQL, beside the ledger. The steps themselves are in jobs/migrations."""

import json
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any

from config import Settings
from jobs.connection import Connection
from jobs.job import Crash, Job
from jobs.quarantine import Death, Quarantined

DEATH = """
encode(sha256, 'hex'), job_id, fence, media_id, owner_id, function, died_at, release, c.released_at, stage, signal,
limit_hit, words, libraries
"""
ENTRIES = """
SELECT since, {death}
FROM (SELECT sha256, since FROM darkroom.quarantine WHERE released_at IS NULL {which}
      ORDER BY since DESC, sha256 LIMIT %s) q
JOIN darkroom.crashes c USING (sha256)
WHERE c.accuses AND c.released_at IS NULL
ORDER BY since DESC, sha256, died_at
"""
DEATHS = "SELECT {death} FROM darkroom.crashes c WHERE sha256 = decode(%s, 'hex') ORDER BY died_at"
HASHES = """
SELECT DISTINCT encode(sha256, 'hex') AS hash FROM darkroom.crashes
WHERE sha256 BETWEEN decode(%s, 'hex') AND decode(%s, 'hex') ORDER BY hash LIMIT %s
"""
HELD = "SELECT encode(sha256, 'hex') FROM darkroom.quarantine WHERE released_at IS NULL LIMIT %s"
STRANDED = """
SELECT job_id FROM darkroom.jobs j JOIN darkroom.media m USING (media_id)
WHERE job_id IN (SELECT job_id FROM darkroom.crashes WHERE sha256 = ANY (%(hashes)s)
                 UNION SELECT job_id FROM darkroom.refusals WHERE sha256 = ANY (%(hashes)s))
    AND j.state IN ('rejected', 'dead') AND j.code IN ('quarantined', 'renderer_died', 'encoder_died')
    AND m.state <> 'deleted'
ORDER BY job_id
"""


class PostgresQuarantine:
    """`jobs.quarantine.Quarantine` on PostgreSQL, through PgBouncer in transaction mode. Threads may share one.

    All but `release` may be said again, and is once if a connection is cut.
    """

    def __init__(self, dsn: str, connect_timeout_seconds: float = 3.0) -> None:
        self._connection = Connection(dsn, connect_timeout_seconds)

    @classmethod
    def from_settings(cls, settings: Settings) -> "PostgresQuarantine":
        """That of the ledger that the settings name. It connects when it is first asked."""
        return cls(settings.database_url, settings.connect_timeout_seconds)

    def note(self, job: Job, sha256: str, crash: Crash, release: str) -> bool:
        """Note a death, once per job and fence."""
        told = (release, crash.stage, crash.signal, crash.limit, crash.words)
        libraries = json.dumps({_storable(name): _storable(text) for name, text in crash.libraries.items()})
        values = (job.job_id, job.fence, sha256, *(text and _storable(text) for text in told), libraries)
        query = "SELECT darkroom.note_crash(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        ((held,),) = self._connection.rows(query, values)
        return bool(held)

    def refuse(self, job: Job, sha256: str) -> bool:
        """Note that the job was turned away."""
        ((refused,),) = self._connection.rows("SELECT darkroom.refuse(%s, %s)", (job.job_id, sha256))
        return bool(refused)

    def held(self, limit: int) -> frozenset[str]:
        """The hashes that are in quarantine."""
        return frozenset(sha256 for (sha256,) in self._connection.rows(HELD, (limit,)))

    def find(self, sha256: str) -> Quarantined | None:
        """The original, if it is in quarantine."""
        one = ENTRIES.format(death=DEATH, which="AND sha256 = decode(%s, 'hex')")
        return next(iter(_entries(self._connection.rows(one, (sha256, 1)))), None)

    def entries(self, limit: int) -> list[Quarantined]:
        """What is in quarantine, newest first."""
        return _entries(self._connection.rows(ENTRIES.format(death=DEATH, which=""), (limit,)))

    def deaths(self, sha256: str) -> list[Death]:
        """Every death over this original."""
        return [_death(row) for row in self._connection.rows(DEATHS.format(death=DEATH), (sha256,))]

    def hashes(self, prefix: str, limit: int) -> list[str]:
        """The hashes that begin so."""
        rows = self._connection.rows(HASHES, (prefix.ljust(64, "0"), prefix.ljust(64, "f"), limit))
        return [sha256 for (sha256,) in rows]

    def release(self, hashes: Collection[str]) -> list[str]:
        """End the quarantine of these, in one transaction. After LedgerUnavailable, look which are still in it."""
        query = "SELECT * FROM darkroom.release_content(%s)"
        return [sha256 for (sha256,) in self._connection.rows(query, (list(hashes),), repeatable=False)]

    def stranded(self, hashes: Collection[str]) -> list[int]:
        """The jobs that can be retried."""
        contents = [bytes.fromhex(sha256) for sha256 in hashes] or [b""]  # an empty array has no type
        return [job_id for (job_id,) in self._connection.rows(STRANDED, {"hashes": contents})]


def _entries(rows: Iterable[tuple[Any, ...]]) -> list[Quarantined]:
    return [
        Quarantined(sha256=sha256, since=since, deaths=tuple(_death(row[1:]) for row in group))
        for (since, sha256), group in groupby(rows, key=lambda row: row[:2])
    ]


def _death(row: Sequence[Any]) -> Death:
    sha256, job_id, fence, media_id, owner_id, function, died_at, release, released_at, *crash = row
    stage, signal, limit, words, libraries = crash
    return Death(
        sha256=sha256,
        job_id=job_id,
        fence=fence,
        media_id=media_id,
        owner_id=owner_id,
        function=function,
        died_at=died_at,
        release=release,
        released_at=released_at,
        crash=Crash(stage=stage, signal=signal, limit=limit, words=words, libraries=libraries),
    )


def _storable(text: str) -> str:
    """What a decoder said may hold what PostgreSQL's text does not: NUL, or half of a surrogate pair."""
    return text.replace("\0", "?").encode(errors="replace").decode()
