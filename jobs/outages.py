"""Which job servers do not answer at the moment."""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.8  # after a refusal, which costs nothing to ask for again
PAUSE_PER_WAITED = 5.0  # so that waiting for a silent server takes about a fifth of the time
PROBE_SECONDS = 1.0  # for which a lost server is asked whether it is back
LONGEST_PAUSE_SECONDS = PAUSE_SECONDS + PAUSE_PER_WAITED * PROBE_SECONDS  # so late is a return noticed at worst


class Outages:
    """What is known of servers that went away. Threads share one; it holds no lock that a fork could copy."""

    def __init__(self) -> None:
        self._tried_again_at: dict[str, float] = {}  # by the monotonic clock

    def worth_trying(self, server: str, patience_seconds: float) -> bool:
        """Whether to try this server now. While one caller tries a lost server, the others go on without it."""
        at = self._tried_again_at.get(server)
        if at is None:
            return True
        if time.monotonic() < at:
            return False
        self._tried_again_at[server] = time.monotonic() + patience_seconds
        return True

    def patience_seconds(self, server: str, usual_seconds: float) -> float:
        """For how long to wait for this server: a lost one has to show first that it is back."""
        return min(usual_seconds, PROBE_SECONDS) if self.lost(server) else usual_seconds

    def lost(self, server: str) -> bool:
        """Whether it went away, and has not answered since."""
        return server in self._tried_again_at

    @contextmanager
    def trial(self, server: str) -> Iterator[None]:
        """Note how a conversation with the server ends: by whatever it raises, which passes through, or well."""
        began = time.monotonic()
        try:
            yield
        except Exception:
            self._lost(server, time.monotonic() - began)
            raise
        self._answered(server)

    def _lost(self, server: str, waited_seconds: float) -> None:
        """Leave a server alone for a while: the longer it kept us waiting, the longer. Jittered.

        The first loss keeps us waiting for longer than it takes to ask again, which alone counts.
        """
        waited_seconds = min(waited_seconds, PROBE_SECONDS)
        pause = (PAUSE_SECONDS + PAUSE_PER_WAITED * waited_seconds) * random.uniform(0.5, 1.0)  # noqa: S311
        if not self.lost(server):
            log.warning("broker.lost", extra={"server": server})
        self._tried_again_at[server] = time.monotonic() + pause

    def _answered(self, server: str) -> None:
        if self._tried_again_at.pop(server, None) is not None:
            log.info("broker.back", extra={"server": server})
