"""The ledgers that the contract is tried on: the twin in memory, and PostgreSQL behind PgBouncer."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from jobs.job import Event, Job, JobState, Media, Order, Publication, Receipt, Rendition
from jobs.ledger import Ledger
from jobs.memory import MemoryLedger
from jobs.postgres import PostgresLedger

MANY = 10_000


@dataclass(kw_only=True)
class Subject:
    """A ledger as two clients see it, an owner nobody else has, and a way to let time pass for that owner's jobs."""

    ledger: Ledger
    beside: Ledger
    owner_id: int
    pass_seconds: Callable[[float], None]
    told: list[Event] = field(default_factory=list)

    @property
    def worker(self) -> str:
        return f"host:41:{self.owner_id:x}"

    def order(self, key: str = "first", **changes: Any) -> Order:
        return Order(**{"owner_id": self.owner_id, "key": key, "source_key": f"originals/{self.owner_id}"} | changes)

    def submit(self, key: str = "first", **changes: Any) -> Receipt:
        return self.ledger.submit(self.order(key, **changes))

    def claim(self, job_id: int, worker: str | None = None) -> Job:
        """With a lease of a minute."""
        job = self.ledger.claim(job_id, worker or self.worker, 60)
        assert job is not None
        return job

    def start(self, key: str = "first", **changes: Any) -> Job:
        return self.claim(self.submit(key, **changes).job_id)

    def publish(self, key: str = "first", mark: str = "a", **changes: Any) -> Media:
        job = self.start(key, **changes)
        assert self.ledger.finish(job, self.publication(job.media_id, mark))
        return self.ledger.media(job.media_id)

    def publication(self, media_id: int, mark: str = "a") -> Publication:
        """Something to publish whose every value depends on the mark."""
        size = 900 + ord(mark)
        key = f"m/{media_id}/{mark}"
        renditions = (
            Rendition(name="w1080", width=size, height=720, bytes=9 * size, crc32=2**32 - 1, key=f"{key}1.jpg"),
            Rendition(name="w320", width=320, height=213, bytes=size, crc32=0, key=f"{key}2.jpg"),
            Rendition(name="s150", width=150, height=150, bytes=size, crc32=7, key=f"{key}3.jpg"),
        )
        return Publication(
            sha256=mark.encode().hex() * 32,
            width=4032,
            height=3024,
            facts={"dominant": f"#{ord(mark):06x}", "taken_at": None},
            renditions=renditions,
            timings={"decode_cpu_ms": 31.25, "encode_cpu_ms": 8.5},
        )

    def fail(self, job: Job, then: JobState, code: str = "store_unavailable", **more: Any) -> bool:
        return self.ledger.fail(job, code=code, reason="it broke", then=then, **more)

    def swept(self) -> list[tuple[int, int]]:
        """The owner's tickets that are due: job and attempt."""
        jobs = {status.job_id for status in self.ledger.jobs(limit=MANY) if status.owner_id == self.owner_id}
        return sorted((t.job_id, t.attempt) for t in self.ledger.sweep(MANY) if t.job_id in jobs)

    def events(self) -> list[Event]:
        """The owner's events since the last look, in the order of the outbox."""
        self.told.clear()
        while self.ledger.relay(self.told.extend, MANY):
            pass
        return [event for event in self.told if event.owner_id == self.owner_id]


def memory_subject(owner_id: int) -> Subject:
    now = [datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)]

    def pass_seconds(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)

    ledger = MemoryLedger(clock=lambda: now[0])
    return Subject(ledger=ledger, beside=ledger, owner_id=owner_id, pass_seconds=pass_seconds)


def postgres_subject(owner_id: int, settings: Any) -> Subject:
    def pass_seconds(seconds: float) -> None:
        """The database's clock cannot be turned, so what is due comes nearer, and what was begun goes further back."""
        with closing(psycopg2.connect(settings.migrations_url)) as owner, owner, owner.cursor() as cursor:
            passed = "- %(seconds)s * interval '1 second'"
            shift = f"UPDATE darkroom.jobs SET due_at = due_at {passed}, started_at = started_at {passed}"
            cursor.execute(f"{shift} WHERE owner_id = %(owner_id)s", {"seconds": seconds, "owner_id": owner_id})

    ledger, beside = PostgresLedger(settings.database_url), PostgresLedger(settings.database_url)
    return Subject(ledger=ledger, beside=beside, owner_id=owner_id, pass_seconds=pass_seconds)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.server)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    owner_id = secrets.randbelow(1 << 48)
    if request.param == "memory":
        yield memory_subject(owner_id)
        return
    subject = postgres_subject(owner_id, request.getfixturevalue("stack").settings)
    yield subject
    for status in subject.ledger.jobs(limit=MANY):
        if status.owner_id == owner_id:
            subject.ledger.cancel(status.job_id)
