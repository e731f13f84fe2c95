"""Media that are deleted while a worker is at them: what it goes on to make is thrown away, and every byte removed."""

from functools import partial

from jobs.job import JobState, Receipt
from jobs.s3 import connect_s3
from scripts.faulting.books import MADE
from scripts.faulting.frontend import OWNER, small_photo
from scripts.faulting.lab import Lab
from scripts.faulting.model import BrokenPromiseError, Fault
from scripts.faulting.programs import wait_for

GROUP = "deletion"
STEPS = ("after_claim", "after_fetch", "after_put", "before_publish")  # at which the worker waits for some seconds
REMOVED_SECONDS = 30.0
TIMES = 3


def delete_at(lab: Lab, step: str) -> None:
    """Delete media whose worker has come to a step."""
    lab.staff()
    for _ in range(TIMES):
        shot = lab.shots(step, "delay") / "shot"
        shot.touch()
        source_key = lab.frontend.upload(small_photo(lab.dice))
        receipt = lab.frontend.client.submit(OWNER, source_key)
        wait_for(lambda shot=shot: not shot.exists(), REMOVED_SECONDS, f"a worker at {step}")  # type: ignore[misc]
        lab.frontend.client.delete_media(receipt.media_id)
        lab.strike()
        check_deleted(lab, receipt, source_key)


def check_deleted(lab: Lab, receipt: Receipt, source_key: str) -> None:
    """Wait until nothing of a media can be fetched. Raises BrokenPromiseError."""
    client, media_id = lab.frontend.client, receipt.media_id
    wait_for(lambda: is_told(lab, media_id), REMOVED_SECONDS, "the event of the deletion")
    wait_for(lambda: not stored(lab, f"{MADE}{media_id}/"), REMOVED_SECONDS, "the renditions' removal")
    wait_for(lambda: not stored(lab, source_key), REMOVED_SECONDS, "the original's removal")
    states = client.status(receipt.job_id).state, client.media(media_id).state
    if states != (JobState.CANCELLED, "deleted"):
        raise BrokenPromiseError(
            f"job and media are {' and '.join(states)} after a deletion, not cancelled and deleted"
        )


def is_told(lab: Lab, media_id: int) -> bool:
    """Whether the social layer has heard that the media is gone."""
    events = list(lab.receiver.events)
    return any(event["topic"] == "media.deleted" and int(event["media_id"]) == media_id for event in events)


def stored(lab: Lab, prefix: str) -> list[str]:
    """The keys that begin so."""
    settings = lab.stack.settings
    found = connect_s3(settings).list_objects_v2(Bucket=settings.s3_bucket, Prefix=prefix)
    return [entry["Key"] for entry in found.get("Contents", ())]


FAULTS = tuple(
    Fault(name=f"deleted {step.replace('_', ' ')}", group=GROUP, run=partial(delete_at, step=step), photos=0)
    for step in STEPS
)
