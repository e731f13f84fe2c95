"""The relay and its two ways to publish."""

import hashlib
import hmac
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jobs.errors import Unavailable
from jobs.job import Order, Publication
from jobs.memory import MemoryLedger
from workers.relay import BUSY_SECONDS, IDLE_SECONDS, Relay, Webhook, print_lines


def publish_media(ledger, count):
    """Media whose events wait in the outbox; returns their ids in order."""
    published = []
    for number in range(count):
        receipt = ledger.submit(Order(owner_id=7, key=f"{number}", source_key="o/1"))
        job = ledger.claim(receipt.job_id, "worker", 15)
        ledger.finish(job, Publication(sha256="00", width=5, height=7, facts={}, renditions=(), timings={}))
        published.append(job.media_id)
    return published


class Receiver:
    """Follows the events at an address; answers with the statuses the test gives, the last for ever."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.posts = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append((body, self.headers))
                self.send_response(receiver.statuses[0] if len(receiver.statuses) == 1 else receiver.statuses.pop(0))
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def webhook(self, secret=None):
        return Webhook(f"http://127.0.0.1:{self.server.server_port}/events", secret, connect_timeout_seconds=1)

    @property
    def media_ids(self):
        return [int(event["media_id"]) for body, _ in self.posts for event in json.loads(body)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_events_are_posted_in_order_and_forgotten():
    ledger = MemoryLedger()
    media_ids = publish_media(ledger, 3)

    with Receiver(204) as receiver:
        relay = Relay(ledger, receiver.webhook())
        relay.step()
        relay.step()

        assert receiver.media_ids == media_ids
    assert ledger.counts()["events"] == 0


@pytest.mark.parametrize("status", [302, 404, 500])
def test_events_that_are_not_taken_stay_and_come_again_in_the_same_order(status):
    ledger = MemoryLedger()
    media_ids = publish_media(ledger, 3)

    with Receiver(status, 200) as receiver:
        relay = Relay(ledger, receiver.webhook())
        with pytest.raises(Unavailable, match=str(status)):
            relay.step()
        assert ledger.counts()["events"] == 3
        relay.step()

        assert receiver.media_ids == media_ids * 2


def test_a_receiver_that_is_away_loses_nothing():
    ledger = MemoryLedger()
    publish_media(ledger, 1)
    with Receiver(200) as receiver:
        away = receiver.webhook()

    with pytest.raises(Unavailable, match="DARKROOM_EVENTS_URL"):
        Relay(ledger, away).step()
    assert ledger.counts()["events"] == 1


def test_a_batch_carries_a_signature_that_only_the_secret_makes():
    ledger = MemoryLedger()
    publish_media(ledger, 1)

    with Receiver(200) as receiver:
        Relay(ledger, receiver.webhook(secret="shared")).step()

        ((body, headers),) = receiver.posts
    assert headers["Darkroom-Signature"] == "sha256=" + hmac.new(b"shared", body, hashlib.sha256).hexdigest()


def test_without_an_address_each_event_is_a_json_line():
    ledger = MemoryLedger()
    media_ids = publish_media(ledger, 3)
    output = io.StringIO()

    Relay(ledger, lambda events: print_lines(events, output)).step()

    events = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [event["media_id"] for event in events] == [str(media_id) for media_id in media_ids]
    assert {"seq", "topic", "owner_id", "version", "payload", "created_at"} <= set(events[0])


def test_an_idle_relay_polls_ever_more_rarely_and_a_busy_one_often():
    ledger = MemoryLedger()
    relay = Relay(ledger, lambda events: None)

    rests = [relay.step() for _ in range(8)]
    publish_media(ledger, 1)

    assert rests == sorted(rests)
    assert rests[-1] == IDLE_SECONDS
    assert relay.step() == BUSY_SECONDS


def test_a_full_batch_is_followed_by_the_next_without_rest(monkeypatch):
    monkeypatch.setattr("workers.relay.BATCH", 2)
    ledger = MemoryLedger()
    publish_media(ledger, 3)

    relay = Relay(ledger, lambda events: None)

    assert [relay.step(), relay.step()] == [0.0, BUSY_SECONDS]
