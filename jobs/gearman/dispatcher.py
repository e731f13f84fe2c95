"""Submitting tickets. The ledger has the job already, so a ticket that no server takes is late, not lost."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from gearman import JOB_CREATED, JOB_FAILED, PRIORITY_HIGH, PRIORITY_LOW, GearmanClient
from gearman.client_handler import GearmanClientCommandHandler
from gearman.errors import GearmanError, ServerUnavailable
from gearman.protocol import GEARMAN_COMMAND_JOB_CREATED

from jobs.errors import BrokerUnavailable
from jobs.gearman.connection import Connection
from jobs.gearman.watch import connect, hold
from jobs.job import Lane, Ticket
from jobs.outages import Outages
from jobs.tickets import encode, unique

log = logging.getLogger(__name__)

BATCH = 100  # tickets in flight at once; more gains nothing, and one round trip each costs ten times the time
PRIORITIES = {Lane.INTERACTIVE: PRIORITY_HIGH, Lane.BATCH: PRIORITY_LOW}


class Dispatcher:
    """Sends tickets to the first job server that takes them. One for each thread, made after any fork."""

    def __init__(self, servers: Sequence[str], connect_timeout_seconds: float, outages: Outages | None = None) -> None:
        """`servers` are host:port in order of preference; threads may share what they know of `outages`.

        The timeout is shared out among the servers, so a send never waits for longer than that in all.
        """
        self._outages = outages or Outages()
        self._patience_seconds = connect_timeout_seconds / max(1, len(servers))
        self._servers = tuple(servers)
        self._clients: dict[str, JobServerClient] = {}

    def send(self, tickets: Sequence[Ticket]) -> None:
        """Queue the tickets in the background, each in its lane. A ticket that is queued already is folded into itself.

        Raises:
            BrokerUnavailable: not every ticket was taken.
        """
        left = list(tickets)
        for server in self._servers:
            if left and self._outages.worth_trying(server, self._patience_seconds):
                left = self._offer(server, left)
        if left:
            raise BrokerUnavailable(
                f"no job server took {len(left)} of {len(tickets)} tickets; check that gearmand runs at "
                f"{', '.join(self._servers)} (DARKROOM_GEARMAN_SERVERS)"
            )

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.shutdown()

    def _offer(self, server: str, tickets: list[Ticket]) -> list[Ticket]:
        """Offer the tickets to one server; returns those that it did not take."""
        refused: list[Ticket] = []
        for start in range(0, len(tickets), BATCH):
            try:
                with self._outages.trial(server):
                    if self._outages.lost(server):
                        self._probe(server)
                    refused += self._client(server).submit(tickets[start : start + BATCH])
            except GearmanError:
                self._discard(server)
                return refused + tickets[start:]
        return refused

    def _probe(self, server: str) -> None:
        """Return if a lost server answers. Raises GearmanError."""
        probe = hold(server, self._patience_seconds)
        try:
            connect(probe, self._outages.patience_seconds(server, self._patience_seconds))
        finally:
            probe.close()

    def _client(self, server: str) -> "JobServerClient":
        """The client of this server, with a connection that stands, or a new one."""
        # A server that was restarted since the last send is noticed before a ticket is lost on the old connection.
        if server in self._clients and not self._clients[server].quiet():
            self._discard(server)
        if server not in self._clients:
            self._clients[server] = JobServerClient(server, self._patience_seconds)
        return self._clients[server]

    def _discard(self, server: str) -> None:
        # A client that met an error is never used again, so no late answer can reach another ticket's request.
        if server in self._clients:
            self._clients.pop(server).shutdown()


class ClientHandler(GearmanClientCommandHandler):  # type: ignore[misc]
    """What one server says to a client."""

    def recv_command(self, cmd_type: int, **arguments: Any) -> bool:
        """Hand an answer to the request that waits for it."""
        if "job_handle" in arguments:
            arguments["job_handle"] = arguments["job_handle"].rstrip(b"\0")  # trap: so ends a C worker's WORK_FAIL
        # Trap: as shipped, an answer to a request that was given up on raises KeyError in whatever is asked next.
        late = arguments.get("job_handle") not in self.handle_to_request_map
        if "job_handle" in arguments and cmd_type != GEARMAN_COMMAND_JOB_CREATED and late:
            return True
        return bool(super().recv_command(cmd_type, **arguments))

    def recv_error(self, error_code: bytes, error_text: bytes) -> bool:
        """Fail the request that was refused."""
        log.warning("broker.refused", extra={"code": error_code.decode(), "reason": error_text.decode()})
        # Trap: as shipped, the refused request stays at the head: it waits for ever and takes the next one's handle.
        if self.requests_awaiting_handles:
            self.requests_awaiting_handles.popleft().state = JOB_FAILED
        return True

    def recv_status_res(self, known: bytes, running: bytes, **counts: Any) -> bool:
        """Note a job's status."""
        # Trap: as shipped, bytes are compared with text, so every job reads as unknown.
        return bool(super().recv_status_res(known=known.decode(), running=running.decode(), **counts))


class JobServerClient(GearmanClient):  # type: ignore[misc]
    """gearman3's client for one job server, cured."""

    command_handler_class = ClientHandler

    def __init__(self, server: str, patience_seconds: float) -> None:
        self.connection_class = partial(Connection, connect_timeout_seconds=patience_seconds)
        self._patience_seconds = patience_seconds
        super().__init__([server])

    def quiet(self) -> bool:
        """Whether it is connected, and has no answer outstanding."""
        return all(connection.quiet() for connection in self.connection_list)

    def submit(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Queue tickets in the background; returns those that the server refused.

        Raises:
            GearmanError: no connection, or no answer in time.
        """
        requests = self.submit_multiple_jobs(
            [_request(ticket) for ticket in tickets],
            background=True,
            wait_until_complete=False,
            max_retries=0,  # trap: more does not work; the next server, or the sweeper, sends the same unique again
            poll_timeout=self._patience_seconds,
        )
        if any(request.timed_out for request in requests):
            raise ServerUnavailable(f"no answer within {self._patience_seconds} s")
        return [ticket for ticket, sent in zip(tickets, requests, strict=True) if sent.state != JOB_CREATED]


def _request(ticket: Ticket) -> dict[str, Any]:
    return {
        "task": ticket.function,
        "unique": unique(ticket),
        "data": encode(ticket),
        "priority": PRIORITIES[ticket.lane],
    }
