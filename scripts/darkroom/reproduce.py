"""One original through the hands of production, once, to see what becomes of it and what it takes."""

import hashlib
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config import Limits, MisconfiguredError, Settings
from jobs.errors import DarkroomError, Rejected
from jobs.job import CLIP, Crash, Job, Order
from jobs.memory import MemoryLedger
from jobs.quarantine import Death, Gate
from jobs.quarantine_memory import MemoryQuarantine
from jobs.recipes import own_look, read_recipe
from jobs.s3 import connect_s3
from pipeline.clip.sniff import HEAD_BYTES
from pipeline.memory import MemoryStore
from pipeline.process import PROCESSES, Processed
from pipeline.s3 import S3Store
from pipeline.services import StoredObject
from scripts.darkroom.app import App
from scripts.darkroom.kind import told_function
from scripts.darkroom.spent import peak_memory, spent_cpu
from workers.functions import FUNCTIONS
from workers.sandbox import hide_memory

KEY = "original"


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """An original, and what was asked to be made of it. `looks` are those of one's own that its recipe needs."""

    data: bytes = field(repr=False)
    function: str
    ladder: str = "standard"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    looks: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What became of it: `accepted`, `rejected`, `died` with its crash, or `failed`, if something else was away."""

    sha256: str
    function: str
    verdict: str
    code: str | None
    reason: str | None
    crash: Crash | None
    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: float


def find_suspect(app: App, deaths: list[Death]) -> Suspect:
    """The original of these deaths from the store, with what the newest job whose media still has it asked for.

    Raises:
        Rejected: `missing_original`.
    """
    store = S3Store(connect_s3(app.settings), app.settings.s3_bucket)
    for death in reversed(deaths):
        data = original_of(app, store, death)
        if data is not None:
            status = app.ledger.status(death.job_id)
            name = own_look(read_recipe(status.recipe))
            looks = {name: app.ledger.look(name)} if name else {}
            return Suspect(data=data, function=death.function, ladder=status.ladder, recipe=status.recipe, looks=looks)
    raise Rejected("missing_original", "no media has this original any more: reproduce it from a file of your own")


def original_of(app: App, store: S3Store, death: Death) -> bytes | None:
    """The bytes that a death is of; None if its media has them no more."""
    limits = app.settings.limits
    try:
        source_key = app.ledger.media(death.media_id).source_key
        data = store.read(source_key, limits.clip_bytes if death.function == CLIP else limits.photo_bytes)
    except Rejected:
        return None
    return data if hashlib.sha256(data).hexdigest() == death.sha256 else None


def read_suspect(file: Path) -> Suspect:
    """A file, to be made as if it had just been submitted."""
    data = file.read_bytes()
    return Suspect(data=data, function=told_function(data[:HEAD_BYTES]))


def settings_of(app: App) -> Settings:
    """The settings, or the defaults where no servers are named: none is asked."""
    try:
        return app.settings
    except MisconfiguredError:
        return Settings(database_url="", gearman_servers=(), s3_bucket="")


def reproduce(suspect: Suspect, settings: Settings) -> Reproduction:
    """Run the flow once over twins of the servers and with real hands, confined and limited as a worker's are.

    Raises:
        Unavailable: no renderer comes up.
        MisconfiguredError: the machine does not grant the sandbox that is required, or has no place for clips.
    """
    hide_memory()  # this process may hold the settings' credentials, and the hands are a suspect's
    store, ledger = MemoryStore(), MemoryLedger()
    crc32 = zlib.crc32(suspect.data)
    store.write_all([StoredObject(key=KEY, data=suspect.data, content_type="", crc32=crc32)])
    for name, look in suspect.looks.items():
        ledger.add_look(name, look)
    job = claimed(suspect, ledger)
    with FUNCTIONS[suspect.function].workshop(settings) as workshop:
        hands, gate = workshop.hands, Gate(MemoryQuarantine(ledger))
        services = workshop.services(store=store, ledger=ledger, hands=hands, quarantine=gate)
        hands.start()
        try:
            with spent_cpu() as cpu, peak_memory() as peak:
                began = time.monotonic()
                outcome = outcome_of(job, services, settings.limits)
                wall_seconds = time.monotonic() - began
        finally:
            hands.close()
    return report(
        suspect,
        outcome,
        wall_seconds=round(wall_seconds, 3),
        cpu_seconds=round(cpu.seconds, 3),
        peak_memory_mb=round(peak.bytes / 1e6, 1),
    )


def claimed(suspect: Suspect, ledger: MemoryLedger) -> Job:
    """A job on the suspect, in a ledger of its own."""
    order = Order(
        owner_id=1,
        key=KEY,
        source_key=KEY,
        function=suspect.function,
        ladder=suspect.ladder,
        recipe=dict(suspect.recipe),
    )
    job = ledger.claim(ledger.submit(order).job_id, "reproduce", 1e9)
    if job is None:
        raise ValueError("a job that was just submitted is there")
    return job


def outcome_of(job: Job, services: Any, limits: Limits) -> Processed | DarkroomError:
    """What comes of the job."""
    try:
        return PROCESSES[job.function](job, services, limits, lambda _=None, /: None)
    except DarkroomError as error:
        return error


def report(suspect: Suspect, outcome: Processed | DarkroomError, **spent: float) -> Reproduction:
    """The outcome in one record."""
    crash = getattr(outcome, "crash", None)
    failed = isinstance(outcome, DarkroomError)
    other = "rejected" if isinstance(outcome, Rejected) else "failed" if failed else "accepted"
    return Reproduction(
        sha256=hashlib.sha256(suspect.data).hexdigest(),
        function=suspect.function,
        verdict="died" if crash else other,
        code=getattr(outcome, "code", None),
        reason=str(outcome) if failed else None,
        crash=crash,
        **spent,
    )
