"""Workers in a network of their own, which is cut between them and the servers: packets vanish without a word.

The servers listen on loopback, where no other network comes; so proxies at the gateway's addresses stand for them, one
address a server.
"""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from scripts.faulting.lab import Lab
from scripts.faulting.model import Fault, NotHereError
from scripts.faulting.network import Wires
from scripts.faulting.proxy import Proxy
from scripts.faulting.servers import DONE_SECONDS, is_final, measure

GROUP = "namespaces"
NOBODY = "02:00:00:00:00:99"  # a hardware address that nobody has: what is sent there is lost
WARM_SECONDS = 1.0
CUT_SECONDS = 20.0  # above a lease, and above every time-out of TCP's that we set
SETTLE_SECONDS = 90.0
GATEWAYS = {"gearmand": 1, "ledger": 2, "store": 3}  # the last number of each server's address
WORKERS = 10  # the last number of the workers' own
LOAD = 40


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network of two hosts: the servers' proxies here, and a namespace for workers."""

    namespace: str
    link: str  # our end
    far_link: str  # theirs
    prefix: str  # of its addresses, such as 10.213.7

    def address(self, server: str) -> str:
        """Where workers find a server."""
        return f"{self.prefix}.{GATEWAYS[server]}"

    def inside(self, *command: str) -> tuple[str, ...]:
        """A command, run in the namespace."""
        return ("ip", "netns", "exec", self.namespace, *command)

    def make(self) -> None:
        """Make it. Raises NotHereError."""
        ip("netns", "add", self.namespace)
        ip("link", "add", self.link, "type", "veth", "peer", "name", self.far_link, "netns", self.namespace)
        for server in GATEWAYS:
            ip("addr", "add", f"{self.address(server)}/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        far = ("-n", self.namespace)
        ip(*far, "addr", "add", f"{self.prefix}.{WORKERS}/24", "dev", self.far_link)
        ip(*far, "link", "set", self.far_link, "up")
        ip(*far, "link", "set", "lo", "up")

    def remove(self) -> None:
        """Remove it, as far as it was made."""
        for command in (["link", "del", self.link], ["netns", "del", self.namespace]):
            subprocess.run(["ip", *command], capture_output=True, check=False)

    @contextmanager
    def without(self, server: str) -> Iterator[None]:
        """Have what workers send to one server get lost."""
        neighbour = ("-n", self.namespace, "neigh")
        whom = (self.address(server), "dev", self.far_link)
        ip(*neighbour, "replace", *whom, "lladdr", NOBODY, "nud", "permanent")
        try:
            yield
        finally:
            ip(*neighbour, "del", *whom)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Have the whole link be down."""
        ip("link", "set", self.link, "down")
        try:
            yield
        finally:
            ip("link", "set", self.link, "up")


def ip(*arguments: str) -> None:
    """Run `ip`. Raises NotHereError."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotHereError(f"no network of our own: ip {' '.join(arguments)}: {done.stderr.strip()}")


@contextmanager
def a_network() -> Iterator[Network]:
    """A network of two hosts, gone afterwards. Raises NotHereError."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise NotHereError("a network namespace takes root and `ip`")
    token = secrets.token_hex(3)
    network = Network(
        namespace=f"darkroom-{token}",
        link=f"dr{token}a",
        far_link=f"dr{token}b",
        prefix=f"10.213.{secrets.randbelow(254) + 1}",
    )
    try:
        network.make()
        yield network
    finally:
        network.remove()


@contextmanager
def wires_at(network: Network, lab: Lab) -> Iterator[Wires]:
    """Proxies at the gateway's addresses."""
    ports = {
        "gearmand": lab.stack.gearmand.port,
        "ledger": lab.stack.pgbouncer.port,
        "store": lab.stack.seaweedfs.port,
    }
    wires = Wires(**{name: Proxy(("127.0.0.1", port), host=network.address(name)) for name, port in ports.items()})
    try:
        yield wires
    finally:
        for proxy in (wires.gearmand, wires.ledger, wires.store):
            proxy.close()


def cut(lab: Lab, server: str | None) -> None:
    """Cut workers off from one server, or from all, under load. Sweeper and relay are elsewhere."""
    with a_network() as network, wires_at(network, lab) as wires:
        lab.start("workers.sweeper")
        lab.start("workers.relay")
        lab.staff(sweep=0, relay=0, environment=wires.environment(lab.stack), prefix=network.inside())
        time.sleep(WARM_SECONDS)
        with network.without(server) if server else network.down():
            time.sleep(CUT_SECONDS)
        lab.strike()
        answered = lab.photo()
        measure(lab, DONE_SECONDS, "a photo's end", lambda: is_final(lab, answered))
        lab.settle(SETTLE_SECONDS)
        lab.dismiss()


FAULTS = (
    *(
        Fault(name=f"workers are cut off from {name}", group=GROUP, run=partial(cut, server=server), photos=LOAD)
        for name, server in (("gearmand", "gearmand"), ("the ledger", "ledger"), ("the store", "store"))
    ),
    Fault(name="workers are cut off from everything", group=GROUP, run=partial(cut, server=None), photos=LOAD),
)
