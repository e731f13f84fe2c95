"""Settings from the environment; what is not set there is read from the file that `darkroom up` writes."""

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from config.limits import Limits

PREFIX = "DARKROOM_"
ENV_FILE = PREFIX + "ENV_FILE"
OTHERS = frozenset(
    PREFIX + name for name in ("ENV_FILE", "DIR", "FAILPOINTS", "CORPUS", "LOOKS_ORACLE")
)  # names of ours that are no settings: of the command, of its trials and of its tests
SCRATCH = Path(tempfile.gettempdir()) / f"darkroom-{os.geteuid()}"
SANDBOXES = ALLOWED, REQUIRED = "allowed", "required"
LOCAL_STACK = Path(__file__).resolve().parent.parent / "var" / "darkroom.env"


class MisconfiguredError(Exception):
    """A setting is missing or cannot be used. The message names it and what it takes, and holds no secret."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the servers are and how patient to be with them.

    Every field is the environment variable `DARKROOM_<FIELD IN CAPITALS>`; `limits` are `DARKROOM_LIMIT_<FIELD>`.
    """

    database_url: str = field(repr=False)  # the application's role, through PgBouncer in transaction mode
    gearman_servers: tuple[str, ...]  # host:port, in order of preference
    s3_bucket: str
    migrations_url: str | None = field(default=None, repr=False)  # the owner's role, straight to PostgreSQL: to migrate
    s3_endpoint: str | None = None  # None: AWS itself
    s3_region: str = "us-east-1"
    s3_access_key: str | None = None  # None: boto3's own chain (role, profile, instance)
    s3_secret_key: str | None = field(default=None, repr=False)
    events_url: str | None = None  # where the relay posts events; None: JSON lines on its standard output
    events_secret: str | None = field(default=None, repr=False)  # signs what the relay posts
    connect_timeout_seconds: float = 3.0
    lease_seconds: float = 15.0
    drain_seconds: float = 25.0  # a worker that was asked to stop leaves within this
    hands_jobs: int = 1_000  # a renderer is replaced after this many jobs
    hands_memory_bytes: int = 700 << 20  # or when it holds this much resident memory
    scratch_dir: str = str(SCRATCH)  # where clips lie while they are worked on: a folder of our own
    scratch_reserve_bytes: int = 1 << 30  # of its disk that stay free
    sandbox: str = ALLOWED  # `required`: no renderer works unless the machine grants every part of its confinement
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, file: Path | None = None) -> "Settings":
        """Settings from `environ` (the process's own by default) over those of `file`, if it exists.

        Without a `file` it is the one that DARKROOM_ENV_FILE names, or else the local stack's. An environment that
        names a database names all the servers: then the file is not read, lest two stacks be mixed.

        Raises:
            MisconfiguredError: a setting without a default is missing, one holds what it does not take, or `file`
                cannot be read.
        """
        environ = os.environ if environ is None else environ
        file = file or Path(environ.get(ENV_FILE, LOCAL_STACK))
        given = environ if PREFIX + "DATABASE_URL" in environ else {**read_environment_file(file), **environ}
        return cls(**_typed(cls, PREFIX, given), limits=Limits(**_typed(Limits, PREFIX + "LIMIT_", given)))


def setting_names() -> frozenset[str]:
    """The environment variables that are read."""
    settings = {PREFIX + setting.name.upper() for setting in fields(Settings) if setting.name != "limits"}
    return frozenset(settings | {PREFIX + "LIMIT_" + limit.name.upper() for limit in fields(Limits)} | OTHERS)


def read_environment_file(file: Path) -> dict[str, str]:
    """The `NAME=value` lines of a file; empty if there is none. Raises MisconfiguredError if it cannot be read."""
    try:
        text = file.read_text() if file.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise MisconfiguredError(f"{file} cannot be read ({error}): mend it, or run as a user who may.") from error
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _typed(kind: type, prefix: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The values that `given` has for the fields of the dataclass `kind`, each read as its field's type."""
    values: dict[str, Any] = {}
    for setting in fields(kind):
        name = prefix + setting.name.upper()
        if setting.name != "limits" and given.get(name):
            values[setting.name] = _read(setting, name, given[name])
    required = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    missing = ", ".join(prefix + name.upper() for name in required if name not in values)
    if missing:
        raise MisconfiguredError(f"{missing} not set. Start the local stack with `darkroom up`, or name your servers.")
    return values


def _read(setting: Field[Any], name: str, text: str) -> object:
    if setting.name in ("database_url", "migrations_url"):
        return _database(name, text)
    if setting.type == tuple[str, ...]:
        return _addresses(name, text)
    if setting.name == "sandbox":
        return _one_of(SANDBOXES, name, text)
    return _number(name, text, setting.type) if setting.type in (int, float) else text


def _one_of(choices: Sequence[str], name: str, text: str) -> str:
    if text not in choices:
        raise MisconfiguredError(f"{name} must be {' or '.join(choices)}, not {text!r}.")
    return text


def _number(name: str, text: str, kind: Any) -> object:
    try:
        number: float = kind(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise MisconfiguredError(f"{name} must be a {'whole ' * (kind is int)}number above 0, not {text!r}.")
    return number


def _addresses(name: str, text: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in text.split(",") if part.strip())
    if not addresses or not all(map(_is_address, addresses)):
        raise MisconfiguredError(f"{name} must be host:port, or several with commas between them, not {text!r}.")
    return addresses


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and ":" not in host and port.isdecimal() and 0 < int(port) < 1 << 16


def _database(name: str, text: str) -> str:
    if not _is_dsn(text):
        raise MisconfiguredError(f"{name} must be postgresql://user:password@host:port/database.")
    return text


def _is_dsn(text: str) -> bool:
    from psycopg2 import ProgrammingError  # noqa: PLC0415 - who loads settings connects to the database soon
    from psycopg2.extensions import parse_dsn  # noqa: PLC0415

    try:
        ports = parse_dsn(text).get("port", "")
    except ProgrammingError:
        return False
    return all(port.isdecimal() for port in ports.split(",") if port)
