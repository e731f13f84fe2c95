"""PostgreSQL: one cluster with the database, its owner and the application's role."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from signal import SIGINT, Signals
from typing import Any, ClassVar

import psutil
import psycopg2
from psycopg2 import sql

from workers.stack import programs, templates
from workers.stack.errors import StackError
from workers.stack.server import Server

SUPERUSER = "postgres"
OWNER = "darkroom_owner"  # owns the database and runs the migrations
GROUP = "darkroom_app"  # what the migrations grant rights to
APPLICATION = "darkroom"  # the login role of the application, a member of the group
DATABASE = "darkroom"

# They belong on the role: a SET is lost behind PgBouncer, or leaks to another client.
PATIENCE = {
    "statement_timeout": "10s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "30s",  # the relay holds its transaction while it publishes
}


class Postgres(Server):
    """The database server."""

    name = "postgres"
    stop_signal: ClassVar[Signals] = SIGINT  # "fast": ends the sessions and writes a checkpoint

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self.plan.postgres_port

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.home / "data"

    def prepare(self) -> None:
        """Make the cluster if there is none, and its configuration."""
        if not self.data.exists():
            self._make_cluster()
        self._end_orphans()
        self.lay_down("postgresql.conf", templates.fill("postgresql.conf.tmpl", port=self.port))

    @property
    def executable(self) -> Path:
        """The program that runs it."""
        made_by = self.data / "PG_VERSION"  # only the version that made the cluster can run it
        return programs.find_postgres("postgres", made_by.read_text().strip() if made_by.exists() else "*")

    def arguments(self) -> Sequence[str | Path]:
        """With which it runs in the foreground."""
        return ["-D", self.data, "-c", f"config_file={self.home / 'postgresql.conf'}"]

    def probe(self) -> str:
        """Log in and ask for the version."""
        with self._superuser("postgres") as cursor:
            cursor.execute("SHOW server_version")
            return str(cursor.fetchone()[0]).partition(" ")[0]  # "15.18 (Debian 15.18-0+deb12u1)"

    def provide_database(self) -> None:
        """Make the roles and the database, as far as they are missing."""
        with self._superuser("postgres") as cursor:
            _provide_role(cursor, OWNER, self.plan.owner_password)
            _provide_role(cursor, GROUP, None)
            _provide_role(cursor, APPLICATION, self.plan.application_password)
            cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(GROUP), sql.Identifier(APPLICATION)))
            for setting, value in PATIENCE.items():
                cursor.execute(
                    sql.SQL("ALTER ROLE {} SET {} = %s").format(sql.Identifier(APPLICATION), sql.Identifier(setting)),
                    [value],
                )
            cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone() is None:
                cursor.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )

    def url(self, role: str, password: str) -> str:
        """The address of the database, past PgBouncer."""
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    @contextmanager
    def _superuser(self, database: str) -> Iterator[Any]:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=SUPERUSER,
            password=self.plan.superuser_password,
            connect_timeout=2,
        )
        with closing(connection):
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def _make_cluster(self) -> None:
        """Run initdb in a directory that gets its name when all of it is there."""
        unfinished = self.home / "data.unfinished"
        password_file = self.lay_down("superuser.password", self.plan.superuser_password)
        made = subprocess.run(
            [
                *(
                    programs.find_postgres("initdb"),
                    "--pgdata",
                    unfinished,
                    "--username",
                    SUPERUSER,
                    "--pwfile",
                    password_file,
                ),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            **self.account.process_options,
        )
        password_file.unlink()
        if made.returncode != 0:
            raise StackError(f"initdb failed:\n{made.stdout}{made.stderr}")
        unfinished.rename(self.data)

    def _end_orphans(self) -> None:
        """Kill what outlived a killed server: PostgreSQL will not start while its shared memory is in use."""
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error):
                if re.match("postgres", process.info["name"]) and process.cwd() == str(self.data):
                    process.kill()
                    process.wait(timeout=5)


def _provide_role(cursor: Any, role: str, password: str | None) -> None:
    cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [role])
    if cursor.fetchone() is not None:
        return
    if password is None:
        cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    else:
        cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(role)), [password])
