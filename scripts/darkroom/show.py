"""How things look to a person (tables) and to a program (plain data)."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jobs.job import Attempt, JobState, JobStatus, Media

STATE_STYLES = {
    JobState.QUEUED: "yellow",
    JobState.RUNNING: "cyan",
    JobState.DONE: "green",
    JobState.REJECTED: "red",
    JobState.DEAD: "bold red",
    JobState.CANCELLED: "dim",
}

TABLE_WIDTH = 200  # characters
STAGES = (
    "fetch",
    "hands",
    "compile",
    "header",
    "probe",
    "listen",
    "poster",
    "transcode",
    "finish",
    "decode",
    "resample",
    "color",
    "encode",
    "placeholders",
    "verify",
    "store",
    "publish",
)


def console() -> Console:
    """Standard output for people. A table is as wide as it needs, so that an id or key can be copied whole."""
    screen = Console(highlight=False)
    screen.width = max(screen.width, TABLE_WIDTH)
    return screen


def size(count: int) -> str:
    """A number of bytes for people: 812 B, 94.1 kB, 3.2 MB."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def state(value: JobState) -> str:
    """A job's state in its colour."""
    return f"[{STATE_STYLES[value]}]{value}[/]"


def job_table(jobs: Sequence[JobStatus]) -> Table:
    """A line a job."""
    columns = ("job", "media", "owner", "function", "state", "attempts", "lane", "submitted", "took", "reason")
    table = Table(*columns, box=None)
    for job in jobs:
        table.add_row(
            str(job.job_id),
            str(job.media_id),
            str(job.owner_id),
            job.function,
            "  ".join(filter(None, (state(job.state), percent(job), time_left(job)))),
            str(job.attempts),
            job.lane,
            f"{job.submitted_at:%Y-%m-%d %H:%M:%S}",
            took(job),
            reason(job),
        )
    return table


def reason(ended: JobStatus | Attempt) -> str:
    """Why it did not go well, as rich's markup; empty if it did."""
    return escape(f"{ended.code}: {ended.reason}") if ended.code else ""


def percent(job: JobStatus) -> str:
    """How much of a running job is done, as far as it has told: 42 %."""
    return "" if job.progress is None else f"{int(100 * job.progress)} %"


def time_left(job: JobStatus) -> str:
    """How long a running job will take yet, as far as that is known: 12 s left, 3 min 20 s left."""
    return "" if job.eta_seconds is None else f"{duration(job.eta_seconds)} left"


def duration(seconds: float) -> str:
    """A time for people, in whole seconds: 12 s, 3 min 20 s, 1 h 5 min."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def took(job: JobStatus) -> str:
    """The milliseconds from submit to the end."""
    return f"{(job.finished_at - job.submitted_at).total_seconds() * 1000:,.0f} ms" if job.finished_at else ""


def rendition_table(media: Media) -> Table:
    """A line a rendition."""
    table = Table("rendition", "size", "bytes", "key", box=None)
    for rendition in media.renditions:
        table.add_row(rendition.name, f"{rendition.width} x {rendition.height}", size(rendition.bytes), rendition.key)
    return table


def clip_line(facts: Mapping[str, Any]) -> str:
    """What a clip is, in one line: 12.3 s, 29.97 frames/s, h264, aac at -18.2 LUFS, HDR (hlg), loops."""
    sound = f"{facts.get('audio_codec')}" if facts.get("has_sound") else "no sound"
    if facts.get("loudness_lufs") is not None:
        sound += f" at {facts['loudness_lufs']:.1f} LUFS"
    parts = (
        f"{facts['seconds']:.1f} s" if facts.get("seconds") else "",
        f"{facts['frames_per_second']:.4g} frames/s" if facts.get("frames_per_second") else "",
        str(facts.get("video_codec") or ""),
        sound,
        f"HDR ({facts['hdr']})" if facts.get("hdr") else "",
        "loops" if facts.get("loops") else "",
    )
    return ", ".join(filter(None, parts))


def attempt_table(attempts: Sequence[Attempt]) -> Table:
    """A line an attempt."""
    table = Table("attempt", "outcome", "worker", "wall", "reason", box=None)
    for attempt in attempts:
        wall = (attempt.ended_at - attempt.started_at).total_seconds() * 1000
        table.add_row(str(attempt.fence), attempt.outcome, escape(attempt.worker), f"{wall:,.0f} ms", reason(attempt))
    return table


def timing_table(timings: Mapping[str, float]) -> Table:
    """CPU and wall milliseconds, a line a stage, in the order of the flow, which the ledger's jsonb does not keep."""
    table = Table("stage", "CPU", "wall", box=None)
    for column in (1, 2):
        table.columns[column].justify = "right"
    stages = {name.rsplit("_", 2)[0] for name in timings if name.endswith("_ms")}
    for stage in sorted(stages, key=lambda name: STAGES.index(name) if name in STAGES else len(STAGES)):
        table.add_row(stage, *(_milliseconds(timings.get(f"{stage}_{clock}_ms")) for clock in ("cpu", "wall")))
    return table


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"
