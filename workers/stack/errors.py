"""What can go wrong with the local stack."""

from jobs.errors import DarkroomError


class StackError(DarkroomError):
    """A server of the local stack did not start, or its directory cannot be used. The message says what to do."""


class MissingProgramError(StackError):
    """A server's program is not installed. The message names the package that has it."""
