"""What is asked for twice, what is done by two at once, and the photo that kills whoever looks at it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import quantiles

from jobs.gearman import Dispatcher
from jobs.job import JobState
from scripts.faulting.books import asking, read_rows
from scripts.faulting.frontend import DEAD, Acknowledged, small_photo
from scripts.faulting.hosts import ENOUGH_BYTES, large_photo
from scripts.faulting.lab import Lab
from scripts.faulting.model import BrokenPromiseError, Fault
from scripts.faulting.programs import wait_for

GROUP = "duplicates"
WORKERS = 3  # two may be without hands at once: the next attempt comes while the last one's worker starts new ones
OTHERS = 150  # photos, of which one may be slower than their p99
BETWEEN_SECONDS = 0.15  # two of them: one worker keeps up alone, else the queue is measured and not the poison
SLOWER = 2.0  # times their usual p99, that others may take beside a poisonous photo
ANYWAY_SECONDS = 1.0  # of p99 that nobody minds: twice the few hundredths of an idle machine is noise on a busy one
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
    lab.staff(photo=WORKERS, environment={"DARKROOM_LIMIT_PHOTO_MEMORY_BYTES": str(ENOUGH_BYTES)})
    usual = p99_seconds(lab, arrive(lab))
    poisoned = lab.frontend.submit(lab.frontend.upload(large_photo(lab.dice)), DEAD)
    lab.strike()
    others = p99_seconds(lab, arrive(lab))
    status = lab.frontend.client.wait(poisoned.receipt.job_id, DEAD_SECONDS)
    if (status.state, status.attempts) != (JobState.DEAD, ATTEMPTS):
        raise BrokenPromiseError(f"a poisonous photo was {status.state} after {status.attempts} attempts")
    if others > lab.patience * max(SLOWER * usual, ANYWAY_SECONDS):
        raise BrokenPromiseError(f"beside a poisonous photo, others' p99 was {others:.2f} s, and without {usual:.2f} s")


def arrive(lab: Lab) -> list[Acknowledged]:
    """Photos one after another, at a pace that one worker keeps up with."""
    answered = []
    for _ in range(OTHERS):
        answered.append(lab.photo())
        time.sleep(BETWEEN_SECONDS)
    return answered


def p99_seconds(lab: Lab, answered: Sequence[Acknowledged]) -> float:
    """The 99th percentile of these jobs' times, from submit to end by the ledger's clock."""
    lab.settle(STEP_SECONDS)
    with asking(lab.stack) as ask:
        jobs = read_rows(ask, [one.receipt.job_id for one in answered], ()).jobs
    times = [(job.finished_at - job.submitted_at).total_seconds() for job in jobs if job.finished_at]
    return quantiles(times, n=100)[-1]


FAULTS = (
    Fault(name="fifty tickets of one job", group=GROUP, run=many_tickets, short=True),
    Fault(name="two workers on one job", group=GROUP, run=two_workers),
    Fault(name="same key while running", group=GROUP, run=same_key),
    Fault(name="poisonous photo", group=GROUP, run=poison, photos=0),
)
