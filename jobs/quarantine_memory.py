"""The quarantine's twin in memory, on the tables of the ledger's."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from jobs.job import Crash, Job, JobState
from jobs.memory import MemoryLedger
from jobs.quarantine import DEATHS, Death, Quarantined

ENDED = {"quarantined", "renderer_died", "encoder_died"}  # codes of jobs that an original ended


class MemoryQuarantine:
    """`jobs.quarantine.Quarantine` beside a ledger in memory."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._tables = ledger.tables
        self._deaths: dict[tuple[int, int], Death] = {}
        self._since: dict[str, datetime] = {}
        self._refused: dict[int, str] = {}

    def note(self, job: Job, sha256: str, crash: Crash, release: str) -> bool:
        """Note a death, once per job and fence."""
        with self._tables.lock:
            row, now = self._tables.jobs.get(job.job_id), self._tables.clock()
            if row and row.fence >= job.fence and (job.job_id, job.fence) not in self._deaths:
                self._deaths[job.job_id, job.fence] = Death(
                    sha256=sha256,
                    job_id=row.job_id,
                    fence=job.fence,
                    media_id=row.media_id,
                    owner_id=row.order.owner_id,
                    function=row.order.function,
                    died_at=now,
                    release=release,
                    released_at=None,
                    crash=crash,
                )
                if len(self._counted(sha256)) >= DEATHS:
                    self._since.setdefault(sha256, now)
            return sha256 in self._since

    def refuse(self, job: Job, sha256: str) -> bool:
        """Note that the job was turned away."""
        with self._tables.lock:
            if sha256 in self._since and job.job_id in self._tables.jobs:
                self._refused.setdefault(job.job_id, sha256)
            return sha256 in self._since

    def held(self, limit: int) -> frozenset[str]:
        """The hashes that are in quarantine."""
        with self._tables.lock:
            return frozenset(list(self._since)[:limit])

    def find(self, sha256: str) -> Quarantined | None:
        """The original, if it is in quarantine."""
        with self._tables.lock:
            return self._entry(sha256) if sha256 in self._since else None

    def entries(self, limit: int) -> list[Quarantined]:
        """What is in quarantine, newest first."""
        with self._tables.lock:
            by_hash = sorted(self._since)
            newest = sorted(by_hash, key=self._since.__getitem__, reverse=True)
            return [self._entry(sha256) for sha256 in newest[:limit]]

    def deaths(self, sha256: str) -> list[Death]:
        """Every death over this original."""
        with self._tables.lock:
            return [death for death in self._deaths.values() if death.sha256 == sha256]

    def hashes(self, prefix: str, limit: int) -> list[str]:
        """The hashes that begin so."""
        with self._tables.lock:
            return sorted({d.sha256 for d in self._deaths.values() if d.sha256.startswith(prefix)})[:limit]

    def release(self, hashes: Collection[str]) -> list[str]:
        """End the quarantine of these."""
        with self._tables.lock:
            released = sorted(set(hashes) & self._since.keys())
            for sha256 in released:
                del self._since[sha256]
                for death in self._unreleased(sha256):
                    gone = replace(death, released_at=self._tables.clock())
                    self._deaths[death.job_id, death.fence] = gone
            return released

    def stranded(self, hashes: Collection[str]) -> list[int]:
        """The jobs that can be retried."""
        with self._tables.lock:
            died = {death.job_id for death in self._deaths.values() if death.sha256 in hashes}
            refused = {job_id for job_id, sha256 in self._refused.items() if sha256 in hashes}
            return [job_id for job_id in sorted(died | refused) if self._is_stranded(job_id)]

    def _counted(self, sha256: str) -> list[Death]:
        return [death for death in self._unreleased(sha256) if death.counts]

    def _unreleased(self, sha256: str) -> list[Death]:
        return [death for death in self._deaths.values() if death.sha256 == sha256 and death.released_at is None]

    def _entry(self, sha256: str) -> Quarantined:
        return Quarantined(sha256=sha256, since=self._since[sha256], deaths=tuple(self._counted(sha256)))

    def _is_stranded(self, job_id: int) -> bool:
        job = self._tables.jobs[job_id]
        deleted = self._tables.media[job.media_id].record.state == "deleted"
        return job.state in (JobState.REJECTED, JobState.DEAD) and job.code in ENDED and not deleted
