"""`python -m workers.sandbox.trial FOLDER`: what of the sandbox this machine grants, as JSON.

It confines itself as the hands of clips do that work in FOLDER, whose confinement takes all that a photo's takes.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from config import Limits
from workers.sandbox.confinement import clip_confinement

NOT_NICE = 0  # it is done before anybody could mind


def main(arguments: Sequence[str]) -> int:
    """Try, and tell. Returns the exit status."""
    confinement = clip_confinement(Limits(clip_niceness=NOT_NICE), Path(arguments[0]))
    parts = confinement.begin()
    confinement.complete(parts)
    sys.stdout.write(json.dumps(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
