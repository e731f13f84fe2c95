"""A network between our processes and the servers that fails: cut, silent, slow, lying."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from urllib.parse import urlsplit

from jobs import Client
from scripts.faulting.lab import Lab
from scripts.faulting.model import PROMISE_SECONDS, Fault
from scripts.faulting.proxy import Kind, Proxy, Trouble, http_answer, s3_answer
from scripts.faulting.servers import CONNECT_SECONDS, DONE_SECONDS, HEARD_SECONDS, recover
from workers.stack import Stack

GROUP = "network"
STRUCK_SECONDS = 60.0  # within which a trouble has found whom to strike
WARM_SECONDS = 0.5  # of load before the fault
PAUSE_SECONDS = 0.1  # between photos that are to be struck
LOAD = 60  # photos
CLIPS_SECONDS = 60.0  # for both clips to be done by the one worker, the next try of the first being some seconds away
CLIPS = 2  # with what is wrong with the store: to the ledger and to gearmand, a clip is a photo
REQUEST = b" HTTP/1.1\r\n"  # of HTTP, in each request's first line


@dataclass(frozen=True, kw_only=True)
class Wires:
    """What stands before each server."""

    gearmand: Proxy
    ledger: Proxy
    store: Proxy

    @classmethod
    def to(cls, stack: Stack, *, host: str = "127.0.0.1", seed: int = 0) -> "Wires":
        """Proxies on an address of this machine, before the servers of a stack."""
        ports = {"gearmand": stack.gearmand.port, "ledger": stack.pgbouncer.port, "store": stack.seaweedfs.port}
        return cls(**{name: Proxy(("127.0.0.1", port), host=host, seed=seed) for name, port in ports.items()})

    def environment(self, stack: Stack) -> dict[str, str]:
        """The settings of who goes through them."""
        direct = stack.environment
        database = urlsplit(direct["DARKROOM_DATABASE_URL"])
        user, _, _ = database.netloc.rpartition("@")
        return {
            "DARKROOM_DATABASE_URL": database._replace(netloc=f"{user}@{spell(self.ledger)}").geturl(),
            "DARKROOM_GEARMAN_SERVERS": spell(self.gearmand),
            "DARKROOM_S3_ENDPOINT": f"http://{spell(self.store)}",
        }


def spell(proxy: Proxy) -> str:
    """A proxy's address as host:port."""
    host, port = proxy.address
    return f"{host}:{port}"


@lru_cache(maxsize=1)  # so that all faults of a lab's network go the same way, and its workers may stay
def wires_of(lab: Lab) -> Wires:
    """The proxies before a lab's servers. They last as long as this process."""
    return Wires.to(lab.stack, seed=lab.dice.getrandbits(32))


def wired(lab: Lab) -> Wires:
    """Have workers and the frontend of a lab go through proxies."""
    wires = wires_of(lab)
    lab.environment = wires.environment(lab.stack)
    lab.frontend.client = Client(lab.settings())
    lab.staff(photo=1, clip=1)
    return wires


def last(lab: Lab, find: Callable[[Wires], Proxy], trouble: Trouble, seconds: float) -> None:
    """Have a trouble last for so long, under load."""
    proxy = find(wired(lab))
    time.sleep(WARM_SECONDS)
    with proxy.troubled(trouble):
        time.sleep(seconds)
    recover(lab, CONNECT_SECONDS)


def strike(lab: Lab, find: Callable[[Wires], Proxy], trouble: Trouble) -> None:
    """Have a trouble strike as often as it says. Photos are submitted until it has."""
    proxy = find(wired(lab))
    before, end = proxy.struck, time.monotonic() + STRUCK_SECONDS
    with proxy.troubled(trouble):
        while proxy.struck < before + (trouble.times or 1):
            if time.monotonic() > end:
                raise TimeoutError(f"{proxy.struck - before} of {trouble.times} times in {STRUCK_SECONDS:g} s")
            lab.photo()
            time.sleep(PAUSE_SECONDS)
    recover(lab, CONNECT_SECONDS)


def cut_connections(lab: Lab) -> None:
    """Cut every connection to every server, again and again."""
    wires = wired(lab)
    for _ in range(10):
        for proxy in (wires.gearmand, wires.ledger, wires.store):
            proxy.cut_all()
        time.sleep(lab.dice.uniform(0.1, 0.6))
    recover(lab, CONNECT_SECONDS)


def gearmand(wires: Wires) -> Proxy:
    """The way to the job server."""
    return wires.gearmand


def ledger(wires: Wires) -> Proxy:
    """The way to PgBouncer."""
    return wires.ledger


def store(wires: Wires) -> Proxy:
    """The way to the S3 server."""
    return wires.store


def lasting(
    name: str, find: Callable[[Wires], Proxy], seconds: float, trouble: Trouble, *, short: bool = False
) -> Fault:
    """A fault that lasts a while."""
    clips = CLIPS if find is store and not short else 0
    run = partial(last, find=find, trouble=trouble, seconds=seconds)
    recovery = HEARD_SECONDS if find is gearmand else CLIPS_SECONDS if clips else DONE_SECONDS
    return Fault(name=name, group=GROUP, run=run, recovery_seconds=recovery, photos=LOAD, clips=clips, short=short)


def striking(name: str, find: Callable[[Wires], Proxy], trouble: Trouble, *, short: bool = False) -> Fault:
    """A fault that strikes some requests."""
    clips = CLIPS if find is store and not short else 0
    run = partial(strike, find=find, trouble=trouble)
    recovery = CLIPS_SECONDS if clips else PROMISE_SECONDS
    return Fault(name=name, group=GROUP, run=run, recovery_seconds=recovery, photos=LOAD, clips=clips, short=short)


def answering(answer: bytes, share: float) -> Trouble:
    """An answer in the store's place to a share of the requests."""
    return Trouble(kind=Kind.ANSWER, when=REQUEST, answer=answer, share=share)


# What a statement of the ledger is known by on the wire. Each is a transaction of its own but the relay's.
COMMITS: Mapping[str, bytes] = {
    "submit": b"darkroom.submit(",
    "claim": b"darkroom.claim_order(",
    "publish": b"darkroom.finish(",
    "sweep": b"darkroom.sweep(",
    "relay": b"COMMIT",
}
SLOW_DOWN = s3_answer("503 Slow Down", "SlowDown")
BROKEN = s3_answer("500 Internal Server Error", "InternalError")
BAD_GATEWAY = http_answer("502 Bad Gateway", b"<html>nginx</html>")

FAULTS = (
    *(
        striking(
            f"{name} committed, reply cut", ledger, Trouble(kind=Kind.CUT, when=when, times=5), short=name == "publish"
        )
        for name, when in COMMITS.items()
    ),
    *(
        striking(f"{name} sent, cut at once", ledger, Trouble(kind=Kind.CUT_AT_ONCE, when=when, times=5))
        for name, when in COMMITS.items()
    ),
    lasting("ledger half-open", ledger, 15.0, Trouble(kind=Kind.HANG)),
    lasting("ledger's replies dropped", ledger, 15.0, Trouble(kind=Kind.MUTE)),
    lasting("ledger refuses connections", ledger, 6.0, Trouble(kind=Kind.REFUSE)),
    lasting("ledger at 2 KB a second", ledger, 15.0, Trouble(kind=Kind.SLOW, size=2_000)),
    lasting("gearmand half-open", gearmand, 15.0, Trouble(kind=Kind.HANG)),
    lasting("gearmand's replies dropped", gearmand, 15.0, Trouble(kind=Kind.MUTE)),
    lasting("gearmand refuses connections", gearmand, 6.0, Trouble(kind=Kind.REFUSE)),
    lasting("gearmand at 200 bytes a second", gearmand, 10.0, Trouble(kind=Kind.SLOW, size=200)),
    lasting("gearmand's replies cut", gearmand, 8.0, Trouble(kind=Kind.CUT, share=0.2)),
    lasting("store half-open", store, 15.0, Trouble(kind=Kind.HANG)),
    lasting("store half-open beyond its time-out", store, 35.0, Trouble(kind=Kind.HANG)),
    lasting("store's replies dropped", store, 15.0, Trouble(kind=Kind.MUTE)),
    lasting("store refuses connections", store, 6.0, Trouble(kind=Kind.REFUSE)),
    lasting("store at 2 KB a second", store, 15.0, Trouble(kind=Kind.SLOW, size=2_000)),
    striking("store cuts originals short", store, Trouble(kind=Kind.SHORT_REPLY, when=b"GET /", size=100, times=10)),
    striking(
        "store gets renditions cut short", store, Trouble(kind=Kind.SHORT_REQUEST, when=b"PUT /", size=100, times=10)
    ),
    striking("store's confirmations lost", store, Trouble(kind=Kind.CUT, when=b"PUT /", times=10)),
    lasting("store answers every third 503 SlowDown", store, 8.0, answering(SLOW_DOWN, 0.33), short=True),
    lasting("store answers every other 500", store, 8.0, answering(BROKEN, 0.5)),
    lasting("store answers nothing but 503 SlowDown", store, 10.0, answering(SLOW_DOWN, 1.0)),
    lasting("store answers nothing but 502", store, 10.0, answering(BAD_GATEWAY, 1.0)),
    Fault(name="every connection cut, ten times", group=GROUP, run=cut_connections, photos=LOAD),
)
