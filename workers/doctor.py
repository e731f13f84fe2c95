"""What this machine has and lacks for Darkroom, each finding with its remedy."""

import importlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path

import psutil
import psycopg2
from psycopg2.extensions import parse_dsn

from config.settings import LOCAL_STACK, PREFIX, REQUIRED, SCRATCH, MisconfiguredError, Settings, setting_names
from jobs import migrate
from jobs.errors import DarkroomError
from jobs.gearman import survey
from jobs.s3 import connect_s3, store_errors
from pipeline.scratch import check
from workers.sandbox import GRANTED, NAMES, Parts
from workers.stack import programs

ROOT = Path(__file__).resolve().parent.parent
GIB = 1 << 30

OLDEST_PYTHON = (3, 11)
MODULES = {  # what each distribution of setup.cfg's install_requires is imported as
    "gearman3": "gearman",
    "pillow": "PIL",
    "numpy": "numpy",
    "opencv-python-headless": "cv2",
    "boto3": "boto3",
    "psycopg2-binary": "psycopg2",
    "click": "click",
    "numba": "numba",
    "simplejpeg": "simplejpeg",
    "pillow-heif": "pillow_heif",
    "rich": "rich",
    "psutil": "psutil",
    "pyseccomp": "pyseccomp",
}
NAMESPACES = (
    "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, "
    "on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0), or the container its seccomp profile for unshare."
)
SANDBOX_REMEDIES = {
    "calls": "Install libseccomp (apt-get install libseccomp2) and run scripts/setup.",
    "pids": f"{NAMESPACES} A container must also leave /proc unmasked (Docker: systempaths=unconfined).",
    "processes": "Run the workers as a user of their own, not as root, or Linux 6.14 or newer.",
    "files": f"{NAMESPACES} It takes Linux 5.12 or newer.",
    "oom_score": "Let the service write to /proc/self/oom_score_adj.",
}  # the others': NAMESPACES
CONSEQUENCES = {  # by whether the sandbox is required
    False: "Renderers work without it, less well fenced in, unless DARKROOM_SANDBOX=required.",
    True: "No worker starts without it, because DARKROOM_SANDBOX=required.",
}
TRIAL_SECONDS = 60.0  # it takes less than one where nobody else wants the machine
VERSION_OPTIONS = {"ffmpeg": "-version", "weed": "version"}  # the others: --version
ENCODERS = frozenset({"aac", "libx264", "rawvideo"})  # of ffmpeg, for the standard ladder
FILTERS = frozenset(
    {
        *("bwdif", "format", "fps", "lutyuv", "overlay", "scale", "select", "setparams", "setpts", "setsar", "split"),
        *("tonemap", "tpad", "trim", "zscale"),
        *("aformat", "alimiter", "apad", "aresample", "asplit", "atrim", "ebur128", "volume"),
    }
)  # of ffmpeg, for any clip
RENDERER_BYTES = GIB  # of memory for one; each worker has one
CLIP_BYTES = 3 * GIB  # of disk for the largest, with what it comes to
OPEN_FILES = 1024
SKEW_SECONDS = 2.0  # S3 refuses requests from 15 minutes on; timings in logs mislead much earlier
PROBE_KEY = "doctor/probe"


class Verdict(StrEnum):
    """`warn`: it works, but less well or not everywhere."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was checked: what was found, and what to do about it unless it is well."""

    name: str
    verdict: Verdict
    found: str
    remedy: str | None = None


def check_all(settings: Settings | None, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Check this machine, and the servers if it is known where they are. Takes a few seconds.

    `environ` is where settings were looked for.
    """
    machine = [
        python(sys.version_info[:3]),
        *(package(name, pinned_versions()) for name in MODULES),
        *(program(name) for name in programs.INSTALL),
        ffmpeg("encoders", ENCODERS),
        ffmpeg("filters", FILTERS),
        *sandbox(required=settings is not None and settings.sandbox == REQUIRED),
        memory_files(),
        open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        disk(shutil.disk_usage(existing(LOCAL_STACK.parent)).free),
        scratch(Path(settings.scratch_dir if settings else SCRATCH), settings.scratch_reserve_bytes if settings else 0),
        memory(psutil.virtual_memory().available),
    ]
    return [*machine, *strange_settings(environ), *(servers(settings) if settings else [NOT_CONFIGURED])]


NOT_CONFIGURED = Finding(
    name="settings",
    verdict=Verdict.FAIL,
    found="it is not known where the servers are",
    remedy="Start the local stack with `darkroom up`, or set DARKROOM_DATABASE_URL and its like.",
)


def strange_settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables with our prefix that nobody reads, as mistyped ones."""
    known = setting_names()
    for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in known):
        nearest = get_close_matches(name, sorted(known), n=1)
        remedy = f"Perhaps {nearest[0]} was meant." if nearest else "Remove it, or look for its name in the README."
        yield judge(name, "no setting of this version: nobody reads it", warn=True, remedy=remedy)


def python(version: Sequence[int]) -> Finding:
    """Whether the interpreter is new enough."""
    return judge(
        "python",
        ".".join(map(str, version)),
        fail=tuple(version[:2]) < OLDEST_PYTHON,
        remedy="Install Python 3.11 or newer and run scripts/setup.",
    )


def package(name: str, pins: dict[str, str]) -> Finding:
    """Whether a dependency can be imported, in the version that was tested."""
    remedy = "Run scripts/setup."
    try:
        importlib.import_module(MODULES[name])
        version = metadata.version(name)
    except ImportError as error:  # PackageNotFoundError is one
        return Finding(name=name, verdict=Verdict.FAIL, found=f"cannot be imported: {error}", remedy=remedy)
    pin = pins.get(name, version)
    found = version if version == pin else f"{version}, tested with {pin}"
    return judge(name, found, warn=version != pin, remedy=remedy)


def pinned_versions() -> dict[str, str]:
    """The versions of the lock file; none where the application is installed without its checkout."""
    lock = ROOT / "requirements.lock"
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE)) if lock.exists() else {}


def program(name: str) -> Finding:
    """Whether a program is installed. Only the local stack needs the servers' own."""
    try:
        path = programs.find_postgres(name) if name in ("postgres", "initdb") else programs.find(name)
    except DarkroomError as missing:
        return Finding(
            name=name, verdict=Verdict.WARN, found=str(missing).partition(":")[0], remedy=programs.INSTALL[name]
        )
    said = subprocess.run([path, VERSION_OPTIONS.get(name, "--version")], capture_output=True, text=True, check=False)
    version = re.search(r"\d+\.[\w.+-]+", said.stdout)
    return judge(
        name,
        f"{version[0]} at {path}" if version else f"{path} does not tell its version: {said.stderr.strip()[-200:]}",
        fail=version is None,
        remedy=f"Install it again: {programs.INSTALL[name]}",
    )


def ffmpeg(what: str, needed: AbstractSet[str]) -> Finding:
    """Whether ffmpeg has the encoders or filters that clips take."""
    remedy = "Install an ffmpeg with libx264 and zimg, as Debian's is: apt-get install ffmpeg. Photos do without it."
    try:
        path = programs.find("ffmpeg")
    except DarkroomError as missing:
        return Finding(name=f"ffmpeg {what}", verdict=Verdict.WARN, found=str(missing), remedy=remedy)
    said = subprocess.run([path, "-hide_banner", f"-{what}"], capture_output=True, text=True, check=False).stdout
    lacking = sorted(needed - {words[1] for words in map(str.split, said.splitlines()) if len(words) > 1})
    found = f"lacks {', '.join(lacking)}" if lacking else f"all {len(needed)} that clips take"
    return judge(f"ffmpeg {what}", found, warn=bool(lacking), remedy=remedy)


def scratch(directory: Path, reserve_bytes: int) -> Finding:
    """Whether there is room for clips while they are worked on, and nobody else may write there."""
    remedy = "Make room, or name a folder of this user's own on another disk in DARKROOM_SCRATCH_DIR."
    try:
        check(directory)
    except MisconfiguredError as error:
        return judge("scratch space", str(error), fail=True, remedy=remedy)
    free_bytes = shutil.disk_usage(existing(directory)).free
    return judge(
        "scratch space",
        f"{free_bytes / GIB:.1f} GiB at {directory}, of which {reserve_bytes / GIB:.1f} GiB stay free",
        fail=free_bytes < reserve_bytes,
        warn=free_bytes < reserve_bytes + CLIP_BYTES,
        remedy=remedy,
    )


def sandbox(*, required: bool = False) -> Iterator[Finding]:
    """Which parts of the hands' confinement this machine grants; tried in a process that does not come back.

    `required`: whether no worker starts without all of them.
    """
    parts, said = tried_sandbox()
    for name in NAMES:
        word = parts.get(name, f"could not be tried: {said}")
        missing = word != GRANTED
        yield judge(
            f"sandbox: {name}",
            f"lacking: {word}" if missing else word,
            fail=missing and required,
            warn=missing,
            remedy=f"{SANDBOX_REMEDIES.get(name, NAMESPACES)} {CONSEQUENCES[required]}",
        )


def tried_sandbox() -> tuple[Parts, str]:
    """What came of each part, and the last that was said where it did not come to that."""
    with tempfile.TemporaryDirectory(prefix="darkroom-doctor-") as folder:
        command = [sys.executable, "-m", "workers.sandbox.trial", folder]
        try:
            tried = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TRIAL_SECONDS
            )
        except subprocess.TimeoutExpired:
            return {}, f"no answer within {TRIAL_SECONDS:g} s"
    return json.loads(tried.stdout or "{}"), tried.stderr.strip()[-200:]


def memory_files() -> Finding:
    """Whether photos can pass between processes in anonymous memory files."""
    try:
        os.close(os.memfd_create("doctor"))
    except OSError as error:
        return judge("memory files", f"memfd_create: {error}", fail=True, remedy="Run on Linux 3.17 or newer.")
    return judge("memory files", "memfd_create works")


def open_files(limit: int) -> Finding:
    """Whether a worker may hold enough files and connections."""
    return judge(
        "open files",
        "no limit" if limit == resource.RLIM_INFINITY else f"at most {limit}",
        warn=limit != resource.RLIM_INFINITY and limit < OPEN_FILES,
        remedy=f"Raise it to {OPEN_FILES}: ulimit -n {OPEN_FILES}, or LimitNOFILE= in the service's unit.",
    )


def disk(free_bytes: int) -> Finding:
    """Whether the local stack has room."""
    return judge(
        "free disk space",
        f"{free_bytes / GIB:.1f} GiB for {LOCAL_STACK.parent}",
        fail=free_bytes < GIB // 2,
        warn=free_bytes < 4 * GIB,
        remedy="Make room: the local stack keeps every original and rendition there.",
    )


def memory(available_bytes: int) -> Finding:
    """Whether there is memory for a worker with its renderer."""
    return judge(
        "available memory",
        f"{available_bytes / GIB:.1f} GiB, enough for {available_bytes // RENDERER_BYTES} workers",
        fail=available_bytes < RENDERER_BYTES // 2,
        warn=available_bytes < RENDERER_BYTES,
        remedy="Run fewer workers, or end something else.",
    )


def servers(settings: Settings) -> Iterator[Finding]:
    """Whether each server of the settings does what a worker asks of it."""
    for address in settings.gearman_servers:
        yield attempt(f"gearman {address}", partial(job_server, address, settings))
    reached = attempt("postgresql", partial(database, settings))
    yield reached
    if reached.verdict is Verdict.OK:
        yield attempt("clock", lambda: clock(clock_skew_seconds(settings)))
        yield attempt("migrations", lambda: migrations(migrate.status(settings.database_url)))
    yield attempt(f"bucket {settings.s3_bucket}", partial(bucket, settings))


def job_server(address: str, settings: Settings) -> Finding:
    """Whether a job server answers."""
    answer = survey(address, settings.connect_timeout_seconds)
    workers = f"{len(answer.workers)} workers connected"
    return judge(f"gearman {address}", f"{answer.version}, {workers}")


def database(settings: Settings) -> Finding:
    """Whether the application's role gets through to PostgreSQL."""
    return judge("postgresql", f"{ask(settings, 'SHOW server_version')} through {host(settings)}")


def clock_skew_seconds(settings: Settings) -> float:
    """How far this machine's clock is ahead of the database's, to within the time of a query."""
    before = time.time()
    theirs = float(str(ask(settings, "SELECT extract(epoch FROM clock_timestamp())")))
    return (before + time.time()) / 2 - theirs


def clock(skew_seconds: float) -> Finding:
    """Whether the two clocks agree. Leases do not mind: they live by the database's alone."""
    return judge(
        "clock",
        f"{abs(skew_seconds):.2f} s {'ahead of' if skew_seconds > 0 else 'behind'} the database's",
        warn=abs(skew_seconds) > SKEW_SECONDS,
        remedy="Set both machines' clocks by NTP.",
    )


def migrations(steps: Sequence[migrate.Step]) -> Finding:
    """Whether the database has every migration of this version."""
    pending = [step.name for step in steps if step.applied_at is None]
    return judge(
        "migrations",
        f"pending: {', '.join(pending)}" if pending else f"all {len(steps)} applied",
        fail=bool(pending),
        remedy="Run `darkroom db migrate`.",
    )


def bucket(settings: Settings) -> Finding:
    """Whether objects can be written and deleted."""
    s3 = connect_s3(settings)
    with store_errors(f"writing {PROBE_KEY}"):
        s3.put_object(Bucket=settings.s3_bucket, Key=PROBE_KEY, Body=b"", ContentType="text/plain")
        s3.delete_object(Bucket=settings.s3_bucket, Key=PROBE_KEY)
    return judge(f"bucket {settings.s3_bucket}", f"writable at {settings.s3_endpoint or 'AWS'}")


def attempt(name: str, check: Callable[[], Finding]) -> Finding:
    """A check's finding, or that the server failed it; our errors' messages say what to do."""
    try:
        return check()
    except (DarkroomError, psycopg2.Error, OSError) as error:
        remedy = "Start it (`darkroom up` for the local stack), or correct its address in the settings."
        return Finding(name=name, verdict=Verdict.FAIL, found=" ".join(str(error).split()), remedy=remedy)


def judge(name: str, found: str, *, fail: bool = False, warn: bool = False, remedy: str | None = None) -> Finding:
    """A finding with the worst verdict that holds; the remedy goes with a bad one only."""
    verdict = Verdict.FAIL if fail else Verdict.WARN if warn else Verdict.OK
    return Finding(name=name, verdict=verdict, found=found, remedy=None if verdict is Verdict.OK else remedy)


def ask(settings: Settings, query: str) -> object:
    """One value from the database, as the application reaches it."""
    patience = max(2, round(settings.connect_timeout_seconds))
    with (
        closing(psycopg2.connect(settings.database_url, connect_timeout=patience)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query)
        row = cursor.fetchone()
        return row[0] if row else None


def host(settings: Settings) -> str:
    """Host and port of the database's address, without its password."""
    address = parse_dsn(settings.database_url)
    return f"{address.get('host', 'the local socket')}:{address.get('port', 5432)}"


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return folder if folder.exists() else existing(folder.parent)
