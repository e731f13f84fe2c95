"""gearman3's connection, cured for Python 3.11 and for servers that do not answer."""

import socket
import struct
import time
from typing import Any

from gearman.connection import GearmanConnection
from gearman.protocol import GEARMAN_COMMAND_ECHO_REQ, GEARMAN_COMMAND_ECHO_RES

READ_BYTES = 64 * 1024
# A host that vanished without a word is noticed after about 30 s of silence, or 10 s of unanswered sending.
KEEPALIVE = {
    socket.TCP_KEEPIDLE: 15,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 10_000,
}
PING = b"\0REQ" + struct.pack(">II", GEARMAN_COMMAND_ECHO_REQ, 0)
PONG = b"\0RES" + struct.pack(">II", GEARMAN_COMMAND_ECHO_RES, 0)


class Connection(GearmanConnection):  # type: ignore[misc]
    """One connection to one job server."""

    def __init__(self, *, connect_timeout_seconds: float, **address: Any) -> None:
        self.connect_timeout_seconds = connect_timeout_seconds
        super().__init__(**address)

    def quiet(self) -> bool:
        """Whether the connection stands with nothing unread on it, as one does between a request and the next.

        False after the server closed it, also if it came back since.
        """
        if not self.connected:
            return False
        try:
            self.gearman_socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def answers(self, seconds: float) -> bool:
        """Whether the server answers a ping within so many seconds. For connections on which nothing else is asked.

        A server that hangs keeps its connections, and the kernel takes new ones for it.
        """
        if not self.quiet():
            return False
        try:
            self.gearman_socket.sendall(PING)  # fits into the socket's buffer
            return self._receive(len(PONG), time.monotonic() + seconds) == PONG
        except OSError:
            return False
        finally:
            self.gearman_socket.settimeout(0)  # as gearman3 wants it

    def read_data_from_socket(self, bytes_to_read: int = READ_BYTES) -> int:
        """Move what has arrived into the incoming buffer. Returns the buffer's size in bytes."""
        try:
            received = self.gearman_socket.recv(bytes_to_read)
        except OSError as error:
            self.throw_exception(exception=error)
        if not received:
            self.throw_exception(message="remote disconnected")
        self._incoming_buffer.frombytes(received)  # trap: as shipped, array.fromstring, which Python 3.9 took away
        return len(self._incoming_buffer)

    def _receive(self, length: int, end: float) -> bytes:
        """So many bytes, or fewer if it closes. `end` is by the monotonic clock. Raises OSError if they do not come."""
        received = b""
        while len(received) < length:
            self.gearman_socket.settimeout(max(0.001, end - time.monotonic()))
            data = self.gearman_socket.recv(length - len(received))
            if not data:
                break
            received += data
        return received

    def _create_client_socket(self) -> None:
        # Trap: as shipped, connecting waits as long as the kernel does, over 25 s for a host that swallows packets.
        try:
            opened = socket.create_connection(self.get_address(), timeout=self.connect_timeout_seconds)
        except OSError as error:
            self.throw_exception(exception=error)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
        self.set_socket(opened)
