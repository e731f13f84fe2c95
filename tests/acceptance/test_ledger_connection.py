"""The real ledger's connection: lost replies, threads, forks, rights, and what a call costs on the wire."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from jobs.connection import Connection
from jobs.errors import LedgerUnavailable
from jobs.job import Job, JobState, Order, Publication
from jobs.postgres import PostgresLedger

pytestmark = pytest.mark.server


class Wire:
    """A TCP relay in front of PgBouncer that counts the queries and can cut or hold back the replies."""

    def __init__(self, dsn: str, port: int = 0) -> None:
        self._server = urlsplit(dsn)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._ends: list[socket.socket] = []
        self._cut = False
        self._speaks = threading.Event()
        self._speaks.set()
        self.queries = 0
        port = self._listener.getsockname()[1]
        self.dsn = dsn.replace(f":{self._server.port}/", f":{port}/")
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_next_reply(self) -> None:
        """The server gets the next query and carries it out; the client hears no more."""
        self._cut = True

    def hang(self) -> None:
        """The connections stand, and everything is acknowledged, but no reply comes through."""
        self._speaks.clear()

    def resume(self) -> None:
        """The replies come, those that were held back first."""
        self._speaks.set()

    def cut_all(self) -> None:
        """Every connection ends, here and now."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.resume()
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._server.hostname, self._server.port))
                self._ends += [client, server]
                for pump, a, b in ((self._ask, client, server), (self._answer, server, client)):
                    threading.Thread(target=pump, args=(a, b), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                self.queries += data.startswith(b"Q")  # a simple query is one message
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                self._speaks.wait()
                if self._cut:
                    self._cut = False
                    break
                client.sendall(data)
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(stack) -> Iterator[Wire]:
    relay = Wire(stack.settings.database_url)
    yield relay
    relay.close()


@pytest.fixture
def ledger(wire) -> PostgresLedger:
    """Connected already, through the wire."""
    ledger = PostgresLedger(wire.dsn)
    ledger.counts()
    return ledger


@pytest.fixture
def order() -> Order:
    return Order(owner_id=secrets.randbelow(1 << 48), key="first", source_key="originals/1")


MANY = 10_000
PUBLICATION = Publication(sha256="5a" * 32, width=7, height=5, facts={}, renditions=(), timings={"all_ms": 1.5})


def started(ledger: PostgresLedger, order: Order) -> Job:
    job = ledger.claim(ledger.submit(order).job_id, "worker", 60)
    assert job is not None
    return job


# Replies that are lost after the commit


def test_a_submit_whose_reply_is_cut_finds_its_own_job(ledger, wire, order):
    wire.cut_next_reply()

    receipt = ledger.submit(order)

    assert wire.queries == 3  # the fixture's, the one that was cut, its repetition
    assert ledger.status(receipt.job_id).owner_id == order.owner_id
    assert ledger.submit(order).job_id == receipt.job_id


def test_a_sweep_whose_reply_is_cut_is_not_repeated_for_its_tickets_are_to_be_recalled(ledger, wire):
    before = wire.queries
    wire.cut_next_reply()

    with pytest.raises(LedgerUnavailable):
        ledger.sweep(1)

    assert wire.queries == before + 1


def test_a_claim_whose_reply_is_cut_finds_its_own_lease(ledger, wire, order):
    job_id = ledger.submit(order).job_id
    wire.cut_next_reply()

    job = ledger.claim(job_id, "worker", 60)

    assert job is not None
    assert (job.fence, ledger.status(job_id).attempts) == (1, 1)


def test_a_finish_whose_reply_is_cut_publishes_once_and_knows_it(ledger, wire, order):
    job = started(ledger, order)
    wire.cut_next_reply()

    assert ledger.finish(job, PUBLICATION)
    assert ledger.media(job.media_id).generation == len(ledger.attempts(job.job_id)) == 1


def test_a_failure_whose_reply_is_cut_is_noted_once(ledger, wire, order):
    job = started(ledger, order)
    wire.cut_next_reply()

    assert ledger.fail(job, code="store_unavailable", reason="away", then=JobState.QUEUED, delay_seconds=9)
    assert [attempt.outcome for attempt in ledger.attempts(job.job_id)] == ["failed"]


def test_a_rollback_whose_reply_is_cut_is_not_carried_out_twice(ledger, wire, order):
    job = started(ledger, order)
    ledger.finish(job, PUBLICATION)
    again = Order(owner_id=order.owner_id, key="again", source_key=order.source_key, media_id=job.media_id)
    ledger.finish(started(ledger, again), PUBLICATION)
    wire.cut_next_reply()

    with pytest.raises(LedgerUnavailable):
        ledger.rollback(job.media_id, 1)
    assert ledger.media(job.media_id).generation == 3


def test_events_whose_transaction_is_cut_before_the_commit_come_again(ledger, wire, order):
    ledger.finish(started(ledger, order), PUBLICATION)
    told: list[Any] = []

    def publish_and_lose_the_connection(events: Any) -> None:
        told.extend(events)
        wire.cut_all()

    with pytest.raises(LedgerUnavailable):
        ledger.relay(publish_and_lose_the_connection, MANY)
    while ledger.relay(told.extend, MANY):
        pass
    assert [event.owner_id for event in told].count(order.owner_id) == 2


def test_a_connection_that_died_while_idle_is_replaced_unnoticed(ledger, wire, order):
    wire.cut_all()

    assert ledger.submit(order).created


def test_a_server_that_is_away_is_said_so_and_found_again(stack, order):
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    dsn = stack.settings.database_url
    ledger = PostgresLedger(dsn.replace(f":{urlsplit(dsn).port}/", f":{port}/"))

    with pytest.raises(LedgerUnavailable):
        ledger.submit(order)
    with closing(Wire(dsn, port)):
        assert ledger.submit(order).created


def test_a_database_without_the_schema_says_what_to_do(stack):
    unmigrated = PostgresLedger(stack.settings.migrations_url.rsplit("/", 1)[0] + "/postgres")

    with pytest.raises(LedgerUnavailable, match="darkroom db migrate"):
        unmigrated.counts()


# Servers that hang


def seconds_until_given_up(ask: Callable[[], Any]) -> float:
    """In a thread of its own, because what should be given up may wait for ever."""
    began = time.monotonic()
    waiting: Future[Any] = Future()

    def wait() -> None:
        try:
            waiting.set_result(ask())
        except LedgerUnavailable as error:
            waiting.set_exception(error)

    threading.Thread(target=wait, daemon=True).start()
    with pytest.raises(LedgerUnavailable, match="no answer in time"):
        waiting.result(timeout=20)
    return time.monotonic() - began


@pytest.mark.parametrize(("call", "seconds"), [("counts", 12), ("release", 3)])
def test_a_call_to_a_server_that_hangs_is_given_up_and_the_next_one_has_a_new_connection(ledger, wire, call, seconds):
    wire.hang()

    waited = seconds_until_given_up(ledger.counts if call == "counts" else lambda: ledger.release("worker"))
    wire.resume()

    assert seconds <= waited < seconds + 8  # the rest is a busy machine's
    assert ledger.counts()["queued"] >= 0


def test_a_relay_on_a_server_that_hangs_is_given_up(ledger, wire, monkeypatch):
    monkeypatch.setattr("jobs.connection.ANSWER_SECONDS", 0.3)
    wire.hang()

    assert seconds_until_given_up(lambda: ledger.relay(print, MANY)) < 10  # and not 12


def test_a_server_that_takes_connections_and_says_nothing_costs_the_connect_timeout(wire):
    wire.hang()

    assert 0.5 <= seconds_until_given_up(PostgresLedger(wire.dsn, connect_timeout_seconds=0.5).counts) < 10


def test_a_call_that_a_signal_breaks_off_leaves_no_late_reply_to_the_next(wire):
    def break_off(*_: Any) -> None:
        raise KeyboardInterrupt

    connection = Connection(wire.dsn, 3.0)
    before = signal.signal(signal.SIGALRM, break_off)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            connection.rows("SELECT 'late' FROM pg_sleep(3)")
    finally:
        signal.signal(signal.SIGALRM, before)

    assert connection.rows("SELECT 'mine'") == [("mine",)]


# Threads and forks


def test_threads_share_one_ledger(ledger, order):
    def submit(n: int) -> int:
        return ledger.submit(Order(owner_id=order.owner_id, key=f"{n}", source_key="originals/1")).job_id

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(submit, range(80)))) == 80


def test_a_forked_child_opens_its_own_connection_and_leaves_its_parents_alone(ledger, wire, order):
    receipt = ledger.submit(order)

    def fork_within_a_transaction(_events: Any) -> None:
        """Even while another thread holds the connection."""
        child = os.fork()
        if child == 0:
            alright = False
            with suppress(BaseException):
                alright = ledger.submit(order).job_id == receipt.job_id
                del ledger._connection
            os._exit(0 if alright else 1)
        assert os.waitpid(child, 0)[1] == 0

    ledger.finish(started(ledger, order), PUBLICATION)
    queries = wire.queries
    assert ledger.relay(fork_within_a_transaction, 1) == 1
    assert ledger.status(receipt.job_id).state == JobState.DONE
    assert wire.queries == queries + 5  # begin, take, the child's submit, commit, status: nothing had to be repeated


def test_importing_the_ledger_loads_psycopg2_and_nothing_heavy():
    code = "import sys, jobs.postgres; print([m for m in ('numpy', 'cv2', 'boto3', 'gearman') if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert loaded.stdout.strip() == "[]"


# Cost, ids, rights


def test_every_step_of_a_job_is_one_round_trip(ledger, wire, order):
    def cost(step: Callable[[], Any]) -> int:
        before = wire.queries
        step()
        return wire.queries - before

    job = started(ledger, order)

    assert cost(lambda: ledger.submit(order)) == 1
    assert cost(lambda: ledger.claim(job.job_id, "worker", 60)) == 1
    assert cost(lambda: ledger.beat(job, 60)) == 1
    assert cost(lambda: ledger.finish(job, PUBLICATION)) == 1
    assert cost(lambda: ledger.sweep(1)) == 1


def test_ids_carry_the_owners_shard_and_rise_with_time(ledger):
    owners = [secrets.randbelow(1 << 48) for _ in range(20)]
    receipts = [ledger.submit(Order(owner_id=owner, key="first", source_key="originals/1")) for owner in owners]

    shards = [((receipt.job_id >> 10) & 8191, (receipt.media_id >> 10) & 8191) for receipt in receipts]
    times = [receipt.job_id >> 23 for receipt in receipts]
    assert shards == [(owner % 64, owner % 64) for owner in owners]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE darkroom.media SET state = 'ready'",
        "DELETE FROM darkroom.outbox",
        "INSERT INTO darkroom.outbox (owner_id, media_id, version, topic, payload) VALUES (1, 1, 1, 'a', '{}')",
        "SELECT darkroom.reject('a', 'b')",
        "SELECT nextval('darkroom.ids')",
        "INSERT INTO darkroom.looks (name, sha256, data) VALUES ('mine', 'a', 'b')",
        "DELETE FROM darkroom.looks",
        "CREATE TABLE darkroom.mine ()",
    ],
)
def test_the_application_writes_nothing_past_the_steps(stack, forgery):
    with (
        closing(psycopg2.connect(stack.settings.database_url)) as application,
        application.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute(forgery)
