"""The loop of a worker: take a ticket from any job server, run its function, take the next."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gearman import GearmanWorker
from gearman.errors import ConnectionError as GearmanConnectionError
from gearman.errors import GearmanError
from gearman.protocol import GEARMAN_COMMAND_WORK_COMPLETE
from gearman.worker_handler import GearmanWorkerCommandHandler

from jobs.errors import Rejected, Unavailable
from jobs.gearman.connection import Connection
from jobs.job import Ticket
from jobs.outages import Outages
from jobs.tickets import decode

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5  # how late an idle worker may notice that it is to stop, or that a server came back
BACKOFF_SECONDS = 0.4  # between two looks at a world without servers
SILENCE_SECONDS = 5.0  # a server that leaves a grab unanswered for so long is given up


def serve(
    servers: Sequence[str],
    functions: Mapping[str, Callable[[Ticket], None]],
    keep_going: Callable[[], bool],
    *,
    name: str,
    connect_timeout_seconds: float,
) -> None:
    """Run tickets from all `servers` (host:port) until `keep_going` is false, one at a time.

    It outlives every server. A function settles its job in the ledger itself; if it raises, that is logged and the
    ticket is over all the same. `name`, without spaces, is how the servers list this worker.
    """
    outages = Outages()
    while keep_going():
        worker = Worker(servers, functions, keep_going, connect_timeout_seconds, outages)
        worker.set_client_id(name)
        try:
            worker.work(poll_timeout=POLL_SECONDS)
        except GearmanError:  # trap: work() ends when the last server goes, and leaves the worker's state as it was
            worker.shutdown()
            time.sleep(BACKOFF_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - jitter


class WorkerHandler(GearmanWorkerCommandHandler):  # type: ignore[misc]
    """What one server says to a worker."""

    def recv_job_assign_uniq(self, job_handle: bytes, task: bytes, unique: bytes, data: bytes) -> bool:  # noqa: ARG002
        """Run a job and ask for the next."""
        worker = self.connection_manager
        if not worker.keep_going():
            return True  # the connection closes without an answer, and the server gives the job to somebody else
        worker.run(task, data)
        # Traps: a failure or an exception would delete the job, and None for a result would end work().
        self.send_command(GEARMAN_COMMAND_WORK_COMPLETE, job_handle=job_handle, data=b"")
        if worker.has_one_server() and worker.keep_going():
            self._grab_job()  # trap: as shipped, it sleeps and is woken again, two round trips for each job
        else:
            self._release_job_lock()  # and the servers take turns
            self._sleep()
        worker.handle_write(worker.handler_to_connection_map[self])  # now, for the loop may end before the next poll
        return True

    def _grab_job(self) -> None:
        self.connection_manager.grabbed_at = time.monotonic()
        super()._grab_job()


class Worker(GearmanWorker):  # type: ignore[misc]
    """gearman3's worker, cured."""

    command_handler_class = WorkerHandler

    def __init__(
        self,
        servers: Sequence[str],
        functions: Mapping[str, Callable[[Ticket], None]],
        keep_going: Callable[[], bool],
        connect_timeout_seconds: float,
        outages: Outages,
    ) -> None:
        self.connection_class = partial(Connection, connect_timeout_seconds=connect_timeout_seconds)
        super().__init__(list(servers))
        self.keep_going = keep_going
        self.grabbed_at = 0.0
        self._patience_seconds = connect_timeout_seconds
        self._outages = outages
        for name, function in functions.items():
            self.register_task(name.encode(), function)  # trap: a server names them in bytes

    def run(self, task: bytes, workload: bytes) -> None:
        """Run a ticket's function. Never raises: an unanswered job would come back until the server drops it."""
        try:
            self.worker_abilities[task](decode(workload))
        except Rejected as error:
            log.warning("ticket.rejected", extra={"code": error.code, "reason": str(error)})
        except Unavailable as error:  # the ledger brings the job again, unless its end was noted
            log.warning("ticket.deferred", extra={"code": error.code, "reason": str(error)})
        except Exception:
            log.exception("ticket.failed", extra={"workload": workload[:80]})

    def has_one_server(self) -> bool:
        """Whether no other server waits for a turn."""
        return [connection.connected for connection in self.connection_list].count(True) == 1

    def establish_worker_connections(self) -> list[Connection]:
        """Connect where it is worth trying; returns the connections that stand."""
        return [connection for connection in self.connection_list if self._connected(connection)]

    def after_poll(self, any_activity: bool) -> bool:  # noqa: ARG002, FBT001 - gearman3's signature
        """Whether to go on."""
        self._give_up_silent_server()
        return self.keep_going()

    def on_gearman_error(self, error_code: bytes, error_text: bytes) -> bool:
        """Note what a server complains of, and go on."""
        log.warning("broker.refused", extra={"code": error_code.decode(), "reason": error_text.decode()})
        return True  # trap: False, as shipped, leaves what was received with the error unread

    def _connected(self, connection: Connection) -> bool:
        server = f"{connection.gearman_host}:{connection.gearman_port}"
        if connection.connected:
            return True
        if not self._outages.worth_trying(server, self._patience_seconds):
            return False
        connection.connect_timeout_seconds = self._outages.patience_seconds(server, self._patience_seconds)
        try:
            with self._outages.trial(server):
                self.establish_connection(connection)
        except GearmanConnectionError:
            return False
        return True

    def _give_up_silent_server(self) -> None:
        # The grab holds the worker's one turn, so a server that hangs would keep it from all the others.
        silent = self.command_handler_holding_job_lock
        if silent is not None and time.monotonic() - self.grabbed_at > SILENCE_SECONDS:
            self.handle_error(self.handler_to_connection_map[silent])
