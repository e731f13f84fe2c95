"""What faults are made of: settings that lead through proxies, a wrong clock, a small disk, a network of two hosts."""

import errno
import os
import subprocess
import sys
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from scripts.faulting import deletion, hosts, namespaces, network, servers
from scripts.faulting.model import NotHereError
from scripts.faulting.network import Wires, spell
from scripts.faulting.proxy import Proxy

DIRECT = {
    "DARKROOM_DATABASE_URL": "postgresql://darkroom:secret@127.0.0.1:25002/darkroom",
    "DARKROOM_GEARMAN_SERVERS": "127.0.0.1:25000",
    "DARKROOM_S3_ENDPOINT": "http://127.0.0.1:25003",
}


@pytest.fixture
def nobody():
    with closing(Proxy(("127.0.0.1", 1))) as proxy:
        yield proxy


def skip_unless_here(make):
    try:
        return make()
    except NotHereError as missing:
        if "CI" in os.environ:
            raise
        pytest.skip(str(missing))


def test_every_fault_has_a_name_of_its_own():
    modules = (servers, network, hosts, namespaces, deletion)
    names = [fault.name for module in modules for fault in module.FAULTS]

    assert len(set(names)) == len(names)


def test_who_goes_through_proxies_keeps_user_password_and_database(nobody):
    through = Wires(gearmand=nobody, ledger=nobody, store=nobody).environment(SimpleNamespace(environment=DIRECT))

    assert through == {
        "DARKROOM_DATABASE_URL": f"postgresql://darkroom:secret@{spell(nobody)}/darkroom",
        "DARKROOM_GEARMAN_SERVERS": spell(nobody),
        "DARKROOM_S3_ENDPOINT": f"http://{spell(nobody)}",
    }


@pytest.mark.parametrize(("offset", "seconds"), [("-1h", -3600), ("+1h", 3600)])
def test_a_process_by_a_wrong_clock_sleeps_and_waits_as_long_as_any(tmp_path, offset, seconds):
    environment = skip_unless_here(lambda: hosts.wrong_clock(tmp_path / "clock", offset))
    code = """if True:
        import threading, time
        began = time.monotonic()
        time.sleep(0.2)
        threading.Event().wait(0.2)
        print(time.time(), time.monotonic() - began)"""

    said = subprocess.check_output(
        [sys.executable, "-c", code], env={**os.environ, **environment}, text=True, timeout=60
    )

    clock, waited = map(float, said.split())
    assert abs(clock - time.time() - seconds) < 60
    assert waited >= 0.4


def test_a_small_disk_takes_what_it_has_and_no_more_and_is_gone_afterwards(tmp_path):
    def fill():
        with hosts.small_disk(tmp_path / "disk") as disk:
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(hosts.free_bytes(disk)))
            with pytest.raises(OSError) as full:
                (disk / "more").write_bytes(b"x" * 5000)
            return full.value.errno

    assert skip_unless_here(fill) == errno.ENOSPC
    assert not (tmp_path / "disk" / "ballast").exists()


def ping(network, server, seconds=30):
    """How a connection to a port where nobody listens ends: a host that is there refuses it, another is silent."""
    connect = f"import socket; socket.create_connection(({network.address(server)!r}, 9), timeout={seconds})"
    tried = subprocess.run(network.inside(sys.executable, "-c", connect), check=False, capture_output=True, text=True)
    return tried.stderr.splitlines()[-1].partition(":")[0]


def test_a_server_that_is_cut_off_is_silent_and_the_others_answer():
    def look():
        with namespaces.a_network() as made:
            before = ping(made, "store")
            with made.without("store"):
                during = ping(made, "store", seconds=1), ping(made, "ledger")
            with made.down():
                nothing = ping(made, "ledger", seconds=1)
            return before, during, nothing, ping(made, "store")

    refused, silent = "ConnectionRefusedError", "TimeoutError"
    assert skip_unless_here(look) == (refused, (silent, refused), silent, refused)
