"""Noticing that a job server was restarted, which means that its queue is gone."""

from collections.abc import Sequence

from gearman.errors import ConnectionError as GearmanConnectionError
from gearman.util import disambiguate_server_parameter

from jobs.gearman.connection import Connection
from jobs.outages import Outages


class BrokerWatch:
    """Holds a connection to each job server: whoever breaks it has gone, and forgotten what it had queued."""

    def __init__(self, servers: Sequence[str], connect_timeout_seconds: float) -> None:
        self._patience_seconds = connect_timeout_seconds
        self._outages = Outages()
        self._connections = {server: _connection(server, connect_timeout_seconds) for server in servers}

    def returned(self) -> list[str]:
        """The servers that came, or came back, since the last call; the first call names every one that is there."""
        return [server for server, held in self._connections.items() if not held.quiet() and self._reconnect(server)]

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
        if not self._outages.worth_trying(server, self._patience_seconds):
            return False
        try:
            with self._outages.trial(server):
                connection.connect()
        except GearmanConnectionError:
            return False
        return True


def _connection(server: str, connect_timeout_seconds: float) -> Connection:
    host, port = disambiguate_server_parameter(server)
    return Connection(host=host, port=port, connect_timeout_seconds=connect_timeout_seconds)
