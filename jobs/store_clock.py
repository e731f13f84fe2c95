"""The store's time, by which requests to it are signed where this machine's clock is wrong.

S3 refuses what seems to be signed a quarter of an hour too early or too late. A worker whose clock is wrong would take
job after job and fail each, a frontend store nothing, a janitor remove nothing; so each takes the time from the
answer that refuses it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

MOST_TRIES = 5  # of one call, should a store's answers tell another time each
REFUSED = 403  # RequestTimeTooSkewed, or AccessDenied: Request has expired, Request is not valid yet
MARGIN = timedelta(minutes=1)  # above a Date's resolution and an answer's way; S3 bears fifteen
SIGNING_TIME = "timestamp"  # where botocore keeps it in a request's context
SIGNING_FORMAT = "%Y%m%dT%H%M%SZ"


class StoreClock:
    """The time by which one client signs: this machine's, until the store's answers tell better.

    What the client itself asks and is refused because of the time, it asks again at once.
    """

    def __init__(self, client: Any) -> None:
        """`client` is boto3's; from now on it signs by this clock."""
        self._ahead = timedelta(0)  # of this machine's, the store's clock is
        client.meta.events.register("before-sign.s3", self._date)
        client.meta.events.register("needs-retry.s3", self._try_again)

    def now(self) -> datetime:
        """The store's time, as far as is known."""
        return datetime.now(UTC) + self._ahead

    def learn(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take the time over from a refusal. True if it is another than ours, so that it helps to sign again."""
        theirs = read_date(headers.get("Date", ""))
        if status != REFUSED or theirs is None or abs(theirs - self.now()) < MARGIN:
            return False
        self._ahead = theirs - datetime.now(UTC)
        return True

    def _date(self, request: Any, **_: Any) -> None:
        """Have botocore sign this request by our clock, not its own."""
        if self._ahead:
            request.context = _Dated(request.context, signing_time=self.now().strftime(SIGNING_FORMAT))

    def _try_again(self, response: tuple[Any, Any] | None, attempts: int, **_: Any) -> int | None:
        """Have botocore sign and send a refused request again, after so many seconds; None: no need of ours."""
        if response is None or attempts >= MOST_TRIES:
            return None
        answer, _parsed = response
        return 0 if self.learn(answer.status_code, answer.headers) else None


class _Dated(dict[str, Any]):
    """A request's context in which botocore's own time of signing does not stay."""

    def __init__(self, context: Mapping[str, Any], signing_time: str) -> None:
        super().__init__(context)
        self._signing_time = signing_time

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, self._signing_time if name == SIGNING_TIME else value)


def read_date(text: str) -> datetime | None:
    """The moment of an HTTP Date; None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
