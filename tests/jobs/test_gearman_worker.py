"""The worker's loop against real job servers that die, hang and come back."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jobs.gearman import Dispatcher, serve, survey
from jobs.job import Lane, Ticket

pytestmark = pytest.mark.server


class Loop:
    """A worker loop in a thread of this test. `ran` are the tickets that its function was called with, in order."""

    def __init__(self, function: Callable[[Ticket], None] = lambda ticket: None) -> None:
        self.ran: list[Ticket] = []
        self._function = function
        self._stop = threading.Event()

    @contextmanager
    def serving(self, *servers: str) -> Iterator["Loop"]:
        thread = threading.Thread(
            target=serve,
            args=(servers, {"photo": self._run, "clip": self._run}, lambda: not self._stop.is_set()),
            kwargs={"name": "worker-1", "connect_timeout_seconds": 0.5},
        )
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(10)
            assert not thread.is_alive()

    def stop(self) -> None:
        self._stop.set()

    def _run(self, ticket: Ticket) -> None:
        self.ran.append(ticket)
        self._function(ticket)


def tickets(*job_ids: int, function: str = "photo", lane: Lane = Lane.INTERACTIVE) -> list[Ticket]:
    return [Ticket(job_id=job_id, attempt=0, function=function, lane=lane) for job_id in job_ids]


def send(gearmand, sent: list[Ticket]) -> None:
    Dispatcher([gearmand.address], 2.0).send(sent)


def is_registered(gearmand) -> bool:
    return "worker-1" in survey(gearmand.address, 5).workers


def is_drained(gearmand) -> bool:
    return all(queue.interactive + queue.batch + queue.running == 0 for queue in survey(gearmand.address, 5).queues)


def test_every_ticket_runs_once_with_what_was_sent(gearmand, wait_until):
    sent = tickets(*range(50)) + tickets(50, function="clip")
    send(gearmand, sent)

    with Loop().serving(gearmand.address) as loop:
        wait_until(lambda: is_drained(gearmand))

    assert sorted(loop.ran, key=lambda ticket: ticket.job_id) == sent


def test_the_interactive_lane_goes_first(gearmand, wait_until):
    send(gearmand, tickets(1, 2, 3, lane=Lane.BATCH) + tickets(4, 5))

    with Loop().serving(gearmand.address) as loop:
        wait_until(lambda: len(loop.ran) == 5)

    assert [ticket.job_id for ticket in loop.ran] == [4, 5, 1, 2, 3]


def test_a_ticket_for_an_idle_worker_runs_at_once(gearmand, wait_until):
    with Loop().serving(gearmand.address) as loop:
        wait_until(lambda: is_registered(gearmand))
        time.sleep(0.7)  # the loop has polled in vain by now
        sent_at = time.monotonic()
        send(gearmand, tickets(1))
        wait_until(lambda: loop.ran)

    assert time.monotonic() - sent_at < 1.0


def test_a_function_that_raises_is_logged_and_the_next_ticket_runs(gearmand, wait_until, caplog):
    def fail_at_first(ticket: Ticket) -> None:
        if ticket.job_id == 1:
            raise ZeroDivisionError

    send(gearmand, tickets(1, 2))

    with Loop(fail_at_first).serving(gearmand.address) as loop:
        wait_until(lambda: is_drained(gearmand))

    assert [ticket.job_id for ticket in loop.ran] == [1, 2]
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == ["ticket.failed"]


def test_a_workload_that_is_no_ticket_is_logged_and_the_next_ticket_runs(gearmand, wait_until, caplog, raw_submit):
    raw_submit(gearmand, b"photo", b"\xff\0garbage")
    send(gearmand, tickets(1))

    with Loop().serving(gearmand.address) as loop:
        wait_until(lambda: is_drained(gearmand))

    assert [ticket.job_id for ticket in loop.ran] == [1]
    assert "ticket.rejected" in caplog.messages


def test_a_worker_is_back_about_a_second_after_a_killed_server(gearmand, wait_until):
    with Loop().serving(gearmand.address) as loop:
        wait_until(lambda: is_registered(gearmand))
        gearmand.kill()
        time.sleep(1.0)
        gearmand.start()
        started = time.monotonic()
        send(gearmand, tickets(1))
        wait_until(lambda: loop.ran)

    assert time.monotonic() - started < 2.0


def test_a_server_that_dies_during_a_job_does_not_end_the_loop(gearmand, wait_until):
    def outlive_the_server(ticket: Ticket) -> None:
        if ticket.job_id == 1:
            gearmand.kill()

    send(gearmand, tickets(1))
    with Loop(outlive_the_server).serving(gearmand.address) as loop:
        wait_until(lambda: gearmand.process is None)
        gearmand.start()
        send(gearmand, tickets(2))
        wait_until(lambda: len(loop.ran) == 2)
        wait_until(lambda: is_drained(gearmand))


def test_two_servers_with_work_take_turns(gearmand, second_gearmand, wait_until):
    send(gearmand, tickets(*range(20)))
    send(second_gearmand, tickets(*range(100, 120)))

    with Loop(lambda ticket: time.sleep(0.005)).serving(gearmand.address, second_gearmand.address) as loop:
        wait_until(lambda: len(loop.ran) == 40)

    from_first = [ticket.job_id < 100 for ticket in loop.ran]
    assert 5 <= sum(from_first[:20]) <= 15


def test_the_other_servers_work_goes_on_while_one_is_dead(gearmand, second_gearmand, wait_until):
    with Loop().serving(gearmand.address, second_gearmand.address) as loop:
        wait_until(lambda: is_registered(gearmand) and is_registered(second_gearmand))
        gearmand.kill()
        send(second_gearmand, tickets(*range(30)))
        wait_until(lambda: len(loop.ran) == 30)


def test_a_server_that_hangs_after_it_was_asked_for_a_job_does_not_keep_the_worker(
    gearmand, second_gearmand, wait_until
):
    def hang_the_server(ticket: Ticket) -> None:
        if ticket.job_id == 1:
            gearmand.pause()

    send(gearmand, tickets(1, 2))
    try:
        with Loop(hang_the_server).serving(gearmand.address, second_gearmand.address) as loop:
            wait_until(lambda: loop.ran)
            send(second_gearmand, tickets(3))
            wait_until(lambda: tickets(3)[0] in loop.ran)
    finally:
        gearmand.resume()


def test_swallowed_connections_do_not_keep_the_worker_from_the_other_server(gearmand, swallowing_address, wait_until):
    send(gearmand, tickets(*range(200)))

    with Loop(lambda ticket: time.sleep(0.01)).serving(swallowing_address, gearmand.address) as loop:
        wait_until(lambda: len(loop.ran) == 200, seconds=6.0)


def test_an_idle_loop_ends_within_a_second(gearmand, wait_until):
    with Loop().serving(gearmand.address):
        wait_until(lambda: is_registered(gearmand))
        asked_at = time.monotonic()

    assert time.monotonic() - asked_at < 1.0


def test_a_loop_without_any_server_ends_within_a_second(closed_address):
    with Loop().serving(closed_address):
        time.sleep(0.3)
        asked_at = time.monotonic()

    assert time.monotonic() - asked_at < 1.0


def test_a_loop_that_is_stopped_during_a_job_answers_it_and_leaves_the_rest(gearmand, wait_until):
    stopping = Loop(lambda ticket: stopping.stop())
    send(gearmand, tickets(1, 2))

    with stopping.serving(gearmand.address):
        wait_until(lambda: stopping.ran)

    assert len(stopping.ran) == 1
    left = {queue.function: (queue.interactive, queue.running) for queue in survey(gearmand.address, 5).queues}
    assert left == {"photo": (1, 0), "clip": (0, 0)}


def test_a_worker_that_gets_sigterm_while_idle_exits_within_a_second(gearmand, wait_until):
    child = os.fork()
    if child == 0:
        asked: list[int] = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
        serve([gearmand.address], {"photo": print}, lambda: not asked, name="worker-1", connect_timeout_seconds=1.0)
        os._exit(0)
    wait_until(lambda: is_registered(gearmand))
    asked_at = time.monotonic()

    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert time.monotonic() - asked_at < 1.0


def test_a_killed_workers_job_goes_to_another(gearmand, wait_until):
    send(gearmand, tickets(1))
    child = os.fork()
    if child == 0:
        serve(
            [gearmand.address],
            {"photo": lambda _: time.sleep(60)},
            lambda: True,
            name="doomed",
            connect_timeout_seconds=1.0,
        )
    wait_until(lambda: survey(gearmand.address, 5).queues[0].running == 1)

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    with Loop().serving(gearmand.address) as loop:
        wait_until(lambda: loop.ran)
    assert loop.ran == tickets(1)
