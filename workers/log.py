"""One log style for every process: a JSON object a line, on standard error.

An event's name is constant and its facts stand beside it, so that lines can be counted, filtered and read.
"""

import json
import logging
from datetime import UTC, datetime

OURS = ("jobs", "pipeline", "workers")
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Log:
    """Events of one part of the workers: `Log("head").info("job.done", job_id=7)`."""

    def __init__(self, part: str) -> None:
        self._logger = logging.getLogger(f"workers.{part}")

    def info(self, event: str, **facts: object) -> None:
        """What went as it should."""
        self._logger.info(event, extra=facts)

    def warning(self, event: str, fault: BaseException | None = None, **facts: object) -> None:
        """What failed, and is dealt with. The traceback of `fault`, a mistake of this program, is written too."""
        self._logger.warning(event, exc_info=fault, extra=facts)

    def error(self, event: str, fault: BaseException | None = None, /, **facts: object) -> None:
        """What a person should look at, with the traceback of `fault`."""
        self._logger.error(event, exc_info=fault, extra=facts)


class JsonLines(logging.Formatter):
    """Formats our events and other libraries' messages alike."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: when, how grave, where, what, then the facts."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": f"{record.name}:{record.process}",
            "event": record.getMessage(),
            **{name: fact for name, fact in vars(record).items() if name not in STANDARD},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_stderr() -> None:
    """Send every log line of this process to standard error. Once, at the start of a process."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
