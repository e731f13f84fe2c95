"""PgBouncer in transaction mode, between the application and PostgreSQL."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from workers.stack import programs, templates
from workers.stack.postgres import APPLICATION, DATABASE
from workers.stack.server import Server


class PgBouncer(Server):
    """The connection pool."""

    name = "pgbouncer"

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self.plan.pgbouncer_port

    @property
    def url(self) -> str:
        """The database as the application reaches it."""
        return f"postgresql://{APPLICATION}:{self.plan.application_password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Write its configuration and the one user it lets in."""
        # The password in the clear: with SCRAM, PgBouncer 1.18 needs it to log in at PostgreSQL.
        users = self.lay_down("users.txt", f'"{APPLICATION}" "{self.plan.application_password}"\n')
        configuration = templates.fill(
            "pgbouncer.ini",
            port=self.port,
            database=DATABASE,
            postgres_port=self.plan.postgres_port,
            auth_file=users,
            application=APPLICATION,
        )
        self.lay_down("pgbouncer.ini", configuration)

    @property
    def executable(self) -> Path:
        """The program that runs it."""
        return programs.find("pgbouncer")

    def arguments(self) -> Sequence[str | Path]:
        """With which it runs in the foreground."""
        return [self.home / "pgbouncer.ini"]

    def probe(self) -> str:
        """Run a query through it, then ask itself for its version."""
        self._ask(DATABASE, "SELECT 1")
        return str(self._ask("pgbouncer", "SHOW VERSION")).removeprefix("PgBouncer ")

    def _ask(self, database: str, query: str) -> Any:
        connection = psycopg2.connect(self.url, dbname=database, connect_timeout=2)
        with closing(connection):
            connection.autocommit = True  # the console knows no transactions
            with connection.cursor() as cursor:
                cursor.execute(query)
                row = cursor.fetchone()
                return row[0] if row else None
