"""What is decided once for a stack and then kept: its ports and its passwords."""

import json
import random
import secrets
import socket
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from workers.stack.errors import StackError

PORTS = range(25_000, 32_700)  # below Linux's ephemeral ports, so that no outgoing connection takes one
BLOCK = 13  # gearmand, PostgreSQL, PgBouncer and SeaweedFS's ten


def _password() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Ports are one block from `first_port`; passwords go into files that only their server or we can read."""

    first_port: int
    superuser_password: str = field(default_factory=_password)
    owner_password: str = field(default_factory=_password)
    application_password: str = field(default_factory=_password)
    s3_access_key: str = field(default_factory=_password)
    s3_secret_key: str = field(default_factory=_password)

    @property
    def gearmand_port(self) -> int:
        """Where gearmand listens."""
        return self.first_port

    @property
    def postgres_port(self) -> int:
        """Where PostgreSQL listens."""
        return self.first_port + 1

    @property
    def pgbouncer_port(self) -> int:
        """Where PgBouncer listens."""
        return self.first_port + 2

    @property
    def s3_port(self) -> int:
        """Where SeaweedFS speaks S3; the nine after it are its own."""
        return self.first_port + 3

    @property
    def free(self) -> bool:
        """Whether nobody listens on any of the ports."""
        return all(_free(port) for port in range(self.first_port, self.first_port + BLOCK))

    def on_other_ports(self) -> "Plan":
        """The same passwords with a block of ports that is free now."""
        return replace(self, first_port=_free_block())

    def save(self, file: Path) -> None:
        """Write the plan to a file that its owner alone can read."""
        write_private(file, json.dumps(asdict(self), indent=1) + "\n")


def load_or_make(file: Path) -> Plan:
    """The plan in `file`, or a new one, written there."""
    if file.exists():
        return Plan(**json.loads(file.read_text()))
    plan = Plan(first_port=_free_block())
    plan.save(file)
    return plan


def write_private(file: Path, text: str) -> None:
    """Replace a file in one step by one of mode 600."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)


def _free_block() -> int:
    # In random order, so that two stacks that are planned at the same moment part ways.
    blocks = PORTS[: -BLOCK + 1 : BLOCK]
    for first in random.sample(blocks, k=len(blocks)):
        if Plan(first_port=first).free:
            return first
    raise StackError(f"Found no {BLOCK} free ports in a row on 127.0.0.1 between {PORTS.start} and {PORTS.stop}.")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
