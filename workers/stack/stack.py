"""The four servers together: up, down, status."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from config.settings import LOCAL_STACK, Settings
from jobs.migrate import migrate
from workers.stack import plan
from workers.stack.account import Account
from workers.stack.errors import StackError
from workers.stack.gearmand import Gearmand
from workers.stack.home import find_home
from workers.stack.pgbouncer import PgBouncer
from workers.stack.pool import LocalPool
from workers.stack.postgres import OWNER, Postgres
from workers.stack.seaweedfs import BUCKET, SeaweedFS
from workers.stack.server import Server, ServerStatus


class Stack:
    """The servers of one directory. They outlive the process that starts them; any other finds them again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.environment_file = self.directory / LOCAL_STACK.name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.account = Account.for_servers()
        self.home = find_home(self.directory, self.account)
        self._plan_file = self.home / "plan.json"
        self._settle_on(plan.load_or_make(self._plan_file))

    @classmethod
    def open(cls, directory: Path = LOCAL_STACK.parent) -> "Stack":
        """The stack of a directory, running or not; a new one gets its ports and passwords now.

        Raises:
            StackError: no ports are free, or the directory is another user's.
        """
        try:
            return cls(directory)
        except PermissionError as error:
            raise StackError(
                f"No access to {error.filename}: another user's stack? Name a directory of yours."
            ) from error

    def _settle_on(self, chosen: plan.Plan) -> None:
        self._plan = chosen
        self.gearmand = Gearmand(self.home, chosen, self.account)
        self.postgres = Postgres(self.home, chosen, self.account)
        self.pgbouncer = PgBouncer(self.home, chosen, self.account)
        self.seaweedfs = SeaweedFS(self.home, chosen, self.account)

    @property
    def servers(self) -> tuple[Server, ...]:
        """All four, in the order in which they are ended."""
        return (self.pgbouncer, self.postgres, self.gearmand, self.seaweedfs)

    @property
    def pool(self) -> LocalPool:
        """The stack's own workers, running or not."""
        return LocalPool(self.directory, self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """What the application's processes need to find the servers."""
        return {
            "DARKROOM_DATABASE_URL": self.pgbouncer.url,
            "DARKROOM_MIGRATIONS_URL": self.postgres.url(OWNER, self._plan.owner_password),
            "DARKROOM_GEARMAN_SERVERS": f"127.0.0.1:{self.gearmand.port}",
            "DARKROOM_S3_BUCKET": BUCKET,
            "DARKROOM_S3_ENDPOINT": self.seaweedfs.endpoint,
            "DARKROOM_S3_ACCESS_KEY": self._plan.s3_access_key,
            "DARKROOM_S3_SECRET_KEY": self._plan.s3_secret_key,
        }

    @property
    def settings(self) -> Settings:
        """The same, read; nothing of this process's own environment is in it."""
        return Settings.load(environ=self.environment, file=Path(os.devnull))

    def up(self) -> None:
        """Start what does not run, and bring the database up to date.

        Raises:
            StackError: a server did not start. Those that this call started are ended again, now and below.
            MigrationError, LedgerUnavailable: the database could not be brought up to date.
        """
        with self._alone():
            running = [server for server in self.servers if server.running]
            if not running and not self._plan.free:
                self._settle_on(self._plan.on_other_ports())
                self._plan.save(self._plan_file)
            try:
                self._start()
            except BaseException:
                _stop(server for server in self.servers if server not in running)
                raise
            lines = (f"{name}={value}\n" for name, value in self.environment.items())
            plan.write_private(self.environment_file, "".join(lines))

    def _start(self) -> None:
        with ThreadPoolExecutor() as side_by_side:
            started = [side_by_side.submit(start) for start in (self._start_database, self.gearmand.start)]
            self.seaweedfs.start()
            for server in started:
                server.result()

    def _start_database(self) -> None:
        self.postgres.start()
        self.postgres.provide_database()
        migrate(self.postgres.url(OWNER, self._plan.owner_password))
        self.pgbouncer.start()

    def down(self) -> None:
        """End what runs of this stack, and nothing else. Its data stay."""
        with self._alone():
            _stop(self.servers)

    def remove(self) -> None:
        """End everything at once, and delete all that was kept."""
        self.pool.stop()
        for server in (self.pgbouncer, self.gearmand, self.seaweedfs):
            server.kill()
        self.down()  # PostgreSQL in order: killed, it would leave its shared memory behind
        for path in {self.home, self.directory}:
            shutil.rmtree(path)

    def status(self) -> list[ServerStatus]:
        """Each server, asked now."""
        with ThreadPoolExecutor() as side_by_side:
            return list(side_by_side.map(lambda server: server.status(), self.servers))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let two commands on the same stack wait for each other."""
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _stop(servers: Iterable[Server]) -> None:
    with ThreadPoolExecutor() as side_by_side:
        list(side_by_side.map(lambda server: server.stop(), servers))
