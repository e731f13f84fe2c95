"""The worker's loop against real job servers that die, hang and come back."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from gearman.protocol import GEARMAN_COMMAND_WORK_COMPLETE

from jobs.errors import LedgerUnavailable
from jobs.gearman import Dispatcher, serve, survey
from jobs.gearman.worker import Worker
from jobs.job import Lane, Ticket
from jobs.outages import Outages

pytestmark = pytest.mark.server
BUSY_SECONDS = 2.0  # for which a machine with much else to do may keep us waiting


class Loop:
    """A worker loop in a thread of this test. `ran` are the tickets that its function was called with, in order."""

    def __init__(
        self, function: Callable[[Ticket], None] = lambda ticket: None, connect_timeout_seconds: float = 0.5
    ) -> None:
        self.ran: list[Ticket] = []
        self._connect_timeout_seconds = connect_timeout_seconds
        self._function = function
        self._stop = threading.Event()

    @contextmanager
    def serving(self, *servers: str) -> Iterator["Loop"]:
        thread = threading.Thread(
            target=serve,
            args=(servers, {"photo": self._run, "clip": self._run}, lambda: not self._stop.is_set()),
            kwargs={"name": "worker-1", "connect_timeout_seconds": self._connect_timeout_seconds},
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


def run_one_job(gearmand, wait_until) -> None:
    """Serve until the first job asks the loop to stop."""
    loop = Loop(lambda ticket: loop.stop())
    with loop.serving(gearmand.address):
        wait_until(lambda: loop.ran)
    assert len(loop.ran) == 1


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

    assert time.monotonic() - sent_at < 1.0 + BUSY_SECONDS


def test_a_function_that_raises_is_logged_and_the_next_ticket_runs(gearmand, wait_until, caplog):
    def fail_at_first(ticket: Ticket) -> None:
        if ticket.job_id == 1:
            raise ZeroDivisionError

    send(gearmand, tickets(1, 2))

    with Loop(fail_at_first).serving(gearmand.address) as loop:
        wait_until(lambda: is_drained(gearmand))

    assert [ticket.job_id for ticket in loop.ran] == [1, 2]
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == ["ticket.failed"]


def test_a_ledger_that_is_away_is_no_mistake_of_ours_and_the_next_ticket_runs(gearmand, wait_until, caplog):
    def fail_at_first(ticket: Ticket) -> None:
        if ticket.job_id == 1:
            raise LedgerUnavailable("restarting")

    send(gearmand, tickets(1, 2))

    with Loop(fail_at_first).serving(gearmand.address) as loop:
        wait_until(lambda: is_drained(gearmand))

    assert [ticket.job_id for ticket in loop.ran] == [1, 2]
    assert "ticket.deferred" in caplog.messages
    assert not [record for record in caplog.records if record.levelno == logging.ERROR]


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

    assert time.monotonic() - started < 2.0 + BUSY_SECONDS


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


def test_no_server_waits_until_the_other_has_no_work_left(gearmand, second_gearmand, wait_until):
    send(gearmand, tickets(*range(20)))
    send(second_gearmand, tickets(*range(100, 120)))

    with Loop(lambda ticket: time.sleep(0.005)).serving(gearmand.address, second_gearmand.address) as loop:
        wait_until(lambda: len(loop.ran) == 40)

    assert {ticket.job_id < 100 for ticket in loop.ran[:20]} == {True, False}


def test_the_other_servers_work_goes_on_while_one_is_dead(gearmand, second_gearmand, wait_until):
    with Loop().serving(gearmand.address, second_gearmand.address) as loop:
        wait_until(lambda: is_registered(gearmand) and is_registered(second_gearmand))
        gearmand.kill()
        send(second_gearmand, tickets(*range(30)))
        wait_until(lambda: len(loop.ran) == 30)


def test_a_server_that_hangs_when_it_is_asked_for_a_job_does_not_keep_the_worker(
    gearmand, second_gearmand, wait_until, monkeypatch
):
    monkeypatch.setattr("jobs.gearman.worker.SILENCE_SECONDS", 0.5)

    def be_woken_by_a_server_that_hangs(ticket: Ticket) -> None:
        if ticket.job_id == 1:
            send(gearmand, tickets(2))
            time.sleep(0.1)
            gearmand.pause()
            send(second_gearmand, tickets(3))

    try:
        with Loop(be_woken_by_a_server_that_hangs).serving(gearmand.address, second_gearmand.address) as loop:
            wait_until(lambda: is_registered(gearmand) and is_registered(second_gearmand))
            send(second_gearmand, tickets(1))
            wait_until(lambda: loop.ran == tickets(1, 3), seconds=5.0 + BUSY_SECONDS)
    finally:
        gearmand.resume()


def test_a_complaint_of_the_server_does_not_hold_up_the_next_job(gearmand, wait_until):
    ran: list[Ticket] = []

    def answer_a_job_that_is_nobodys(ticket: Ticket) -> None:
        ran.append(ticket)
        for handler in worker.handler_to_connection_map:
            handler.send_command(GEARMAN_COMMAND_WORK_COMPLETE, job_handle=b"H:nobody:1", data=b"")

    functions = {"photo": answer_a_job_that_is_nobodys}
    worker = Worker([gearmand.address], functions, lambda: len(ran) < 2, 1.0, Outages())
    send(gearmand, tickets(1, 2))
    began = time.monotonic()
    worker.work(poll_timeout=5.0)

    assert ran == tickets(1, 2)
    assert time.monotonic() - began < 5.0  # not a poll's length


def test_swallowed_connections_do_not_keep_the_worker_from_the_other_server(gearmand, swallowing_address, wait_until):
    send(gearmand, tickets(*range(200)))

    loop = Loop(lambda ticket: time.sleep(0.01), connect_timeout_seconds=2.0)
    with loop.serving(swallowing_address, gearmand.address):
        wait_until(lambda: len(loop.ran) == 200, seconds=20.0)  # with a try of the dead one for each it would be 400


def test_an_idle_loop_ends_within_a_second(gearmand, wait_until):
    with Loop().serving(gearmand.address):
        wait_until(lambda: is_registered(gearmand))
        asked_at = time.monotonic()

    assert time.monotonic() - asked_at < 1.0 + BUSY_SECONDS


def test_a_loop_without_any_server_ends_within_a_second(closed_address):
    with Loop().serving(closed_address):
        time.sleep(0.3)
        asked_at = time.monotonic()

    assert time.monotonic() - asked_at < 1.0 + BUSY_SECONDS


def test_a_loop_that_is_stopped_during_a_job_answers_it_and_leaves_the_rest(gearmand, wait_until):
    send(gearmand, tickets(1, 2))

    run_one_job(gearmand, wait_until)

    left = {queue.function: (queue.interactive, queue.running) for queue in survey(gearmand.address, 5).queues}
    assert left == {"photo": (1, 0), "clip": (0, 0)}


def test_loops_that_are_stopped_during_a_job_do_not_use_up_the_retries_of_the_next(gearmand, wait_until):
    """The server drops a job silently that three workers took and did not answer."""
    send(gearmand, tickets(99, lane=Lane.BATCH))
    for job_id in range(4):
        send(gearmand, tickets(job_id))
        run_one_job(gearmand, wait_until)

    with Loop().serving(gearmand.address) as loop:
        wait_until(lambda: loop.ran, seconds=2.0 + BUSY_SECONDS)
    assert [ticket.job_id for ticket in loop.ran] == [99]


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
    assert time.monotonic() - asked_at < 1.0 + BUSY_SECONDS


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
