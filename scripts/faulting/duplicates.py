"""What is asked for twice, what is done by two at once, and the photo that kills whoever looks at it."""

from dataclasses import replace

from jobs.gearman import Dispatcher
from jobs.job import JobState
from scripts.faulting.frontend import DEAD, Acknowledged, small_photo
from scripts.faulting.hosts import ENOUGH_BYTES, large_photo
from scripts.faulting.lab import Lab
from scripts.faulting.model import BrokenPromiseError, Fault
from scripts.faulting.programs import wait_for

GROUP = "duplicates"
TICKETS = 50
STEP_SECONDS = 30.0
DEAD_SECONDS = 60.0
WARMTH = {"adjustments": {"warmth": 40}}
ATTEMPTS = 3  # that a poisonous photo has


def send_again(lab: Lab, answered: Acknowledged, first: int, times: int) -> None:
    """Send a job's ticket again, each time as another attempt's: the same one gearmand would fold."""
    tickets = [replace(answered.receipt.ticket, attempt=first + number) for number in range(times)]
    Dispatcher(lab.stack.settings.gearman_servers, 3.0).send(tickets)


def many_tickets(lab: Lab) -> None:
    """Send fifty tickets of one job, while it waits, while it runs and when it is done."""
    lab.staff()
    for _ in range(3):
        answered = lab.photo()
        send_again(lab, answered, 0, TICKETS)
        lab.strike()
    lab.settle(STEP_SECONDS)
    send_again(lab, answered, TICKETS, TICKETS)


def two_workers(lab: Lab) -> None:
    """Bring a job that a worker is at to a second one."""
    lab.staff()
    for step in ("after_claim", "before_publish"):
        shot = lab.shots(step, "delay") / "shot"
        shot.touch()
        answered = lab.photo()
        wait_for(lambda shot=shot: not shot.exists(), STEP_SECONDS, f"a worker at {step}")  # type: ignore[misc]
        send_again(lab, answered, 1, 2)
        lab.strike()


def same_key(lab: Lab) -> None:
    """Submit a key again while its job runs, and another order of its media: that one must not be swallowed."""
    lab.staff()
    source_key = lab.frontend.upload(small_photo(lab.dice))
    (lab.shots("before_publish", "delay") / "shot").touch()
    key = lab.dice.randbytes(8).hex()
    first = lab.frontend.submit(source_key, key=key)
    again = lab.frontend.submit(source_key, key=key)
    media_id = first.receipt.media_id
    later = lab.frontend.submit(source_key, key=f"{key} again", media_id=media_id, recipe=WARMTH)
    lab.strike()
    lab.settle(STEP_SECONDS)
    media = lab.frontend.client.media(media_id)
    if again.receipt.job_id != first.receipt.job_id or later.receipt.job_id == first.receipt.job_id:
        raise BrokenPromiseError("the same key was another job, or another key the same")
    if media.recipe != WARMTH:
        raise BrokenPromiseError(f"what was asked for last is not shown: {media.recipe}")


def poison(lab: Lab) -> None:
    """Submit a photo that ends every renderer; it must be dead after three, and the others not wait for it."""
    lab.staff(environment={"DARKROOM_LIMIT_PHOTO_MEMORY_BYTES": str(ENOUGH_BYTES)})
    poisoned = lab.frontend.submit(lab.frontend.upload(large_photo(lab.dice)), DEAD)
    lab.strike()
    status = lab.frontend.client.wait(poisoned.receipt.job_id, DEAD_SECONDS)
    if (status.state, status.attempts) != (JobState.DEAD, ATTEMPTS):
        raise BrokenPromiseError(f"a poisonous photo was {status.state} after {status.attempts} attempts")


FAULTS = (
    Fault(name="fifty tickets of one job", group=GROUP, run=many_tickets, short=True),
    Fault(name="two workers on one job", group=GROUP, run=two_workers),
    Fault(name="same key while running", group=GROUP, run=same_key),
    Fault(name="poisonous photo", group=GROUP, run=poison, photos=40),
)
