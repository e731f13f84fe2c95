"""A TCP proxy between a client and a server that does to them what networks do: cuts, silence, slowness, lies.

It is quiet until it is given a `Trouble`, and quiet again when that is lifted. It knows nothing of what it carries, but
for a trouble that speaks of an HTTP body or answers in the server's place.
"""

import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

PORTS = range(20_000, 25_000)  # below Linux's ephemeral ports, so that one stays ours while nobody listens on it
CHUNK_BYTES = 1 << 16
TICK_SECONDS = 0.1
HEAD_END = b"\r\n\r\n"
CONNECT_SECONDS = 5.0


class Kind(StrEnum):
    """What befalls a conversation."""

    REFUSE = "refuse"  # no connection is taken, and those that stand are cut
    HANG = "hang"  # connections stand and are taken, and nothing passes; all of it comes when the trouble is lifted
    MUTE = "mute"  # requests arrive, replies are lost for ever
    CUT = "cut"  # the request arrives and is carried out; the connection is cut before the reply passes
    CUT_AT_ONCE = "cut at once"  # the request arrives, and the connection is cut before the server can have answered
    SLOW = "slow"  # `size` bytes a second each way
    SHORT_REPLY = "short reply"  # cut after `size` bytes of an HTTP reply's body
    SHORT_REQUEST = "short request"  # cut after `size` bytes of an HTTP request's body
    ANSWER = "answer"  # the server hears nothing; `answer` is the reply


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A kind of trouble, and for whom.

    `when` are bytes of the request from which on it strikes a conversation: b"" is any, both ways, from the next byte
    on. It strikes at most `times`, and of the requests that it could strike a `share` by the proxy's dice.
    """

    kind: Kind
    when: bytes = b""
    times: int | None = None
    share: float = 1.0
    size: int = 0
    answer: bytes = b""


def http_answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    """A whole HTTP reply after which the connection ends. `status` is as "503 Slow Down"."""
    given = {"Content-Type": "application/xml", "Content-Length": str(len(body)), "Connection": "close", **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + HEAD_END + body


def s3_answer(status: str, code: str) -> bytes:
    """An error as S3 words it, such as `s3_answer("503 Slow Down", "SlowDown")`."""
    return http_answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>-</Message></Error>".encode())


class Proxy:
    """Carries connections on `address` over to `target`, both (host, port)."""

    def __init__(self, target: tuple[str, int], *, host: str = "127.0.0.1", seed: int = 0) -> None:
        self.target = target
        self.struck = 0  # how often a trouble struck
        self._dice = random.Random(seed)  # noqa: S311 - what it decides is which request is unlucky
        self._lock = threading.Lock()
        self._trouble: Trouble | None = None
        self._left: int | None = None  # how often the trouble may still strike
        self._conversations: set[_Conversation] = set()
        self._listener = _listen_anywhere(host)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._accept_in_background()

    @property
    def trouble(self) -> Trouble | None:
        """What there is now."""
        return self._trouble

    def make(self, trouble: Trouble) -> None:
        """Begin a trouble, in place of any other."""
        self.lift()
        with self._lock:
            self._trouble, self._left = trouble, trouble.times
        if trouble.kind is Kind.REFUSE:
            self.struck += 1
            _close(self._listener)
            self.cut_all()

    def lift(self) -> None:
        """Be quiet again. Conversations that have lost bytes cannot go on and are cut."""
        with self._lock:
            trouble, self._trouble = self._trouble, None
        if trouble and trouble.kind is Kind.REFUSE:
            self._listener = socket.create_server(self.address, backlog=128)
            self._accept_in_background()
        for conversation in self._open():
            if conversation.lossy:
                conversation.cut()

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[None]:
        """Make a trouble for the time inside."""
        self.make(trouble)
        try:
            yield
        finally:
            self.lift()

    def cut_all(self) -> None:
        """End every connection, here and now."""
        for conversation in self._open():
            conversation.cut()

    def close(self) -> None:
        """Carry nothing any more."""
        self._trouble = None
        _close(self._listener)
        self.cut_all()

    def strikes(self, trouble: Trouble, request: bytes) -> bool:
        """Whether the trouble strikes now, by its condition, its number and the dice."""
        with self._lock:
            if trouble is not self._trouble or trouble.when not in request or self._left == 0:
                return False
            if self._dice.random() >= trouble.share:
                return False
            self._left = None if self._left is None else self._left - 1
            self.struck += 1
            return True

    def forget(self, conversation: "_Conversation") -> None:
        """Leave a conversation that has ended."""
        with self._lock:
            self._conversations.discard(conversation)

    def _open(self) -> list["_Conversation"]:
        with self._lock:
            return list(self._conversations)

    def _accept_in_background(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), name="proxy", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                conversation = _Conversation(self, client)
                with self._lock:
                    self._conversations.add(conversation)
                threading.Thread(target=conversation.carry, name="proxy", daemon=True).start()


class _Conversation:
    """One connection and its continuation to the server, a thread for each way."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.lossy = False
        self._proxy = proxy
        self._client = client
        self._server = socket.socket()
        self._struck: Trouble | None = None  # by an earlier request
        self._over = False
        self._request = b""  # that is answered here, as far as it has come
        self._body = _Body()

    def carry(self) -> None:
        """Carry bytes both ways until either end is cut, or both have said all."""
        try:
            self._server = socket.create_connection(self._proxy.target, timeout=CONNECT_SECONDS)
            self._server.settimeout(None)
            back = threading.Thread(target=self._carry_replies, name="proxy", daemon=True)
            back.start()
            self._carry_requests()
            back.join()
        except OSError:
            self.cut()
        for end in (self._client, self._server):
            end.close()
        self._proxy.forget(self)

    def cut(self) -> None:
        """End it both ways. What was received and not passed is lost."""
        self._over = True
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _carry_requests(self) -> None:
        seen = b""
        with self._cutting_at_errors():
            while data := self._client.recv(CHUNK_BYTES):
                seen = self._unseen(seen) + data
                self._pass_request(data, self._befallen(seen))
            self._server.shutdown(socket.SHUT_WR)

    def _carry_replies(self) -> None:
        with self._cutting_at_errors():
            while data := self._server.recv(CHUNK_BYTES):
                self._pass_reply(data, self._befallen(b""))
            self._client.shutdown(socket.SHUT_WR)

    @contextmanager
    def _cutting_at_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.cut()

    def _unseen(self, seen: bytes) -> bytes:
        """The end of what passed, in which a condition may have begun that was not whole."""
        trouble = self._proxy.trouble
        length = len(trouble.when) - 1 if trouble else 0
        return seen[-length:] if length > 0 else b""

    def _befallen(self, request: bytes) -> Trouble | None:
        trouble = self._proxy.trouble
        if trouble is None or trouble.kind is Kind.REFUSE:
            return None
        if self._struck is not trouble and self._proxy.strikes(trouble, request):
            self._struck = trouble
            self._body = _Body()
        return trouble if self._struck is trouble else None

    def _pass_request(self, data: bytes, trouble: Trouble | None) -> None:
        match trouble.kind if trouble else None:
            case Kind.ANSWER:
                self._answer(data, trouble)  # type: ignore[arg-type]  # mypy does not see that it is one
            case Kind.SHORT_REQUEST:
                self._pass_short(data, trouble, self._server)  # type: ignore[arg-type]
            case Kind.CUT_AT_ONCE:
                self._client.shutdown(socket.SHUT_RDWR)  # first: a quick reply would pass
                self._server.sendall(data)
                self.cut()
            case _:
                self._pass(data, trouble, self._server)

    def _pass_reply(self, data: bytes, trouble: Trouble | None) -> None:
        match trouble.kind if trouble else None:
            case Kind.CUT:
                self.cut()
            case Kind.MUTE:
                self.lossy = True
            case Kind.SHORT_REPLY:
                self._pass_short(data, trouble, self._client)  # type: ignore[arg-type]
            case _:
                self._pass(data, trouble, self._client)

    def _pass(self, data: bytes, trouble: Trouble | None, to: socket.socket) -> None:
        if trouble and trouble.kind is Kind.HANG:
            while self._goes_on(trouble):
                time.sleep(TICK_SECONDS)
        if trouble and trouble.kind is Kind.SLOW:
            data = self._trickle(data, trouble, to)
        to.sendall(data)

    def _trickle(self, data: bytes, trouble: Trouble, to: socket.socket) -> bytes:
        """Send slowly for as long as the trouble lasts; returns what is left then."""
        piece = max(1, int(trouble.size * TICK_SECONDS))
        while data and self._goes_on(trouble):
            to.sendall(data[:piece])
            data = data[piece:]
            time.sleep(TICK_SECONDS)
        return data

    def _goes_on(self, trouble: Trouble) -> bool:
        return self._proxy.trouble is trouble and not self._over

    def _pass_short(self, data: bytes, trouble: Trouble, to: socket.socket) -> None:
        to.sendall(self._body.shortened(data, trouble.size))
        if self._body.passed_bytes >= trouble.size:
            self.cut()

    def _answer(self, data: bytes, trouble: Trouble) -> None:
        self._request += data
        if is_whole_request(self._request):
            self._client.sendall(trouble.answer)
            self.cut()


class _Body:
    """Tells the body of an HTTP message from its head while it passes. `passed_bytes` is -1 before the body."""

    def __init__(self) -> None:
        self.passed_bytes = -1
        self._head = b""

    def shortened(self, data: bytes, size: int) -> bytes:
        """Of the next bytes, those that pass if only `size` of the body may; a head passes when it is whole."""
        head = b""
        if self.passed_bytes < 0:
            self._head += data
            head, end, data = self._head.partition(HEAD_END)
            if not end:
                return b""
            self.passed_bytes, head = 0, head + end
        body = data[: max(0, size - self.passed_bytes)]
        self.passed_bytes += len(body)
        return head + body


def is_whole_request(data: bytes) -> bool:
    """Whether an HTTP request has come so far that its sender waits for an answer."""
    head, end, body = data.partition(HEAD_END)
    if not end:
        return False
    fields = head.lower()
    length = re.search(rb"\r\ncontent-length: *(\d+)", fields)
    waits = b"\r\nexpect: 100-continue" in fields or length is None
    return waits or len(body) >= int(length[1] if length else 0)


def _listen_anywhere(host: str) -> socket.socket:
    """A listener on a port that nobody has."""
    while True:
        with suppress(OSError):
            port = random.choice(PORTS)  # noqa: S311
            return socket.create_server((host, port), backlog=128)


def _close(listener: socket.socket) -> None:
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # trap: close alone does not wake who waits in accept, who goes on taking
    listener.close()
