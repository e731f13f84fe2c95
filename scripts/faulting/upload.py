"""A frontend that dies between an upload and its submit.

python -m scripts.faulting.upload FILE KEY
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs import Client
from scripts.faulting.frontend import OWNER


def main(arguments: Sequence[str]) -> None:
    """Store an original, say where, and die."""
    file, key = arguments
    print(Client.from_env().upload(OWNER, Path(file), key), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
