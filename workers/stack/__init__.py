"""The local stack: gearmand, PostgreSQL, PgBouncer and SeaweedFS under one directory, on ports of their own."""

from workers.stack.errors import MissingProgramError, StackError
from workers.stack.pool import LocalPool, Process
from workers.stack.server import Server, ServerStatus
from workers.stack.stack import Stack

__all__ = ["LocalPool", "MissingProgramError", "Process", "Server", "ServerStatus", "Stack", "StackError"]
