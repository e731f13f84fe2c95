"""The adapters around gearman3 0.2.1, through its own hooks: subclasses, no patches.

gearman3 as published does not run on today's Python, and mishandles servers that go away. A comment that says "trap"
names what is wrong as shipped beside its cure, and `tests/jobs/test_gearman*.py` show each against a real gearmand.

Two or more job servers want `--worker-wakeup 0`. With 1, each wakes one sleeping worker for a ticket, and it takes one
for asleep that is busy for another server: the ticket then waits for that one while others are idle.
"""

from jobs.gearman.admin import JobServer, Queue, survey
from jobs.gearman.dispatcher import Dispatcher
from jobs.gearman.watch import BrokerWatch
from jobs.gearman.worker import serve

__all__ = ["BrokerWatch", "Dispatcher", "JobServer", "Queue", "serve", "survey"]
