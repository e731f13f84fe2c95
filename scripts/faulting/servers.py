"""Servers that are killed, that hang, and that are restarted, each under load."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import psutil

from jobs.gearman import survey
from jobs.job import PHOTO, JobState
from scripts.faulting.frontend import Acknowledged, persist
from scripts.faulting.lab import Lab
from scripts.faulting.model import LONG, BrokenPromiseError, Fault
from scripts.faulting.programs import wait_for
from workers.stack import Server
from workers.stack.processes import recall

GROUP = "servers"
BEFORE_SECONDS = 1.0  # of load before the fault
AWAY_SECONDS = 4.0  # between a server's death and its next start
HUNG_SECONDS = 16.0  # above a ledger call's 12 s, a silent job server's 5 s, and a connection's 3 s
AWAY_LONG_SECONDS = 40.0  # for which the job server is away, and uploads go on, one each 0.3 s
AWAY_LONGEST_SECONDS = 600.0  # as promised, one each two seconds: what is tried is the patience, not the number
QUEUED = 10_000  # jobs that a job server loses at once
CONNECT_SECONDS = 5.0  # promised: from a database's return to an answer
RESUBMIT_SECONDS = 10.0  # promised: from a job server's return to every ticket in its queue
# From a server's return to the end of a photo that is submitted then, and of all that waited. After an outage of the
# ledger or the store, a job's next try may be half a minute away (`jobs.policy`).
DONE_SECONDS = 40.0
# The same of a job server that was there all the time and silent: frontends and sweeper notice within 6 s that it
# answers again, and what was kept back comes with the sweeper's next recall. Twice that, for a busy machine.
HEARD_SECONDS = 20.0
QUEUE_SECONDS = 90.0  # for two workers to do what was uploaded without a job server: promised are the tickets alone
LOAD = 100  # photos
CANCELLED = frozenset({JobState.CANCELLED, JobState.DONE})


def kill(lab: Lab, find: Callable[[Lab], Server], promise_seconds: float) -> None:
    """Kill a server under load, and start it again."""
    server = find(lab)
    lab.staff()
    time.sleep(BEFORE_SECONDS)
    server.kill()
    time.sleep(AWAY_SECONDS)
    server.start()
    recover(lab, promise_seconds)


def restart(lab: Lab, find: Callable[[Lab], Server], promise_seconds: float) -> None:
    """Restart a server in order, as for an upgrade."""
    server = find(lab)
    lab.staff()
    time.sleep(BEFORE_SECONDS)
    server.stop()
    server.start()
    recover(lab, promise_seconds)


def hang(lab: Lab, find: Callable[[Lab], Server], promise_seconds: float) -> None:
    """Stop a server's processes: connections stand and are even taken, and nobody answers."""
    lab.staff()
    time.sleep(BEFORE_SECONDS)
    with stopped(find(lab)):
        time.sleep(HUNG_SECONDS)
    recover(lab, promise_seconds)


def lose_queue(lab: Lab) -> None:
    """Kill the job server with ten thousand tickets in its memory."""
    pool = lab.staff()
    heads = pool.heads()
    source_key = lab.frontend.upload(b"nobody looks at it")
    for head in heads:
        head.suspend()
    receipts = [lab.frontend.submit(source_key, CANCELLED, lane="batch") for _ in range(QUEUED)]
    lab.stack.gearmand.kill()
    lab.stack.gearmand.start()
    lab.strike()
    measure(lab, RESUBMIT_SECONDS, "every ticket's return", lambda: waiting(lab) >= QUEUED)
    for answered in receipts:
        lab.frontend.client.cancel(answered.receipt.job_id)
    for head in heads:
        head.resume()
    lab.wait_for_workers(len(heads))


def stay_away(lab: Lab, seconds: float, pause_seconds: float) -> None:
    """Leave the job server away for long. What is uploaded meanwhile is accepted, and queued on its return."""
    heads = lab.staff().heads()
    lab.stack.gearmand.kill()
    end, accepted = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        lab.photo()
        accepted += 1
        time.sleep(pause_seconds)
    for head in heads:
        head.suspend()  # lest they take what is counted
    lab.stack.gearmand.start()
    lab.strike()
    measure(lab, RESUBMIT_SECONDS, "every ticket's return", lambda: waiting(lab) >= accepted)
    for head in heads:
        head.resume()


def recover(lab: Lab, promise_seconds: float) -> None:
    """A server is back: a submit is to be answered within what is promised, and its photo to be done."""
    lab.strike()
    began = time.monotonic()
    answered = lab.photo()
    promise_seconds *= lab.patience
    if (seconds := time.monotonic() - began) > promise_seconds:
        raise BrokenPromiseError(
            f"a submit was answered {seconds:.1f} s after the return, not in {promise_seconds:g} s"
        )
    measure(lab, DONE_SECONDS, "a photo's end", lambda: is_final(lab, answered), since=began)


def measure(
    lab: Lab, promise_seconds: float, what: str, condition: Callable[[], object], since: float | None = None
) -> None:
    """Wait for a condition, and note how long it took from now, or from `since` by the monotonic clock.

    Raises:
        BrokenPromiseError: longer than was promised.
    """
    began = time.monotonic() if since is None else since
    promise_seconds *= lab.patience
    wait_for(condition, 3 * promise_seconds, what)
    seconds = time.monotonic() - began
    lab.recoveries_seconds.append(seconds)
    if seconds > promise_seconds:
        raise BrokenPromiseError(f"{what} took {seconds:.1f} s, not {promise_seconds:g} s")


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Have a server's processes stand still inside."""
    family = processes(server)
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def processes(server: Server) -> list[psutil.Process]:
    """The process of a server and all below it. Raises BrokenPromiseError if it does not run."""
    identity = recall(server.pid_file)
    if identity is None:
        raise BrokenPromiseError(f"{server.name} does not run, and nobody has ended it")
    itself = psutil.Process(identity.pid)
    return [itself, *itself.children(recursive=True)]


def waiting(lab: Lab) -> int:
    """How many photos' tickets the job server holds."""
    queues = survey(f"127.0.0.1:{lab.stack.gearmand.port}", 5.0).queues
    return sum(queue.interactive + queue.batch for queue in queues if queue.function == PHOTO)


def is_begun(lab: Lab, answered: Acknowledged) -> bool:
    """Whether somebody has claimed the job."""
    return persist(lambda: lab.frontend.client.status(answered.receipt.job_id)).attempts > 0


def is_final(lab: Lab, answered: Acknowledged) -> bool:
    """Whether the job has ended."""
    return persist(lambda: lab.frontend.client.status(answered.receipt.job_id)).state.final


SERVERS: tuple[tuple[str, Callable[[Lab], Server], float], ...] = (
    ("gearmand", lambda lab: lab.stack.gearmand, CONNECT_SECONDS),
    ("PostgreSQL", lambda lab: lab.stack.postgres, CONNECT_SECONDS),
    ("PgBouncer", lambda lab: lab.stack.pgbouncer, CONNECT_SECONDS),
    ("the S3 server", lambda lab: lab.stack.seaweedfs, CONNECT_SECONDS),
)
WAYS = (("is killed", kill), ("is restarted", restart), ("hangs", hang))
FAULTS = (
    *(
        Fault(
            name=f"{name} {way}",
            group=GROUP,
            run=partial(act, find=find, promise_seconds=promise_seconds),
            recovery_seconds=HEARD_SECONDS if name == "gearmand" else DONE_SECONDS,
            photos=LOAD,
            short=(name, way) == ("gearmand", "is killed"),
        )
        for name, find, promise_seconds in SERVERS
        for way, act in WAYS
    ),
    Fault(name=f"gearmand is killed with {QUEUED:,} queued", group=GROUP, run=lose_queue, photos=0),
    *(
        Fault(
            name=f"gearmand is away for {seconds:g} s",
            group=group,
            run=partial(stay_away, seconds=seconds, pause_seconds=pause_seconds),
            recovery_seconds=QUEUE_SECONDS,
            photos=0,
        )
        for seconds, pause_seconds, group in ((AWAY_LONG_SECONDS, 0.3, GROUP), (AWAY_LONGEST_SECONDS, 2.0, LONG))
    ),
)
