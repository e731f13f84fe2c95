"""What every command shares: the settings, the client, and how an error ends the process."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

from config import CLIP_LADDERS, LADDERS, MisconfiguredError, Settings
from config.settings import ENV_FILE
from jobs import Client
from jobs.errors import DarkroomError, Rejected, Unavailable
from jobs.plain import as_data
from jobs.postgres import PostgresLedger
from jobs.postgres_inventory import PostgresInventory
from jobs.s3 import connect_s3
from pipeline.s3 import S3Store
from pipeline.services import Store

EXIT_CODES = """\b
Exit codes:
  0  done
  1  an upload or request was rejected, a job did not end well, or an audit found something missing or altered
  2  the command line or a setting is wrong
  3  a server is unavailable; trying again may help
  4  there is no such job, media, generation, look or hash in quarantine
  5  the time to wait was over
  130  interrupted
worker, pool, sweep, relay and janitor: 0 drained, 75 left before the job at hand was done, 78 could not begin."""

NOT_FOUND = frozenset(
    {"unknown_job", "unknown_media", "unknown_generation", "unknown_look", "unknown_content"}
)  # codes that end with 4

OWNER = click.IntRange(1, 2**63 - 1)  # what a bigint of the ledger holds

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass
class App:
    """What a command works with. Nothing is connected before it is used."""

    directory: Path
    environ: Mapping[str, str] | None = None  # instead of the process's own

    @property
    def environment_file(self) -> Path:
        """What `darkroom up` wrote."""
        return self.directory / "darkroom.env"

    @cached_property
    def settings(self) -> Settings:
        """The settings of the environment over those of the local stack."""
        return Settings.load(self.environ, file=self.environment_file)

    def export_settings(self) -> None:
        """Have this process and its children read the same settings.

        Raises:
            MisconfiguredError: one is missing or wrong.
        """
        if self.settings:
            os.environ[ENV_FILE] = str(self.environment_file.resolve())

    @cached_property
    def client(self) -> Client:
        """A frontend's client of those servers."""
        return Client(self.settings)

    @cached_property
    def ledger(self) -> PostgresLedger:
        """The truth itself, for what only its operators ask."""
        return PostgresLedger.from_settings(self.settings)

    @cached_property
    def inventory(self) -> PostgresInventory:
        """What the ledger knows of the store."""
        return PostgresInventory.from_settings(self.settings)

    @cached_property
    def store(self) -> Store:
        """The store itself."""
        return S3Store(connect_s3(self.settings), self.settings.s3_bucket)


class Notices(logging.Handler):
    """Says once, in words, what the client logs about tickets that have to wait."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the person, if it concerns them."""
        if record.getMessage() == "ticket.deferred" and not self._told:
            self._told = True
            click.echo("No job server answers. What was submitted is kept, and made as soon as one is back.", err=True)


class Command(click.Command):
    """A command that ends with a sentence and a documented exit code, whatever fails below it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; translate what it raises."""
        try:
            return super().invoke(ctx)
        except (DarkroomError, MisconfiguredError, OSError) as error:
            raise Failure(sentence(error), exit_code(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted. What was submitted goes on: `darkroom job list` shows it.", err=True)
            ctx.exit(130)


class Group(Command, click.Group):
    """A group of commands."""


class Failure(click.ClickException):
    """An error with its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc] # click declares it for classes, and reads it from instances


def sentence(error: Exception) -> str:
    """What a person is told: in one line, with what to do where the error itself does not know."""
    told = " ".join((spelled(error) if isinstance(error, OSError) else str(error)).split())
    remedy = " `darkroom doctor` says what does not answer; `darkroom up` starts what runs on this machine."
    return told + remedy if isinstance(error, Unavailable) else told


def spelled(error: OSError) -> str:
    """The system's error without its number, with what to do about a file."""
    if not (error.filename and error.strerror):
        return str(error)
    return f"{str(error.filename)!r} cannot be read or written: {error.strerror}. Name another place, or mend this one."


def exit_code(error: Exception) -> int:
    """The documented exit code for an error."""
    match error:
        case Rejected() if error.code in NOT_FOUND:
            return 4
        case Unavailable():
            return 3
        case MisconfiguredError():
            return 2
        case TimeoutError():
            return 5
        case _:
            return 1


def json_option(command: Decorated) -> Decorated:
    """`--json`: the same answer for programs. Ids are strings there, since they exceed 2**53."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead.")(command)


def preset_option(command: Decorated) -> Decorated:
    """`--preset`: the name of a ladder, whose presets are a photo's or a clip's."""
    option = click.option(
        "--preset",
        "ladder",
        default="standard",
        show_default=True,
        type=click.Choice(sorted({*LADDERS, *CLIP_LADDERS})),
        help="Which ladder of renditions to make; a clip's may have more codecs.",
    )
    return option(command)


def print_json(value: object) -> None:
    """Print a value of dataclasses, containers and times as indented JSON."""
    click.echo(json.dumps(as_data(value), indent=2))
