"""A folder of files, hostile ones perhaps, each put through the sandboxed pipeline: what became of it and what it cost.

Every file goes the way that it goes in production, from telling a photo from a clip to the verified renditions, in real
hands with the default settings. Where strace is installed the hands run under it, and every file and address that they
ask for is held against those that are theirs.
"""

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from config import Limits, Settings
from jobs.errors import DarkroomError, Rejected
from jobs.job import CLIP
from pipeline.clip.sniff import HEAD_BYTES
from pipeline.scratch import ORIGINAL, OUT, Scratch
from pipeline.services import ClipRequest, Edits
from scripts.darkroom.kind import told_function
from scripts.darkroom.spent import peak_memory
from workers.child import RENDERER, ROOT
from workers.clip_child import CLIP_RENDERER
from workers.clip_wire import LOOK
from workers.hands import ClipHands, Options, PhotoHands

LADDER = "standard"
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-ttt", "-y", "-s", "4096")
WATCHED = "trace=open,openat,openat2,creat,socket,connect,bind,sendto"
OPENED = re.compile(r'\d+ +(?P<at>[\d.]+) (?:open|creat|openat2?)\((?:[^<"]+<(?P<folder>[^>]*)>, )?"(?P<name>[^"]*)"')
TRACED = re.compile(r"(?P<process>\d+) +(?P<at>\d+\.\d+) ")  # the beginning of each call; one may go on in a line more
OF_PROCESS = re.compile(r"/proc/(\d+)/")
ASKED_NETWORK = re.compile(r"\d+ +(?P<at>[\d.]+) (?:socket|connect|bind|sendto)\(.*AF_(?:INET|NETLINK|PACKET|UNIX)")
CONTENT_NAMED = re.compile(r"[0-9a-f]{32}\.\w+")
CREATING = ("O_CREAT", "creat(")
SYSTEM = (
    *("/usr/", "/lib/", "/lib64/", "/etc/ld.so.", "/etc/localtime", "/etc/gcrypt/", "/sys/devices/system/"),
    *("/proc/self/", "/proc/stat", "/proc/meminfo", "/proc/cpuinfo", "/proc/filesystems", "/proc/sys/"),
    *("/dev/null", "/dev/urandom", "/dev/random", "/memfd:"),
    *(f"{prefix}/" for prefix in (sys.prefix, sys.base_prefix)),
    *(f"{ROOT}/{folder}/" for folder in ("config", "filters", "jobs", "pipeline", "workers")),
)  # libraries, and what the C library and Python look at by themselves


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What became of a file: `accepted`, `rejected` with a code, or `died`, whatever it was that ended.

    What was opened and asked for beyond its own is counted, and None where it cannot be: `unmeasured` says why.
    """

    file: str
    function: str
    verdict: str
    code: str | None
    reason: str | None
    seconds: float
    peak_memory_mb: float  # of the hands and the programs that they started, together
    foreign_opens: int | None
    network_asked: int | None
    foreign: tuple[str, ...] = ()
    unmeasured: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """The hands, and where clips lie meanwhile. `log` is strace's, None where there is none."""

    limits: Limits
    photos: PhotoHands
    clips: ClipHands
    scratch: Scratch
    log: Path | None


def judge_folder(folder: Path) -> list[dict[str, Any]]:
    """What became of every file of the folder, in the order of their names, as dictionaries of plain values."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    with opened_rooms(replace(Limits(), clip_niceness=1)) as rooms:  # nobody else is to be let past
        return [asdict(judge(file, rooms)) for file in files]


@contextmanager
def opened_rooms(limits: Limits) -> Iterator[Rooms]:
    """Hands as a worker has them, under strace if there is one."""
    with tempfile.TemporaryDirectory(prefix="darkroom-judged-") as made:
        log = Path(made, "trace") if shutil.which(STRACE[0]) else None
        tracer = (*STRACE, "-e", WATCHED, "-A", "-o", str(log)) if log else ()
        worn = Options(jobs=Settings.hands_jobs, memory_bytes=Settings.hands_memory_bytes)
        with Scratch.opened(Path(made, "scratch"), reserve_bytes=1) as scratch:
            photos = PhotoHands(limits, **worn, command=(*tracer, *RENDERER))
            clips = ClipHands(limits, scratch.folder, **worn, command=(*tracer, *CLIP_RENDERER))
            try:
                yield Rooms(limits=limits, photos=photos, clips=clips, scratch=scratch, log=log)
            finally:
                photos.close()
                clips.close()


def judge(file: Path, rooms: Rooms) -> Judgement:
    """What becomes of one file."""
    with file.open("rb") as opened:
        function = told_function(opened.read(HEAD_BYTES))
    if function == CLIP:
        rooms.clips.start()
        with rooms.scratch.job() as folder:
            return watched(file, function, rooms, lambda: render_clip(file, folder, rooms), folder)
    rooms.photos.start()
    return watched(file, function, rooms, lambda: render_photo(file, rooms))


def render_photo(file: Path, rooms: Rooms) -> None:
    """Raises what the flow of a photo raises."""
    check_bytes(file, rooms.limits.photo_bytes)
    rooms.photos.render(file.read_bytes(), LADDER, Edits(), lambda: None)


def render_clip(file: Path, folder: Path, rooms: Rooms) -> None:
    """Raises what the flow of a clip raises."""
    check_bytes(file, rooms.limits.clip_bytes)
    shutil.copyfile(file, folder / ORIGINAL)
    request = ClipRequest(folder=folder, ladder=LADDER, edits=Edits())
    rooms.clips.render(request, lambda _: None, lambda _=None: None)


def check_bytes(file: Path, most: int) -> None:
    """Raise Rejected `too_many_bytes`, as the store does while it reads."""
    if file.stat().st_size > most:
        raise Rejected("too_many_bytes", f"{file.name} has {file.stat().st_size} bytes; {most} are taken")


def watched(
    file: Path, function: str, rooms: Rooms, render: Callable[[], None], folder: Path | None = None
) -> Judgement:
    """Render, and see how it ended and what it took meanwhile."""
    began, ticking = time.time(), time.monotonic()
    with peak_memory() as peak:
        verdict, code, reason = ended(render)
    seconds = time.monotonic() - ticking
    lines = traced(rooms.log, began, time.time())
    foreign, asked = foreign_names(lines, folder, apart=peak.apart), asked_network(lines)
    return Judgement(
        file=file.name,
        function=function,
        verdict=verdict,
        code=code,
        reason=reason,
        seconds=round(seconds, 3),
        peak_memory_mb=round(peak.bytes / 1e6, 1),
        foreign_opens=len(foreign) if rooms.log else None,
        network_asked=len(asked) if rooms.log else None,
        foreign=(*foreign, *asked),
        unmeasured=None if rooms.log else "strace is not installed",
    )


def ended(render: Callable[[], None]) -> tuple[str, str | None, str | None]:
    """Verdict, code and reason of a render."""
    try:
        render()
    except Rejected as error:
        return "rejected", error.code, str(error)
    except DarkroomError as error:
        return "died", getattr(error, "code", type(error).__name__), str(error)
    return "accepted", None, None


def traced(log: Path | None, began: float, until: float) -> list[str]:
    """What strace wrote of this time, in seconds since 1970."""
    if log is None:
        return []
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if (call := TRACED.match(line)) and began <= float(call["at"]) <= until]


def foreign_names(lines: Sequence[str], folder: Path | None, *, apart: bool) -> list[str]:
    """The files that were asked for, there or not, and are neither the system's nor the job's own.

    Own are the original, what was made in the job's folder, and what the kernel tells of the hands' own processes;
    with `apart` it tells them of no others.
    """
    own = {os.path.join(folder, ORIGINAL)} if folder else set()  # noqa: PTH118 - names, perhaps of nothing
    own |= {f"{folder}/{name}" for name in (OUT, LOOK)}
    processes = {call["process"] for line in lines if (call := TRACED.match(line))}
    foreign = []
    for line in lines:
        opened = OPENED.match(line)
        if not opened:
            continue
        name = os.path.normpath(os.path.join(opened["folder"] or folder or "/", opened["name"]))  # noqa: PTH118
        if folder and name.startswith(f"{folder}/") and is_made(line, name, own):
            own.add(name)
        of_process = OF_PROCESS.match(name)
        of_own = of_process and (apart or of_process[1] in processes)
        if name not in own and not f"{name}/".startswith(SYSTEM) and not of_own:
            foreign.append(name)
    return foreign


def is_made(line: str, name: str, own: Collection[str]) -> bool:
    """Whether a file is made by this call, or was linked from what was made, by the name of its content, into `out`."""
    named = os.path.basename(os.path.dirname(name)) == OUT and CONTENT_NAMED.fullmatch(os.path.basename(name))  # noqa: PTH119, PTH120
    return name in own or any(sign in line for sign in CREATING) or bool(named)


def asked_network(lines: Iterable[str]) -> list[str]:
    """The system calls that asked for a network, or for another process's socket."""
    return [line for line in lines if ASKED_NETWORK.match(line)]
