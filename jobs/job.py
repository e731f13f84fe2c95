"""What passes between a submitter, the ledger and a worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

LARGEST_ID = (1 << 63) - 1  # of a job, a media or an owner: PostgreSQL's bigint
PHOTO, CLIP = FUNCTIONS = "photo", "clip"  # as registered with Gearman: what a media is, for ever


class Lane(StrEnum):
    """How soon: `interactive` jobs go before every `batch` job."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class JobState(StrEnum):
    """Where a job stands. The last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    REJECTED = "rejected"  # the upload is at fault, and `code` says why
    DEAD = "dead"  # every attempt failed: a dead letter
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job will not change again by itself."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a submitter asks for. The same (owner, function, key) is the same job, however often it is submitted."""

    owner_id: int
    key: str  # idempotency key, at most 200 characters, the submitter's own
    source_key: str  # where the original lies in the store
    function: str = PHOTO  # as registered with Gearman
    ladder: str = "standard"  # a name in config.LADDERS, or in config.CLIP_LADDERS
    lane: Lane = Lane.INTERACTIVE
    media_id: int | None = None  # a further generation of this media; None makes a new media
    recipe: Mapping[str, Any] | None = None  # as `filters.recipe.canonical` writes it; None: see Ledger.submit
    mandatory: tuple[str, ...] = ()  # rungs of a clip that are to be published before the rest


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The ledger's answer to an order."""

    job_id: int
    media_id: int
    state: JobState
    created: bool  # False: the key was known, and this is its job
    ticket: "Ticket"


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What Gearman carries: which job, and how often it was claimed before. Nothing else."""

    job_id: int
    attempt: int
    function: str
    lane: Lane


@dataclass(frozen=True, kw_only=True)
class Job:
    """A claimed job. Only the holder of the newest fence may write its result."""

    job_id: int
    media_id: int
    owner_id: int
    function: str
    source_key: str
    ladder: str
    lane: Lane
    recipe: Mapping[str, Any] = field(default_factory=dict)  # perhaps of a newer release: see jobs.recipes.read_recipe
    mandatory: tuple[str, ...] = ()
    fence: int  # the fencing token: counts the claims, and never falls
    failures: Mapping[str, int] = field(default_factory=dict)  # by code, since it was last asked for: see jobs.policy


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """A stored rendition as the media's record keeps it. Sizes in pixels; `key` is its name in the store."""

    name: str
    width: int
    height: int
    bytes: int
    crc32: int
    key: str


@dataclass(frozen=True, kw_only=True)
class Publication:
    """All that publishing a job's result writes, in one step."""

    sha256: str  # of the original, hexadecimal
    width: int  # of the original, upright
    height: int
    facts: Mapping[str, Any]  # placeholders, hashes, capture time: see pipeline.photo
    renditions: tuple[Rendition, ...]
    timings: Mapping[str, float]  # CPU and wall milliseconds by stage, and attempt-level figures


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """A job as anybody may see it. Times are the database's."""

    job_id: int
    media_id: int
    owner_id: int
    function: str
    lane: Lane
    ladder: str
    recipe: Mapping[str, Any]
    state: JobState
    attempts: int
    code: str | None  # of the last failure
    reason: str | None
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    due_at: datetime  # when the sweeper looks at it next, while it is not final
    progress: float | None  # 0 to 0.99 while it runs and has told; else None
    eta_seconds: float | None  # if it goes on as it did so far


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run of a job."""

    fence: int
    worker: str
    started_at: datetime
    ended_at: datetime
    outcome: str  # done, failed, rejected, released, lease_expired, cancelled
    code: str | None
    reason: str | None
    timings: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Crash:
    """How a renderer died of an original."""

    stage: str  # what it was at, as `pipeline.stopwatch` calls it, and of what format: "decode heic"; "" if unknown
    signal: str | None  # as SIGSEGV
    limit: str | None  # the limit that ended it: cpu, memory, wall, stall
    words: str  # the last that it said
    libraries: Mapping[str, str]  # version by name, of those that may be at fault: {"libheif": "1.20.2"}


@dataclass(frozen=True, kw_only=True)
class Media:
    """A media's record: what the social layer reads."""

    media_id: int
    owner_id: int
    function: str  # photo or clip, for ever
    state: str  # pending, usable (the mandatory renditions of a clip are there), ready, failed, deleted (a tombstone)
    source_key: str
    generation: int  # counts publications, usable ones too; 0 before the first
    sha256: str | None
    width: int | None
    height: int | None
    facts: Mapping[str, Any]
    recipe: Mapping[str, Any]  # by which this generation was made of the original
    renditions: tuple[Rendition, ...]
    created_at: datetime
    ready_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OwnLook:
    """A look beyond the built-in ones, as the ledger lists it."""

    name: str
    bytes: int
    sha256: str
    added_at: datetime


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the outbox. Readers apply it only if `version` is above what they have for the media."""

    seq: int
    topic: str  # media.usable, media.ready, media.failed, media.incomplete (it stays usable), media.deleted
    owner_id: int
    media_id: int
    version: int
    payload: Mapping[str, Any]
    created_at: datetime
