"""Where a stack's servers keep their data: in its own directory, or beside it where their user cannot go."""

import hashlib
import os
import stat
from pathlib import Path

from workers.stack.account import Account
from workers.stack.errors import StackError

ELSEWHERE = Path("/var/tmp")  # noqa: S108 - survives a reboot; what we make there is checked to be ours


def find_home(directory: Path, account: Account) -> Path:
    """The home of the stack of `directory`, which exists.

    The name of a home elsewhere follows from the directory alone, so it is found again even after that was deleted.

    Raises:
        StackError: somebody else made the directory that would be ours.
    """
    elsewhere = ELSEWHERE / f"darkroom-{hashlib.sha256(bytes(directory.resolve())).hexdigest()[:12]}"
    if account.may_execute(directory) and not elsewhere.exists():
        return directory
    if not elsewhere.exists():
        elsewhere.mkdir(mode=0o700)
        account.give(elsewhere)
    _check_ours(elsewhere, account)
    return elsewhere


def _check_ours(home: Path, account: Account) -> None:
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (account.uid, os.geteuid()):
        raise StackError(f"{home} is not this stack's, though it has its name. Look at it, remove it and try again.")
