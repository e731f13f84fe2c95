"""The only place that starts ffmpeg or ffprobe, each confined, and that says what its end means."""

import contextlib
import ctypes
import io
import re
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from config import Limits
from jobs.errors import DiskShort, InternalError, Rejected, Unavailable
from jobs.job import Crash
from pipeline.clip.decoders import DECODERS
from pipeline.signals import signal_name

Report = Callable[[float], None]

FFMPEG, FFPROBE = "ffmpeg", "ffprobe"
QUIET = ("-hide_banner", "-nostdin", "-nostats", "-y")
PROBE_BYTES, PROBE_MICROSECONDS = 20_000_000, 10_000_000
AS_BROWSERS = ("-max_fps", "99", "-default_fps", "10")  # of an APNG: a picture of up to 10 ms is shown for 100
OPEN_FILES = 64
TAIL_BYTES = 4_000  # of what it said last
ANSWER_BYTES = 256 << 20  # the most that `capture` takes
PR_SET_PDEATHSIG = 1  # prctl.h
BLOCK = 128  # pixels each way, the largest of AV1; what is coded is filled up to whole ones
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}

_libc = ctypes.CDLL(None, use_errno=True)


class EncoderDied(Unavailable):
    """ffmpeg was killed by a signal or a limit; the message says which."""

    code = "encoder_died"
    attempts = 3  # a file that kills three will kill a fourth
    crash: Crash | None = None  # as of jobs.errors.HandsDied; the head adds it


class OutOfMemory(EncoderDied):
    """It asked for more memory than it may have."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a run came to: frames of its first video, seconds of its longest stream, and what it said last."""

    frames: int
    seconds: float
    said: str


def safe_input(demuxer: str, limits: Limits) -> list[str]:
    """The options in front of an original's `-i`: this one container, this one file, and nothing that it refers to."""
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", demuxer, "-codec_whitelist", ",".join(DECODERS)),
        *("-max_pixels", str(most_pixels(limits)), "-max_streams", str(limits.clip_streams)),
        *("-max_alloc", str(limits.clip_alloc_bytes), "-threads", "1"),
        *("-probesize", str(PROBE_BYTES), "-analyzeduration", str(PROBE_MICROSECONDS)),
        *(AS_BROWSERS if demuxer == "apng" else ()),
        *("-f", demuxer),
    ]


def most_pixels(limits: Limits) -> int:
    """The pixels of the largest frame as it is coded, in whole blocks; its sides are for `probe` to check."""
    long, short = (-(-side // BLOCK) * BLOCK for side in (limits.clip_long_side, limits.clip_short_side))
    return long * short


def run(
    arguments: Sequence[str],
    limits: Limits,
    *,
    folder: Path,
    seconds: float | None = None,
    report: Report | None = None,
) -> Done:
    """Run ffmpeg to its end, in `folder`. `report` is told the share (0 to 1) that is done of `seconds`.

    Raises:
        Rejected: `corrupt_media`, with ffmpeg's last words; `too_many_bytes` of a file beyond its limit.
        EncoderDied: it was killed, or ran out of memory or time.
        DiskShort: it could not write.
        InternalError: it did not understand us.
    """
    command = [FFMPEG, *QUIET, "-progress", "pipe:1", "-stats_period", "0.5", *arguments]
    with start(command, limits, folder=folder, stdout=subprocess.PIPE) as process:
        frames, made = 0, 0.0
        for name, value in read_progress(process.stdout):
            if name == "frame":
                frames = int(value)
            elif name == "out_time_us" and value.lstrip("-").isdigit():
                made = max(made, int(value) / 1e6)
                if report and seconds:
                    report(min(1.0, made / seconds))
        process.finish()
    return Done(frames=frames, seconds=made, said=process.said)


def capture(arguments: Sequence[str], limits: Limits, *, folder: Path, program: str = FFMPEG) -> bytes:
    """What ffmpeg or ffprobe writes to its standard output. Raises what `run` raises."""
    command = [FFMPEG, *QUIET, *arguments] if program == FFMPEG else [program, "-hide_banner", *arguments]
    with start(command, limits, folder=folder, stdout=subprocess.PIPE) as process:
        answer = process.stdout.read(ANSWER_BYTES)
        if len(answer) == ANSWER_BYTES:
            raise Rejected("corrupt_media", "This clip has more parts than a clip of the longest kind.")
        process.finish()
    return answer


def decoder(arguments: Sequence[str], limits: Limits, *, folder: Path) -> "Process":
    """A running ffmpeg whose standard output is to be read."""
    return start([FFMPEG, *QUIET, *arguments], limits, folder=folder, stdout=subprocess.PIPE)


def encoder(arguments: Sequence[str], limits: Limits, *, folder: Path) -> "Process":
    """A running ffmpeg whose standard input is to be written."""
    command = [FFMPEG, *(option for option in QUIET if option != "-nostdin"), *arguments]
    return start(command, limits, folder=folder, stdin=subprocess.PIPE)


def start(
    command: Sequence[str],
    limits: Limits,
    *,
    folder: Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> "Process":
    """A running program of ffmpeg's, confined: it dies with us, and its memory, files and time are bounded."""
    return Process(
        subprocess.Popen(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: confine(limits),  # noqa: PLW1509 - no thread of ours holds a lock that it takes
        ),
        folder,
        limits.clip_wall_seconds,
    )


class Process:
    """A started ffmpeg. Leaving its context kills it, whatever it was doing."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path, wall_seconds: float) -> None:
        self._process, self._folder, self._wall_seconds = process, folder, wall_seconds
        self.stdin: IO[bytes] = process.stdin or io.BytesIO()  # empty where none was asked for
        self.stdout: IO[bytes] = process.stdout or io.BytesIO()
        self._stderr: IO[bytes] = process.stderr or io.BytesIO()
        self._tail = bytearray()
        self._listener = threading.Thread(target=self._listen, daemon=True)  # an unread pipe would stop it
        self._listener.start()
        self._overdue = threading.Event()
        self._clock = threading.Timer(wall_seconds, self._end)
        self._clock.daemon = True
        self._clock.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clock.cancel()
        self._process.kill()
        for pipe in (self.stdin, self.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()
        self._listener.join()

    @property
    def said(self) -> str:
        """The last of what it said, without the names of folders."""
        return bytes(self._tail).decode(errors="replace").replace(f"{self._folder}/", "").strip()

    def finish(self) -> None:
        """Wait for its end. Raises what `run` raises."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        status = self._process.wait()
        self._listener.join()
        if self._overdue.is_set():
            raise EncoderDied(f"wall limit of {self._wall_seconds:g} s")
        ended = what_ended_it(status, self.said)
        if ended:
            raise ended

    def _end(self) -> None:
        self._overdue.set()
        self._process.kill()

    def _listen(self) -> None:
        with self._stderr as stream:
            while piece := stream.read1(65_536):  # type: ignore[attr-defined]  # it is a BufferedReader
                self._tail += piece
                del self._tail[:-TAIL_BYTES]


def read_progress(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Names and values of what `-progress` writes."""
    for line in lines:
        name, _, value = line.decode(errors="replace").strip().partition("=")
        yield name, value.strip()


UNKNOWN_CODEC = re.compile(r"Codec \(([\w-]+)\) not on whitelist")
REFUSALS = (
    ("moov atom not found", "truncated_clip", "This clip breaks off before its index: it was not recorded to its end."),
    ("exceeds max_streams", "too_many_streams", "This clip has more streams than are taken."),
    ("exceeds specified max pixel count", "too_many_pixels", "This clip has larger pictures than are taken."),
)  # ffmpeg's words, our code and ours
OURS = ("Unrecognized option", "No such filter", "Unknown encoder", "Option not found", "Error parsing option")
NO_ROOM = ("No space left on device", "Disk quota exceeded")
NO_MEMORY = ("Cannot allocate memory", "malloc of size", "Out of memory")
EMPTY_WORDS = ("Conversion failed!", "Error while processing the decoded data", "  ")  # indented: of a summary
INTERRUPTED = 255  # ffmpeg's own status after SIGXCPU, SIGTERM or SIGINT


def what_ended_it(status: int, said: str) -> Rejected | Unavailable | None:
    """The error that stands for an exit status (negative: the signal) and ffmpeg's last words; None for a good end.

    A limit that ffmpeg kept may have cost it a stream, and it ends well nevertheless.
    """
    for words, code, reason in REFUSALS:  # before memory: ffmpeg calls too many streams a lack of it
        if words in said:
            return Rejected(code, reason)
    stranger = UNKNOWN_CODEC.search(said)
    if status and stranger:
        return Rejected("unknown_codec", f"This clip is coded as {stranger[1]}, which no phone or browser writes.")
    return what_failed(status, said) if status else None


def what_failed(status: int, said: str) -> Rejected | Unavailable:
    """The error that stands for a bad end."""
    if status == -signal.SIGXFSZ:
        return Rejected("too_many_bytes", "What is made of this clip is larger than a file may be.")
    if any(sign in said for sign in NO_ROOM):
        return DiskShort(f"There is no room for what is made of the clip: {last_words(said)}")
    if any(sign in said for sign in NO_MEMORY):
        return OutOfMemory(f"memory limit: {last_words(said)}")
    if status < 0 or status == INTERRUPTED:
        return EncoderDied(f"{name_of(status)}: {last_words(said)}")
    if any(sign in said for sign in OURS):
        return InternalError(f"ffmpeg did not understand what it was asked: {last_words(said)}")
    return Rejected("corrupt_media", f"This clip cannot be decoded: {last_words(said)}")


def name_of(status: int) -> str:
    """An exit status in words."""
    return signal_name(-status) if status < 0 else "interrupted, perhaps by its CPU limit"


def last_words(said: str) -> str:
    """The last line that says something, without addresses in memory."""
    lines = [line for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(EMPTY_WORDS) and "Summary:" not in line] or lines
    return re.sub(r" @ 0x[0-9a-f]+", "", telling[-1])[:300] if telling else "it said nothing"


def confine(limits: Limits) -> None:
    """Bound this process, which is about to become ffmpeg, and have it die with its parent."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    bound(resource.RLIMIT_AS, limits.clip_memory_bytes)
    bound(resource.RLIMIT_FSIZE, limits.clip_file_bytes)
    bound(resource.RLIMIT_CPU, limits.clip_cpu_seconds)
    bound(resource.RLIMIT_NOFILE, OPEN_FILES)
    bound(resource.RLIMIT_CORE, 0)


def bound(kind: int, value: int) -> None:
    """Set a limit, within what this process was left."""
    _, hard = resource.getrlimit(kind)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, allowed))
