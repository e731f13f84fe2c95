"""Every named step of a worker's way, at which it dies, stands still, fails, waits, or loses its hands."""

import time
from functools import partial

from jobs import failpoints
from scripts.faulting.frontend import small_photo
from scripts.faulting.lab import Lab
from scripts.faulting.model import KILLS, Fault

GROUP = "steps"
CLIP_STEPS = ("after_fetch", "mid_render", "after_put", "before_publish")
SHORT = ("after_fetch", "after_put", "after_publish")  # of kills, in the short form
STOP_SHORT = ("before_publish",)
BRISK_LEASE_SECONDS = 5.0  # so that a stop is over soon; one is run with the default of 15
LEASE_SECONDS = 15.0
BEYOND_SECONDS = 2.0  # the lease, for which a worker stays stopped
STALE_SECONDS = 1.0  # for which one that was resumed is left to its mistakes
ENDED_SECONDS = 30.0
WAITING = 8  # photos in the queue when a worker is killed: two workers' work for some tenths of a second


def kill(lab: Lab, step: str, *, clip: bool) -> None:
    """Kill workers at a step, a few one after another, with photos in the queue; each time the pool is whole again."""
    lab.staff(clip=int(clip))
    for _ in range(1 if clip else lab.dice.randint(1, 3)):
        waiting = [] if clip else [lab.frontend.upload(small_photo(lab.dice)) for _ in range(WAITING)]
        lab.shoot(step, "kill", clip=clip, waiting=waiting)
        time.sleep(lab.dice.uniform(0.1, 0.5))
        lab.wait_for_workers(2 + int(clip))


def kill_machine(lab: Lab) -> None:
    """Kill a whole pool with its workers at their jobs; another machine has them when their leases end."""
    pool = lab.staff()
    for step in ("mid_render", "after_put"):
        lab.shoot(step, "stop")
    pool.kill_all()
    lab.strike()
    lab.staff()


def stop(lab: Lab, step: str, *, clip: bool, lease_seconds: float) -> None:
    """Stop a worker at a step past its lease, have another do its job, and let it go on."""
    lab.staff(clip=2 * int(clip), environment={"DARKROOM_LEASE_SECONDS": f"{lease_seconds:g}"})
    lab.shoot(step, "stop", clip=clip)
    time.sleep(lease_seconds + BEYOND_SECONDS)
    if step != "after_post":  # a relay that stands still holds its events, and nobody overtakes it
        lab.settle(ENDED_SECONDS)
    lab.resume()
    time.sleep(STALE_SECONDS)


def happen(lab: Lab, step: str, action: str, *, clip: bool) -> None:
    """Have whatever else happen at a step, a few times; never so often that one job could have them all."""
    lab.staff(clip=int(clip))
    for _ in range(1 if clip else 2):
        lab.shoot(step, action, clip=clip)


def delay_everywhere(lab: Lab) -> None:
    """Have a worker wait at each step in turn."""
    lab.staff()
    for step in lab.dice.sample(failpoints.STEPS, k=len(failpoints.STEPS)):
        lab.shoot(step, "delay")


def _named(step: str, *, clip: bool) -> str:
    return f"{step.replace('_', ' ')}{' of a clip' if clip else ''}"


def _load(*, clip: bool) -> dict[str, int]:
    return {"photos": 0, "clips": 2} if clip else {"photos": 12}


EVERY = [(step, False) for step in failpoints.STEPS]
CLIPS = [(step, True) for step in CLIP_STEPS]
FAULTS = (
    *(
        Fault(
            name=f"kill {_named(step, clip=clip)}",
            group=KILLS,
            run=partial(kill, step=step, clip=clip),
            short=step in SHORT and not clip,
            **_load(clip=clip),
        )
        for step, clip in (*EVERY, *CLIPS)
    ),
    Fault(name="kill the whole pool", group=KILLS, run=kill_machine),
    *(
        Fault(
            name=f"stop {_named(step, clip=clip)}",
            group="stops",
            run=partial(
                stop,
                step=step,
                clip=clip,
                lease_seconds=LEASE_SECONDS if step == "after_fetch" else BRISK_LEASE_SECONDS,
            ),
            short=step in STOP_SHORT and not clip,
            **_load(clip=clip),
        )
        for step, clip in (*EVERY, ("after_put", True))
    ),
    *(
        Fault(
            name=f"{action} {_named(step, clip=clip)}",
            group=GROUP,
            run=partial(happen, step=step, action=action, clip=clip),
            short=(step, action, clip) == ("after_put", "error", False),
            **_load(clip=clip),
        )
        for step, action, clip in (
            *((step, "error", clip) for step, clip in EVERY),
            ("after_put", "error", True),
            ("mid_render", "crash", False),
            ("mid_render", "crash", True),
        )
    ),
    Fault(name="delay at every step", group=GROUP, run=delay_everywhere),
)
