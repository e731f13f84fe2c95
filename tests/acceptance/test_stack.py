"""The local stack with its real servers."""

import os
import signal
import socket
import stat
import subprocess
import time
from contextlib import closing
from types import SimpleNamespace

import boto3
import psutil
import psycopg2
import pytest

from config import Settings
from jobs.s3 import connect_s3
from tests.acceptance.fleet import runs
from workers.stack import Stack, StackError

pytestmark = pytest.mark.server

SERVERS = ("gearmand", "postgres", "pgbouncer", "seaweedfs")


def pids(stack: Stack) -> dict[str, int | None]:
    return {server.name: server.pid for server in stack.status()}


def ask(url: str, query: str) -> list[tuple]:
    with closing(psycopg2.connect(url, connect_timeout=2)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []


def bucket(stack: Stack) -> SimpleNamespace:
    settings = stack.settings
    keys = {"aws_access_key_id": settings.s3_access_key, "aws_secret_access_key": settings.s3_secret_key}
    client = boto3.client("s3", endpoint_url=settings.s3_endpoint, region_name=settings.s3_region, **keys)
    return SimpleNamespace(
        put=lambda key, body: client.put_object(Bucket=settings.s3_bucket, Key=key, Body=body),
        get=lambda key: client.get_object(Bucket=settings.s3_bucket, Key=key)["Body"].read(),
    )


def test_a_second_up_leaves_every_process_as_it_is(stack):
    before = pids(stack)

    stack.up()

    assert pids(stack) == before


def test_every_server_is_healthy_and_reports_its_version_port_and_log(stack):
    for server in stack.status():
        assert server.running, server
        assert server.healthy, server
        assert server.version[0].isdigit(), server
        assert server.log.is_file(), server
        listening = psutil.Process(server.pid).net_connections(kind="tcp")
        assert server.port in {connection.laddr.port for connection in listening}


def test_asking_the_store_how_it_is_leaves_nothing_in_it(second_stack):
    second_stack.up()
    second_stack.status()

    settings = second_stack.settings
    assert "Contents" not in connect_s3(settings).list_objects_v2(Bucket=settings.s3_bucket)


def test_every_server_listens_on_loopback_alone(stack):
    for server in stack.status():
        listening = [
            connection
            for connection in psutil.Process(server.pid).net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}, server


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")
def test_no_server_runs_as_root(stack):
    assert all(psutil.Process(server.pid).uids().effective != 0 for server in stack.status())


@pytest.mark.parametrize("name", SERVERS)
def test_up_brings_back_the_one_server_that_was_killed_and_no_other(stack, name):
    before = pids(stack)
    os.kill(before[name], signal.SIGKILL)

    stack.up()

    changed = {server for server, pid in pids(stack).items() if pid != before[server]}
    assert changed == {name}
    assert all(server.healthy for server in stack.status())


def test_rows_and_objects_survive_a_crash_of_their_servers(stack):
    ask(stack.settings.migrations_url, "CREATE TABLE IF NOT EXISTS public.survivors (id int)")
    ask(stack.settings.migrations_url, "INSERT INTO public.survivors VALUES (1)")
    bucket(stack).put("tests/survivor", b"still here")

    stack.postgres.kill()
    stack.seaweedfs.kill()
    assert [server.running for server in (stack.postgres, stack.seaweedfs)] == [False, False]
    stack.up()

    assert ask(stack.settings.migrations_url, "SELECT id FROM public.survivors") == [(1,)]
    assert bucket(stack).get("tests/survivor") == b"still here"
    ask(stack.settings.migrations_url, "DROP TABLE public.survivors")


def test_pgbouncer_reaches_postgresql_again_soon_after_its_restart(stack):
    stack.postgres.stop()
    with pytest.raises(psycopg2.Error):
        ask(stack.settings.database_url, "SELECT 1")
    stack.postgres.start()

    deadline = time.monotonic() + 20  # it takes 5, where nothing else keeps the machine busy
    while True:
        try:
            assert ask(stack.settings.database_url, "SELECT 1") == [(1,)]
            break
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline


def test_the_applications_sessions_have_timeouts_and_fsync_is_on(stack):
    settings = "('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'fsync')"

    rows = dict(ask(stack.settings.database_url, f"SELECT name, setting FROM pg_settings WHERE name IN {settings}"))

    assert rows.pop("fsync") == "on"
    assert len(rows) == 3
    assert all(int(milliseconds) > 0 for milliseconds in rows.values())


def test_the_application_may_use_what_the_migrations_made_but_not_change_it(stack):
    assert ask(stack.settings.database_url, "SELECT count(*) > 0 FROM darkroom.migrations") == [(True,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(stack.settings.database_url, "CREATE TABLE darkroom.intruder (id int)")


def test_a_wrong_s3_secret_is_refused(stack):
    wrong = SimpleNamespace(settings=stack.settings.__class__(**{**vars(stack.settings), "s3_secret_key": "guess"}))

    with pytest.raises(boto3.client("s3", region_name="us-east-1").exceptions.ClientError, match="SignatureDoesNot"):
        bucket(wrong).put("tests/intruder", b"")


def test_the_environment_file_is_private_and_holds_the_settings(stack):
    file = stack.environment_file

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Settings.load(environ={}, file=file) == stack.settings
    assert ask(Settings.load(environ={}, file=file).database_url, "SELECT 1") == [(1,)]


def test_another_process_finds_the_servers_and_ends_them(second_stack):
    second_stack.up()
    before = [psutil.Process(pid) for pid in pids(second_stack).values()]

    Stack.open(second_stack.directory).down()

    assert not any(map(runs, before))
    assert not any(server.running for server in second_stack.status())


def test_two_stacks_stand_side_by_side_and_down_ends_only_its_own(stack, second_stack):
    second_stack.up()
    assert not {server.port for server in stack.status()} & {server.port for server in second_stack.status()}

    second_stack.down()

    assert all(server.healthy for server in stack.status())


def test_down_spares_a_process_that_got_the_pid_of_a_dead_server(second_stack):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        second_stack.gearmand.home.mkdir()
        second_stack.gearmand.pid_file.write_text(f"{stranger.pid} 1\n")

        second_stack.down()

        assert stranger.poll() is None
        stranger.kill()


def test_a_stack_whose_ports_were_taken_while_it_was_down_moves_and_keeps_its_data(second_stack):
    second_stack.up()
    bucket(second_stack).put("tests/moved", b"moved")
    second_stack.down()
    with socket.create_server(("127.0.0.1", second_stack.pgbouncer.port)) as squatter:
        second_stack.up()

        assert second_stack.pgbouncer.port != squatter.getsockname()[1]
    assert bucket(second_stack).get("tests/moved") == b"moved"
    assert ask(second_stack.settings.database_url, "SELECT count(*) > 0 FROM darkroom.migrations") == [(True,)]


def test_an_up_that_fails_half_way_shows_the_log_and_leaves_behind_only_what_ran_before(second_stack):
    second_stack.gearmand.start()
    with (
        socket.create_server(("127.0.0.1", second_stack.pgbouncer.port)),
        pytest.raises(StackError, match=r"(?s)pgbouncer died at its start.*pgbouncer\.log.*[Aa]ddress already in use"),
    ):
        second_stack.up()

    assert {server.name for server in second_stack.status() if server.running} == {"gearmand"}
