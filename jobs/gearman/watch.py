"""Noticing that a job server went away and came back: one that was restarted has lost its queue."""

from collections.abc import Sequence

from gearman.errors import ConnectionError as GearmanConnectionError
from gearman.util import disambiguate_server_parameter

from jobs.gearman.connection import Connection
from jobs.outages import Outages

# For which a lost server is asked whether it is back: less than others wait (`jobs.outages`), so that it is asked more
# often. Who has no ticket to bring may be wrong about it.
LOOK_SECONDS = 0.5


class BrokerWatch:
    """Holds a connection to each job server: whoever breaks it has gone, and forgotten what it had queued.

    Whoever answers no ping on it is gone too: it may come back as it was, but meanwhile nobody brought it a ticket.
    """

    def __init__(self, servers: Sequence[str], connect_timeout_seconds: float, outages: Outages | None = None) -> None:
        """Who shares what is known of `outages` hears of a return at once."""
        self._patience_seconds = connect_timeout_seconds
        self._outages = outages or Outages()
        self._connections = {server: hold(server, connect_timeout_seconds) for server in servers}

    def returned(self) -> list[str]:
        """The servers that came, or came back, since the last call; the first call names every one that is there."""
        return [
            server
            for server, held in self._connections.items()
            if not held.answers(self._patience_seconds) and self._reconnect(server)
        ]

    def reachable(self) -> bool:
        """Whether the last `returned` found any server."""
        return any(connection.connected for connection in self._connections.values())

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()

    def _reconnect(self, server: str) -> bool:
        connection = self._connections[server]
        connection.close()
        patience_seconds = self._patience_seconds
        if self._outages.lost(server):
            patience_seconds = min(LOOK_SECONDS, patience_seconds)
        if not self._outages.worth_trying(server, self._patience_seconds):
            return False
        try:
            with self._outages.trial(server):
                connect(connection, patience_seconds)
        except GearmanConnectionError:
            return False
        return True


def connect(connection: Connection, patience_seconds: float) -> None:
    """Connect to a server that answers.

    Raises:
        gearman.errors.ConnectionError: it does not; the connection is closed.
    """
    connection.connect_timeout_seconds = patience_seconds
    connection.connect()
    if not connection.answers(patience_seconds):
        connection.close()
        raise GearmanConnectionError(f"connected, and no answer within {patience_seconds:g} s")


def hold(server: str, connect_timeout_seconds: float) -> Connection:
    """A connection to a server (host:port), not connected yet."""
    host, port = disambiguate_server_parameter(server)
    return Connection(host=host, port=port, connect_timeout_seconds=connect_timeout_seconds)
