"""gearman3's connection, cured for Python 3.11 and for servers that do not answer."""

import socket
from typing import Any

from gearman.connection import GearmanConnection

READ_BYTES = 64 * 1024
# A host that vanished without a word is noticed after about 30 s of silence, or 10 s of unanswered sending.
KEEPALIVE = {
    socket.TCP_KEEPIDLE: 15,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 10_000,
}


class Connection(GearmanConnection):  # type: ignore[misc]
    """One connection to one job server."""

    def __init__(self, *, connect_timeout_seconds: float, **address: Any) -> None:
        self._connect_timeout_seconds = connect_timeout_seconds
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

    def _create_client_socket(self) -> None:
        # Trap: as shipped, connecting waits as long as the kernel does, over 25 s for a host that swallows packets.
        try:
            opened = socket.create_connection(self.get_address(), timeout=self._connect_timeout_seconds)
        except OSError as error:
            self.throw_exception(exception=error)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
        self.set_socket(opened)
