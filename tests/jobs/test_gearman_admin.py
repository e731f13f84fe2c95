"""What is asked of a job server: its queues, and whether it is still the one that it was."""

import time

import pytest

from jobs.errors import BrokerUnavailable
from jobs.gearman import BrokerWatch, Dispatcher, Queue, survey
from jobs.gearman.admin import Admin
from jobs.job import Lane, Ticket

pytestmark = pytest.mark.server


def send(gearmand, *lanes: Lane) -> None:
    tickets = [Ticket(job_id=place, attempt=0, function="photo", lane=lane) for place, lane in enumerate(lanes)]
    Dispatcher([gearmand.address], 2.0).send(tickets)


def test_a_survey_tells_the_version_and_each_functions_queue(gearmand):
    send(gearmand, Lane.BATCH, Lane.BATCH, Lane.INTERACTIVE)

    found = survey(gearmand.address, 5)

    assert found.version.startswith("1.")
    assert found.queues == (Queue(function="photo", interactive=1, batch=2, running=0, workers=0),)
    assert found.workers == ()


def test_a_survey_of_a_fresh_server_is_empty(gearmand):
    assert survey(gearmand.address, 5).queues == ()


@pytest.mark.parametrize("kind", ["closed_address", "silent_address", "swallowing_address"])
def test_a_survey_of_a_dead_server_fails_in_time_and_says_which(kind, request):
    address = request.getfixturevalue(kind)
    began = time.monotonic()

    with pytest.raises(BrokerUnavailable, match=address):
        survey(address, 0.5)

    assert time.monotonic() - began < 2.5


def test_a_ping_comes_back(gearmand):
    assert 0 < Admin(gearmand.address, 5).ping_server() < 5


def test_the_first_look_names_every_server_that_is_there(gearmand, closed_address):
    watch = BrokerWatch([gearmand.address, closed_address], 1.0)

    assert watch.returned() == [gearmand.address]
    assert watch.returned() == []
    assert watch.reachable()


def test_a_restarted_server_is_named_once(gearmand):
    watch = BrokerWatch([gearmand.address], 1.0)
    watch.returned()
    gearmand.kill()
    gearmand.start()

    assert watch.returned() == [gearmand.address]
    assert watch.returned() == []


def test_a_lost_server_is_named_when_it_is_back(gearmand, wait_until):
    watch = BrokerWatch([gearmand.address], 1.0)
    watch.returned()
    gearmand.kill()

    assert watch.returned() == []
    assert not watch.reachable()

    gearmand.start()
    wait_until(lambda: watch.returned() == [gearmand.address], seconds=10.0)
    assert watch.reachable()


def test_a_server_that_hangs_is_gone_though_its_connections_stand_and_is_named_when_it_answers_again(
    gearmand, wait_until
):
    watch = BrokerWatch([gearmand.address], 0.3)
    watch.returned()
    gearmand.pause()

    assert watch.returned() == []
    assert not watch.reachable()

    gearmand.resume()
    wait_until(lambda: watch.returned() == [gearmand.address], seconds=10.0)
    assert watch.reachable()


def test_a_server_that_swallows_connections_is_waited_for_once_in_a_while(swallowing_address):
    watch = BrokerWatch([swallowing_address], 0.5)
    watch.returned()
    began = time.monotonic()

    for _ in range(100):
        assert watch.returned() == []

    assert time.monotonic() - began < 0.5  # not one more timeout
