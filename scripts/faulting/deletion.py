"""Media that are deleted while a worker is at them: what it goes on to make is thrown away, and every byte removed.

The worker is waited for before anybody looks: what it still puts comes after the first removal.
"""

from functools import partial

from jobs.job import JobState
from jobs.s3 import connect_s3
from scripts.faulting.books import MADE
from scripts.faulting.frontend import Acknowledged, small_photo
from scripts.faulting.lab import Lab
from scripts.faulting.model import BrokenPromiseError, Fault
from scripts.faulting.programs import Program, wait_for

GROUP = "deletion"
STEPS = ("after_claim", "after_fetch", "after_put", "before_publish")  # at which the worker waits for some seconds
REMOVED_SECONDS = 30.0
TIMES = 3
LEASE_SECONDS = 5.0  # after which what a worker put meanwhile is removed once more
LATE_SECONDS = 60.0  # within which that is done, on a machine that is busy
CANCELLED = frozenset({JobState.CANCELLED})
ENDS = ("job.dropped", "job.rejected", "job.queued", "job.dead", "job.done")  # of an attempt, in a worker's log


def delete_at(lab: Lab, step: str) -> None:
    """Delete media whose worker has come to a step, and waits there for two seconds."""
    pool = lab.staff(environment={"DARKROOM_LEASE_SECONDS": f"{LEASE_SECONDS:g}"})
    for _ in range(TIMES):
        shot = lab.shots(step, "delay") / "shot"
        shot.touch()
        answered = lab.frontend.submit(lab.frontend.upload(small_photo(lab.dice)), CANCELLED)
        wait_for(lambda shot=shot: not shot.exists(), REMOVED_SECONDS, f"a worker at {step}")  # type: ignore[misc]
        lab.frontend.client.delete_media(answered.receipt.media_id)
        lab.strike()
        check_deleted(lab, answered, pool)


def check_deleted(lab: Lab, answered: Acknowledged, pool: Program) -> None:
    """Wait until nothing of a media can be fetched, nor will be. Raises BrokenPromiseError."""
    client, media_id, job_id = lab.frontend.client, answered.receipt.media_id, answered.receipt.job_id
    wait_for(lambda: has_ended(pool, job_id), REMOVED_SECONDS, "the end of the worker's attempt")
    wait_for(lambda: is_told(lab, media_id), REMOVED_SECONDS, "the event of the deletion")
    wait_for(lambda: not stored(lab, answered.source_key), LATE_SECONDS, "the original's removal")
    wait_for(lambda: not stored(lab, f"{MADE}{media_id}/"), LATE_SECONDS, "the removal of what was put after it")
    states = client.status(job_id).state, client.media(media_id).state
    if states != (JobState.CANCELLED, "deleted"):
        raise BrokenPromiseError(
            f"job and media are {' and '.join(states)} after a deletion, not cancelled and deleted"
        )


def has_ended(pool: Program, job_id: int) -> bool:
    """Whether a worker has said that its attempt at the job is over: it puts nothing more."""
    return any(int(line["job_id"]) == job_id for name in ENDS for line in pool.events(name))


def is_told(lab: Lab, media_id: int) -> bool:
    """Whether the social layer has heard that the media is gone."""
    events = list(lab.receiver.events)
    return any(event["topic"] == "media.deleted" and int(event["media_id"]) == media_id for event in events)


def stored(lab: Lab, prefix: str) -> list[str]:
    """The keys that begin so: what is not among them, nobody can fetch."""
    settings = lab.stack.settings
    found = connect_s3(settings).list_objects_v2(Bucket=settings.s3_bucket, Prefix=prefix)
    return [entry["Key"] for entry in found.get("Contents", ())]


FAULTS = tuple(
    Fault(name=f"deleted {step.replace('_', ' ')}", group=GROUP, run=partial(delete_at, step=step), photos=0)
    for step in STEPS
)
