"""The relay: publishes the outbox in order, at least once. One is enough; a second one waits for the first to end.

    python -m workers.relay

With `events_url` set each batch is posted as a JSON array; without, each event is a JSON line on standard output. Ids
are strings there, see `jobs.plain`.
"""

import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

import urllib3

from config import MisconfiguredError, Settings
from jobs import failpoints
from jobs.errors import Unavailable
from jobs.job import Event
from jobs.ledger import Ledger
from jobs.plain import as_data
from jobs.postgres import PostgresLedger
from workers.exits import UNABLE
from workers.log import Log
from workers.loop import repeat
from workers.start import begin, member_parser

BATCH = 100
BUSY_SECONDS = 0.02
IDLE_SECONDS = 0.25
REPLY_SECONDS = 10.0
SIGNATURE = "Darkroom-Signature"

Publish = Callable[[Sequence[Event]], None]
log = Log("relay")


class ReceiverUnavailable(Unavailable):
    """Whoever follows the events did not take them."""

    code = "receiver_unavailable"


class Relay:
    """One batch after another; polls often while there is something to publish, and ever more rarely when not."""

    def __init__(self, ledger: Ledger, publish: Publish) -> None:
        self._ledger = ledger
        self._publish = publish
        self._rest_seconds = BUSY_SECONDS

    def step(self) -> float:
        """Publish one batch. Returns the seconds until the next.

        Raises:
            ReceiverUnavailable: the batch stays in the outbox.
            LedgerUnavailable: as the ledger; the batch may be published again.
        """
        count = self._ledger.relay(self._post, BATCH)
        self._rest_seconds = BUSY_SECONDS if count else min(IDLE_SECONDS, 2 * self._rest_seconds)
        return 0.0 if count == BATCH else self._rest_seconds

    def _post(self, events: Sequence[Event]) -> None:
        self._publish(events)
        failpoints.reach("after_post")


class Webhook:
    """Posts batches to an address; any 2xx status takes the whole batch.

    With a secret, the header Darkroom-Signature is `sha256=` and the body's HMAC-SHA256, hexadecimal.
    """

    def __init__(self, url: str, secret: str | None, connect_timeout_seconds: float) -> None:
        self._url = url
        self._secret = secret
        timeout = urllib3.Timeout(connect=connect_timeout_seconds, read=REPLY_SECONDS)
        self._http = urllib3.PoolManager(retries=False, timeout=timeout)

    def __call__(self, events: Sequence[Event]) -> None:
        """Post one batch. Raises ReceiverUnavailable unless it is taken."""
        body = json.dumps(as_data(events)).encode()
        headers = {"Content-Type": "application/json"}
        if self._secret is not None:
            headers[SIGNATURE] = sign(body, self._secret)
        try:
            # The status says it all: a body that never ends is not waited for.
            reply = self._http.request(
                "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
            )
            status = reply.status
            reply.close()
        except urllib3.exceptions.HTTPError as error:
            raise ReceiverUnavailable(f"no reply from DARKROOM_EVENTS_URL: {error}") from error
        if not 200 <= status < 300:
            raise ReceiverUnavailable(f"DARKROOM_EVENTS_URL answered {status}")


def sign(body: bytes, secret: str) -> str:
    """The signature of a batch, to be compared by whoever receives it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def print_lines(events: Sequence[Event], output: TextIO) -> None:
    """Write each event as a JSON line."""
    output.writelines(json.dumps(as_data(event)) + "\n" for event in events)
    output.flush()


def publisher(settings: Settings, output: TextIO) -> Publish:
    """Where the settings want the events."""
    if settings.events_url:
        return Webhook(settings.events_url, settings.events_secret, settings.connect_timeout_seconds)
    return lambda events: print_lines(events, output)


def main(arguments: Sequence[str], output: TextIO = sys.stdout) -> int:
    """Publish until asked to stop. Returns the exit status: 0, or 78 as the worker."""
    options = member_parser("python -m workers.relay").parse_args(arguments)
    signals = begin(options.pool)
    try:
        settings = Settings.load()
    except MisconfiguredError as error:
        log.error("relay.unable", reason=str(error))  # noqa: TRY400 - the message says it all
        return UNABLE
    ledger = PostgresLedger.from_settings(settings)
    repeat(Relay(ledger, publisher(settings, output)).step, signals, name="relay")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
