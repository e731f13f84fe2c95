"""Whom the servers run as. PostgreSQL and PgBouncer refuse to run as root, so root starts them as another user."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.stack.errors import MissingProgramError

SERVICE_USER = "postgres"  # made by Debian's postgresql package


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user to run programs as. `user` None: whoever we are."""

    user: str | None = None

    @classmethod
    def for_servers(cls) -> "Account":
        """The current user, or PostgreSQL's own when that is root.

        Raises:
            MissingProgramError: we are root and PostgreSQL's user does not exist.
        """
        if os.geteuid() != 0:
            return cls()
        try:
            pwd.getpwnam(SERVICE_USER)
        except KeyError as error:
            raise MissingProgramError(
                f"There is no user {SERVICE_USER!r} to run the servers as: apt-get install postgresql"
            ) from error
        return cls(user=SERVICE_USER)

    @property
    def uid(self) -> int:
        """The user's number."""
        return pwd.getpwnam(self.user).pw_uid if self.user else os.geteuid()

    @property
    def process_options(self) -> dict[str, Any]:
        """What `subprocess` needs to start a process as this user."""
        return {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}

    def may_execute(self, path: Path) -> bool:
        """Whether this user can execute a program or enter a directory, its parents included."""
        return subprocess.run(["test", "-x", path], cwd="/", check=False, **self.process_options).returncode == 0

    def own(self, directory: Path) -> None:
        """Make `directory` (and its parents), readable and writable by this user alone."""
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        if directory.stat().st_uid != self.uid:  # fresh, or left by a run under another account
            for path in (directory, *directory.rglob("*")):
                self.give(path)

    def give(self, path: Path) -> None:
        """Hand a file or directory over to this user."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, -1, follow_symlinks=False)  # a link may lead to a file of somebody else
