"""What a job server says of itself, over its text protocol."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from gearman import GearmanAdminClient
from gearman.admin_client_handler import GearmanAdminClientCommandHandler
from gearman.errors import GearmanError
from gearman.protocol import GEARMAN_COMMAND_TEXT_COMMAND

from jobs.errors import BrokerUnavailable
from jobs.gearman.connection import Connection

PRIORITY_STATUS = "prioritystatus"


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One function's jobs on one server."""

    function: str
    interactive: int  # waiting at high priority
    batch: int  # waiting at low priority
    running: int
    workers: int  # that have registered the function, busy or not


@dataclass(frozen=True, kw_only=True)
class JobServer:
    """A job server at one moment. `workers` are the names of the connected workers."""

    address: str
    version: str
    queues: tuple[Queue, ...]
    workers: tuple[str, ...]


def survey(server: str, timeout_seconds: float) -> JobServer:
    """Ask a job server (host:port) for its queues and workers.

    Raises:
        BrokerUnavailable: no connection, or no answer within `timeout_seconds` to one of its four questions.
    """
    admin = Admin(server, timeout_seconds)
    try:
        waiting = {line["task"]: line for line in admin.get_priority_status()}
        return JobServer(
            address=server,
            version=admin.get_version().removeprefix("OK "),
            queues=tuple(_queue(line, waiting.get(line["task"], NOTHING_WAITS)) for line in admin.get_status()),
            workers=tuple(line["client_id"] for line in admin.get_workers() if line["tasks"]),
        )
    except GearmanError as error:
        raise BrokerUnavailable(f"{server} does not answer; check that gearmand runs there ({error})") from error
    finally:
        admin.shutdown()


NOTHING_WAITS = {"high": 0, "low": 0}


def _queue(status: dict[str, Any], waiting: dict[str, Any]) -> Queue:
    return Queue(
        function=status["task"],
        interactive=waiting["high"],
        batch=waiting["low"],
        running=status["running"],
        workers=status["workers"],
    )


class AdminHandler(GearmanAdminClientCommandHandler):  # type: ignore[misc]
    """What one server answers to an administrator."""

    def __init__(self, connection_manager: Any) -> None:
        super().__init__(connection_manager=connection_manager)
        self._lines: list[dict[str, Any]] = []

    def recv_text_command(self, raw_text: bytes) -> bool:
        """Take one line of an answer."""
        # Trap: as shipped, every parser expects text and gets bytes, some with a carriage return at the end.
        return bool(super().recv_text_command(raw_text.decode().rstrip("\r")))

    def recv_echo_res(self, data: bytes) -> bool:
        """Take the answer to a ping."""
        return bool(super().recv_echo_res(data.decode()))  # trap: as shipped, it never equals the text that was sent

    def send_priority_status(self) -> None:
        """Ask how many jobs wait at each priority, which gearman3 does not know of."""
        self._sent_commands.append(PRIORITY_STATUS)
        self.send_command(GEARMAN_COMMAND_TEXT_COMMAND, raw_text=f"{PRIORITY_STATUS}\n")

    def recv_server_prioritystatus(self, line: str) -> bool:
        """Take one function's line: its name, then how many wait at high, normal and low priority, and the workers."""
        if line == ".":
            self._recv_responses.append(tuple(self._lines))
            return False
        task, high, _, low, _ = line.split("\t")
        self._lines.append({"task": task, "high": int(high), "low": int(low)})
        return True


class Admin(GearmanAdminClient):  # type: ignore[misc]
    """gearman3's administrator of one job server, cured."""

    command_handler_class = AdminHandler

    def __init__(self, server: str, timeout_seconds: float) -> None:
        self.connection_class = partial(Connection, connect_timeout_seconds=timeout_seconds)
        super().__init__([server], poll_timeout=timeout_seconds)

    def get_priority_status(self) -> Any:
        """How many jobs wait at high and low priority, by function."""
        self.establish_admin_connection()
        self.current_handler.send_priority_status()
        return self.wait_until_server_responds(PRIORITY_STATUS)
