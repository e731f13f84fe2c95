"""Whoever follows the events, as the social layer would."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Takes the relay's batches, and keeps each event as it came and when, the repeated ones too."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.events: list[dict[str, Any]] = []
        self.refuses = False  # whether it answers 503, and takes nothing
        self._server = server

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/events"

    def take(self, body: bytes) -> int:
        """Keep a batch. Returns the status to answer."""
        if self.refuses:
            return 503
        at = time.time()
        self.events.extend({**event, "arrived_at": at} for event in json.loads(body))
        return 204


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        receiver = Receiver(server)
        server.receiver = receiver  # type: ignore[attr-defined]  # how http.server lets a handler know
        thread = threading.Thread(target=server.serve_forever, name="receiver", daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take a batch."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.receiver.take(body))  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
