"""Settings from the environment; what is not set there is read from the file that `darkroom up` writes."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from config.limits import Limits

PREFIX = "DARKROOM_"
LOCAL_STACK = Path(__file__).resolve().parent.parent / "var" / "darkroom.env"


class MisconfiguredError(Exception):
    """A setting is missing or cannot be read. The message names it and what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the servers are and how patient to be with them.

    Every field is the environment variable `DARKROOM_<FIELD IN CAPITALS>`; `limits` are `DARKROOM_LIMIT_<FIELD>`.
    """

    database_url: str  # the application's role, through PgBouncer in transaction mode
    gearman_servers: tuple[str, ...]  # host:port, in order of preference
    s3_bucket: str
    migrations_url: str | None = None  # the owner's role, straight to PostgreSQL; only `darkroom db migrate` needs it
    s3_endpoint: str | None = None  # None: AWS itself
    s3_region: str = "us-east-1"
    s3_access_key: str | None = None  # None: boto3's own chain (role, profile, instance)
    s3_secret_key: str | None = None
    events_url: str | None = None  # where the relay posts events; None: JSON lines on its standard output
    events_secret: str | None = None  # signs what the relay posts
    connect_timeout_seconds: float = 3.0
    lease_seconds: float = 15.0
    drain_seconds: float = 25.0  # a worker that was asked to stop leaves within this
    hands_jobs: int = 1_000  # a renderer is replaced after this many jobs
    hands_memory_bytes: int = 700 << 20  # or when it holds this much resident memory
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, file: Path = LOCAL_STACK) -> "Settings":
        """Settings from `environ` (the process's own by default) over those of `file`, if it exists.

        Raises:
            MisconfiguredError: a setting without a default is missing, or a number is not one.
        """
        given = {**read_environment_file(file), **(os.environ if environ is None else environ)}
        return cls(**_typed(cls, PREFIX, given), limits=Limits(**_typed(Limits, PREFIX + "LIMIT_", given)))


def read_environment_file(file: Path) -> dict[str, str]:
    """The `NAME=value` lines of a file; empty if there is none."""
    if not file.is_file():
        return {}
    lines = (line.strip() for line in file.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _typed(kind: type, prefix: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The values that `given` has for the fields of the dataclass `kind`, each read as its field's type."""
    values: dict[str, Any] = {}
    for setting in fields(kind):
        name = prefix + setting.name.upper()
        if setting.name != "limits" and given.get(name):
            values[setting.name] = _read(name, given[name], setting.type)
    required = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    missing = ", ".join(prefix + name.upper() for name in required if name not in values)
    if missing:
        raise MisconfiguredError(f"{missing} not set. Start the local stack with `darkroom up`, or name your servers.")
    return values


def _read(name: str, text: str, kind: object) -> object:
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind not in (int, float):
        return text
    try:
        return int(text) if kind is int else float(text)
    except ValueError as error:
        raise MisconfiguredError(f"{name} must be a number, not {text!r}.") from error
