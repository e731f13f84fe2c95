"""The janitor: removes from the store what the ledger has noted as to be removed. Any number may run.

    python -m workers.janitor [--once]

A deletion is done when the ledger has it; its bytes go here, in three passes over a day, whatever dies meanwhile, and
in four if a worker was at it.
"""

import sys
from collections.abc import Callable, Sequence

from config import MisconfiguredError, Settings
from jobs.errors import StoreUnavailable, Unavailable
from jobs.inventory import Inventory, Removal
from jobs.postgres_inventory import PostgresInventory
from jobs.s3 import connect_s3
from pipeline.removal import carry_out
from pipeline.s3 import S3Store
from pipeline.services import Store
from workers.exits import LEFT, UNABLE
from workers.log import Log
from workers.loop import repeat
from workers.signals import Signals
from workers.start import begin, member_parser

BATCH = 20  # a few seconds' work, so that a request to stop is heard
IDLE_SECONDS = 2.0

log = Log("janitor")


class Janitor:
    """One batch after another. `open_store` is called once there is something to remove, because boto3 takes 40 MB."""

    def __init__(self, inventory: Inventory, open_store: Callable[[], Store]) -> None:
        self._inventory = inventory
        self._open_store = open_store
        self._store: Store | None = None

    def step(self) -> float:
        """Carry out what is due. Returns the seconds until the next look.

        Raises:
            StoreUnavailable: what is left of the batch is due again in five minutes.
            LedgerUnavailable: as the inventory.
        """
        removals = self._inventory.take_removals(BATCH)
        failed = [error for error in map(self._carry_out, removals) if error]
        if failed:
            raise failed[0]
        return 0.0 if len(removals) == BATCH else IDLE_SECONDS

    def _carry_out(self, removal: Removal) -> StoreUnavailable | None:
        """One that fails keeps no other from being removed: a bucket's policy may forbid one key alone."""
        self._store = self._store or self._open_store()
        try:
            carry_out(removal, self._store, self._inventory)
        except StoreUnavailable as error:
            return error
        log.info("janitor.removed", place=removal.place, folder=removal.folder, number=removal.passes + 1)
        return None


def connect(settings: Settings) -> Janitor:
    """A janitor on the settings' servers."""
    return Janitor(PostgresInventory.from_settings(settings), lambda: S3Store(connect_s3(settings), settings.s3_bucket))


def main(arguments: Sequence[str]) -> int:
    """Remove until asked to stop, or once. Returns the exit status: 0, 75 if the one round failed, 78 as the worker."""
    parser = member_parser("python -m workers.janitor")
    parser.add_argument("--once", action="store_true", help="one round, and leave")
    options = parser.parse_args(arguments)
    signals = begin(options.pool)
    try:
        run(connect(Settings.load()), signals, once=options.once)
    except MisconfiguredError as error:
        log.error("janitor.unable", reason=str(error))  # noqa: TRY400 - the message says it all
        return UNABLE
    except Unavailable as error:
        log.error("janitor.failed", code=error.code, reason=str(error))  # noqa: TRY400
        return LEFT
    return 0


def run(janitor: Janitor, signals: Signals, *, once: bool) -> None:
    """Until asked to stop, or until nothing more is due."""
    if not once:
        repeat(janitor.step, signals, name="janitor")
        return
    while not signals.times and not janitor.step():
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
