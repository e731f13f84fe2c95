import socket
import stat

import pytest

from workers.stack import plan
from workers.stack.errors import StackError


def test_a_plan_is_made_once_and_then_kept(tmp_path):
    made = plan.load_or_make(tmp_path / "plan.json")

    assert plan.load_or_make(tmp_path / "plan.json") == made


def test_the_plan_file_is_readable_by_its_owner_alone_even_if_it_was_not_before(tmp_path):
    (tmp_path / "file").touch(mode=0o644)

    plan.write_private(tmp_path / "file", "secret\n")

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert (tmp_path / "file").read_text() == "secret\n"


def test_two_plans_share_no_password():
    one, two = plan.Plan(first_port=1), plan.Plan(first_port=1)

    passwords = [value for made in (one, two) for name, value in vars(made).items() if name != "first_port"]
    assert len(passwords) == 10
    assert len(set(passwords)) == 10


def test_the_ports_of_the_four_servers_do_not_overlap():
    made = plan.Plan(first_port=25_000)

    singles = {made.gearmand_port, made.postgres_port, made.pgbouncer_port}
    seaweedfs = set(range(made.s3_port, made.s3_port + 10))
    assert singles | seaweedfs == set(range(25_000, 25_000 + plan.BLOCK))
    assert len(singles) + len(seaweedfs) == plan.BLOCK


@pytest.mark.parametrize("offset", [0, plan.BLOCK - 1])
def test_a_block_with_one_port_taken_is_not_free(offset):
    made = plan.Plan(first_port=1).on_other_ports()
    with socket.create_server(("127.0.0.1", made.first_port + offset)):
        assert not made.free
    assert made.free


def test_other_ports_keep_the_passwords():
    made = plan.Plan(first_port=1)

    moved = made.on_other_ports()

    assert moved.first_port in plan.PORTS
    assert moved.superuser_password == made.superuser_password


def test_no_free_block_is_an_error_that_says_where_was_looked(monkeypatch):
    monkeypatch.setattr(plan, "PORTS", range(25_000, 25_000 + plan.BLOCK))
    with socket.create_server(("127.0.0.1", 25_003)), pytest.raises(StackError, match="25000 and 25013"):
        plan.Plan(first_port=1).on_other_ports()
