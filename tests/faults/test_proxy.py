"""The proxy's troubles, each against a plain server that knows nothing of them."""

import socket
import threading
import time
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3

from scripts.faulting.proxy import Kind, Proxy, Trouble, is_whole_request, s3_answer

BODY = bytes(range(256)) * 40
PATIENCE_SECONDS = 10.0


class Echo:
    """Says everything again, and keeps what it heard."""

    def __init__(self):
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._say_again, args=(connection,), daemon=True).start()

    def _say_again(self, connection):
        with suppress(OSError), connection:
            while data := connection.recv(1 << 16):
                self.heard += data
                connection.sendall(data)


class Store(BaseHTTPRequestHandler):
    """Answers every GET with the same body, and notes what it was sent whole."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(BODY)

    def do_PUT(self):
        size = int(self.headers["Content-Length"])
        self.server.stored.append(len(self.rfile.read(size)) == size)
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def echo():
    with closing(Echo()) as server:
        yield server


@pytest.fixture
def proxy(echo):
    with closing(Proxy(echo.address)) as proxy:
        yield proxy


@pytest.fixture
def store():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.stored = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def http(store):
    with closing(Proxy(store.server_address)) as proxy:
        yield proxy


def connect(proxy, seconds=PATIENCE_SECONDS):
    return socket.create_connection(proxy.address, timeout=seconds)


def ask(connection, data):
    connection.sendall(data)
    return connection.recv(len(data))


def receive(connection, least):
    """How many bytes came, once it is so many at least."""
    came = 0
    while came < least:
        came += len(connection.recv(1 << 16))
    return came


def get(proxy, method="GET", body=None, retries=False):
    host, port = proxy.address
    return urllib3.PoolManager(retries=retries, timeout=PATIENCE_SECONDS).request(
        method, f"http://{host}:{port}/bucket/o/7/a", body=body
    )


def wait_until(condition):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_without_trouble_every_byte_passes_both_ways_and_the_end_too(proxy):
    with connect(proxy) as connection:
        assert ask(connection, b"hello") == b"hello"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_refused_is_refused_until_it_is_lifted_and_what_stood_is_cut(proxy):
    with connect(proxy) as stands:
        ask(stands, b"a")
        with proxy.troubled(Trouble(kind=Kind.REFUSE)):
            assert stands.recv(1) == b""
            with pytest.raises(ConnectionRefusedError):
                connect(proxy)
    with connect(proxy) as again:
        assert ask(again, b"b") == b"b"


def test_what_hangs_comes_late_but_whole(proxy, echo):
    with connect(proxy) as stands:
        ask(stands, b"a")
        with proxy.troubled(Trouble(kind=Kind.HANG)):
            stands.sendall(b"late")
            stands.settimeout(0.3)
            with pytest.raises(TimeoutError):
                stands.recv(1)
            assert echo.heard == b"a"
        stands.settimeout(PATIENCE_SECONDS)
        assert stands.recv(4) == b"late"


def test_a_muted_request_arrives_and_its_conversation_ends_with_the_trouble(proxy, echo):
    with connect(proxy, 0.3) as connection:
        with proxy.troubled(Trouble(kind=Kind.MUTE)):
            with pytest.raises(TimeoutError):
                ask(connection, b"unheard")
            wait_until(lambda: echo.heard == b"unheard")
            wait_until(lambda: any(conversation.lossy for conversation in proxy._open()))
        connection.settimeout(PATIENCE_SECONDS)
        assert connection.recv(1) == b""


def test_a_cut_comes_after_the_server_heard_the_condition_however_it_was_sent(proxy, echo):
    with proxy.troubled(Trouble(kind=Kind.CUT, when=b"COMMIT", times=1)), connect(proxy) as connection:
        assert ask(connection, b"COM") == b"COM"
        assert ask(connection, b"MIT") == b""
        assert echo.heard == b"COMMIT"
        assert proxy.struck == 1
        with connect(proxy) as another:
            assert ask(another, b"COMMIT") == b"COMMIT"


def test_a_cut_at_once_lets_the_request_arrive(proxy, echo):
    with proxy.troubled(Trouble(kind=Kind.CUT_AT_ONCE, when=b"COMMIT")), connect(proxy) as connection:
        with suppress(ConnectionError):
            assert ask(connection, b"COMMIT") == b""
        wait_until(lambda: echo.heard == b"COMMIT")


def test_slow_bytes_come_at_their_rate_and_at_full_speed_once_it_is_lifted(proxy):
    with connect(proxy) as connection:
        with proxy.troubled(Trouble(kind=Kind.SLOW, size=100)):
            began = time.monotonic()
            connection.sendall(bytes(1000))
            came = receive(connection, 50)
            assert came <= 100 * (time.monotonic() - began) + 20  # a piece ahead each way
        assert came + receive(connection, 1000 - came) == 1000


def test_a_share_of_the_requests_is_struck_by_the_same_dice_each_time(echo):
    def struck():
        with closing(Proxy(echo.address, seed=3)) as proxy:
            with proxy.troubled(Trouble(kind=Kind.CUT, when=b"x", share=0.5)):
                for _ in range(20):
                    with connect(proxy) as connection:
                        ask(connection, b"x")
            return proxy.struck

    assert struck() == struck()
    assert 2 < struck() < 18


def test_a_body_is_cut_short_after_its_whole_head(http):
    with http.troubled(Trouble(kind=Kind.SHORT_REPLY, when=b"GET /", size=100, times=1)):
        with pytest.raises(urllib3.exceptions.ProtocolError, match="IncompleteRead\\(100 bytes"):
            get(http)
        assert get(http).data == BODY


def test_a_request_that_is_cut_short_is_not_stored(http, store):
    with http.troubled(Trouble(kind=Kind.SHORT_REQUEST, when=b"PUT /", size=100)):
        with pytest.raises(urllib3.exceptions.HTTPError):
            get(http, "PUT", BODY)
        wait_until(lambda: store.stored == [False])


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_answer_in_the_servers_place_is_a_whole_one(http, store, method):
    answer = s3_answer("503 Slow Down", "SlowDown")
    with http.troubled(Trouble(kind=Kind.ANSWER, when=b" HTTP/1.1\r\n", answer=answer, times=1)):
        refused = get(http, method, BODY)
        assert (refused.status, refused.reason) == (503, "Slow Down")
        assert b"<Code>SlowDown</Code>" in refused.data
        assert store.stored == []
        assert get(http, method, BODY).status == 200


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", False),
        (b"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", True),
        (b"PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", True),
    ],
)
def test_an_answer_waits_for_as_much_of_a_request_as_its_sender_sends(data, whole):
    assert is_whole_request(data) is whole


def test_a_proxy_whose_server_is_gone_ends_the_connection(proxy, echo):
    echo.close()

    with connect(proxy) as connection, suppress(ConnectionError):
        assert connection.recv(1) == b""


def test_a_closed_proxy_carries_nothing_more(proxy):
    with connect(proxy) as connection:
        ask(connection, b"a")
        proxy.close()
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
