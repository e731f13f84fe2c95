"""The looks of one's own that a command may name."""

from config import MisconfiguredError
from scripts.darkroom.app import App


def own_names(app: App) -> list[str]:
    """The names of the ledger's looks; none if no ledger is set."""
    try:
        return [look.name for look in app.ledger.looks()]
    except MisconfiguredError:
        return []
