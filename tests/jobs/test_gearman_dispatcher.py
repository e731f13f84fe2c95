"""Submitting tickets to real job servers, and to addresses where none answers."""

import socket
import struct
import time

import pytest
from gearman import JOB_FAILED

from jobs.errors import BrokerUnavailable
from jobs.gearman import Dispatcher, survey
from jobs.gearman.admin import Admin
from jobs.gearman.dispatcher import JobServerClient
from jobs.job import Lane, Ticket

pytestmark = pytest.mark.server
PATIENCE_SECONDS = 1.0
CAN_DO, GRAB_JOB, WORK_COMPLETE, WORK_FAIL = 1, 9, 13, 14  # of the protocol


def ticket(job_id: int, *, attempt: int = 0, function: str = "photo", lane: Lane = Lane.INTERACTIVE) -> Ticket:
    return Ticket(job_id=job_id, attempt=attempt, function=function, lane=lane)


def queue_of(gearmand, function: str = "photo"):
    return next(queue for queue in survey(gearmand.address, 5).queues if queue.function == function)


def waiting(gearmand) -> int:
    return sum(queue.interactive + queue.batch for queue in survey(gearmand.address, 5).queues)


def seconds_of(action) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def answer_one_job(gearmand, answer: int, after_handle: bytes = b"") -> None:
    """Be a worker for one job, byte by byte."""
    with socket.create_connection(("127.0.0.1", gearmand.port), timeout=5) as worker:
        worker.sendall(packet(CAN_DO, b"photo") + packet(GRAB_JOB))
        handle = worker.recv(4096)[12:].split(b"\0")[0]
        worker.sendall(packet(answer, handle + after_handle))
        time.sleep(0.1)


def submit(client: JobServerClient, task: str, unique: str):
    return client.submit_job(task, b"", unique, background=True, wait_until_complete=False, poll_timeout=5)


def packet(kind: int, payload: bytes = b"") -> bytes:
    return b"\0REQ" + struct.pack(">II", kind, len(payload)) + payload


def test_each_ticket_waits_in_its_lane(gearmand):
    tickets = [ticket(1), ticket(2, lane=Lane.BATCH), ticket(3, lane=Lane.BATCH)]

    Dispatcher([gearmand.address], PATIENCE_SECONDS).send(tickets)

    queue = queue_of(gearmand)
    assert (queue.interactive, queue.batch, queue.running) == (1, 2, 0)


def test_more_tickets_than_a_batch_are_all_taken(gearmand):
    Dispatcher([gearmand.address], PATIENCE_SECONDS).send([ticket(job_id) for job_id in range(251)])

    assert queue_of(gearmand).interactive == 251


def test_a_ticket_sent_twice_waits_once_and_its_next_attempt_waits_beside_it(gearmand):
    dispatcher = Dispatcher([gearmand.address], PATIENCE_SECONDS)

    dispatcher.send([ticket(7), ticket(7)])
    dispatcher.send([ticket(7)])
    assert queue_of(gearmand).interactive == 1

    dispatcher.send([ticket(7, attempt=1)])
    assert queue_of(gearmand).interactive == 2


def test_a_restarted_server_gets_the_very_next_ticket(gearmand):
    dispatcher = Dispatcher([gearmand.address], PATIENCE_SECONDS)
    dispatcher.send([ticket(1)])
    gearmand.kill()
    gearmand.start()

    dispatcher.send([ticket(2)])

    assert waiting(gearmand) == 1


def test_the_other_server_takes_what_a_killed_one_cannot(gearmand, second_gearmand):
    dispatcher = Dispatcher([gearmand.address, second_gearmand.address], PATIENCE_SECONDS)
    dispatcher.send([ticket(1)])
    gearmand.kill()

    dispatcher.send([ticket(2), ticket(3)])

    assert waiting(second_gearmand) == 2


def test_a_server_that_refuses_costs_nothing_and_the_error_names_it(closed_address):
    dispatcher = Dispatcher([closed_address], PATIENCE_SECONDS)

    with pytest.raises(BrokerUnavailable, match=closed_address):
        dispatcher.send([ticket(1)])


@pytest.mark.parametrize("kind", ["silent_address", "swallowing_address"])
def test_a_dead_server_costs_one_send_its_timeout_and_the_next_nothing(kind, request, gearmand):
    dispatcher = Dispatcher([request.getfixturevalue(kind), gearmand.address], PATIENCE_SECONDS)

    first = seconds_of(lambda: dispatcher.send([ticket(1)]))
    second = seconds_of(lambda: dispatcher.send([ticket(2)]))

    assert PATIENCE_SECONDS / 4 < first < 2 * PATIENCE_SECONDS
    assert second < PATIENCE_SECONDS
    assert waiting(gearmand) == 2


def test_many_dead_servers_together_cost_no_more_than_the_timeout(silent_address, swallowing_address):
    dispatcher = Dispatcher([silent_address, swallowing_address], PATIENCE_SECONDS)

    def send() -> None:
        with pytest.raises(BrokerUnavailable):
            dispatcher.send([ticket(1)])

    assert seconds_of(send) < 2 * PATIENCE_SECONDS
    assert seconds_of(send) < PATIENCE_SECONDS


def test_a_dead_server_that_comes_back_is_used_again(gearmand):
    gearmand.kill()
    dispatcher = Dispatcher([gearmand.address], PATIENCE_SECONDS)
    with pytest.raises(BrokerUnavailable):
        dispatcher.send([ticket(1)])
    gearmand.start()
    time.sleep(1.0)  # the longest pause after a refusal is shorter

    dispatcher.send([ticket(2)])

    assert waiting(gearmand) == 1


def test_tickets_that_a_full_queue_refuses_are_unavailable_and_the_others_are_taken(gearmand):
    dispatcher = Dispatcher([gearmand.address], PATIENCE_SECONDS)
    dispatcher.send([ticket(1)])
    Admin(gearmand.address, 5).send_maxqueue("photo", 1)

    with pytest.raises(BrokerUnavailable, match="2 of 3 tickets"):
        dispatcher.send([ticket(2), ticket(3), ticket(4, function="clip")])

    assert queue_of(gearmand).interactive == 1
    assert queue_of(gearmand, "clip").interactive == 1


def test_a_refused_request_fails_and_the_next_gets_its_own_handle(gearmand):
    client = JobServerClient(gearmand.address, PATIENCE_SECONDS)
    submit(client, "photo", "a")
    Admin(gearmand.address, 5).send_maxqueue("photo", 1)

    refused, other = submit(client, "photo", "b"), submit(client, "clip", "c")

    assert refused.state == JOB_FAILED
    assert client.get_job_status(other, poll_timeout=5).status["known"]


def test_a_queued_job_reads_as_known_and_not_running(gearmand):
    client = JobServerClient(gearmand.address, PATIENCE_SECONDS)
    request = submit(client, "photo", "a")

    status = client.get_job_status(request, poll_timeout=5).status

    assert (status["known"], status["running"]) == (True, False)


def test_a_late_answer_does_not_disturb_later_requests(gearmand):
    client = JobServerClient(gearmand.address, PATIENCE_SECONDS)
    given_up = client.submit_job("photo", b"", unique="a", poll_timeout=0.2)
    assert given_up.timed_out
    del given_up
    answer_one_job(gearmand, WORK_COMPLETE, b"\0")

    request = submit(client, "photo", "b")

    assert client.get_job_status(request, poll_timeout=5).status["known"]


@pytest.mark.parametrize("after_handle", [b"", b"\0"])
def test_a_failed_job_is_told_to_whoever_waits_for_it(gearmand, after_handle):
    """The server passes the packet on as the worker sent it: those in C end it in a NUL."""
    client = JobServerClient(gearmand.address, PATIENCE_SECONDS)
    request = client.submit_job("photo", b"", wait_until_complete=False, poll_timeout=5)
    answer_one_job(gearmand, WORK_FAIL, after_handle)

    client.wait_until_jobs_completed([request], poll_timeout=1)

    assert request.state == JOB_FAILED
