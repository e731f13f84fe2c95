"""Removing from the store what the ledger has noted as to be removed. Doing it twice does no harm."""

from jobs.inventory import Inventory, Removal
from pipeline.services import Store

PAGE = 1000  # keys that one request removes


def carry_out(removal: Removal, store: Store, inventory: Inventory) -> None:
    """One pass of a removal, and the note of it.

    Raises:
        StoreUnavailable, LedgerUnavailable: it is due again.
    """
    if removal.folder:
        remove_folder(store, removal.place)
    else:
        store.remove([removal.place])
    inventory.note_removal(removal)


def remove_folder(store: Store, prefix: str) -> None:
    """Remove all objects whose keys begin with `prefix`."""
    after = ""
    while page := store.listed(prefix, after, PAGE):
        store.remove([listed.key for listed in page])
        after = page[-1].key
