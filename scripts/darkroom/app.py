"""What every command shares: the settings, the client, and how an error ends the process."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

from config import LADDERS, MisconfiguredError, Settings
from config.settings import read_environment_file
from jobs import Client
from jobs.errors import DarkroomError, Rejected, Unavailable
from jobs.plain import as_data
from jobs.postgres import PostgresLedger

EXIT_CODES = """\b
Exit codes:
  0  done
  1  an upload or request was rejected, or a job did not end well
  2  the command line or a setting is wrong
  3  a server is unavailable; trying again may help
  4  there is no such job, media or generation
  5  the time to wait was over
  130  interrupted
worker, pool, sweep and relay: 0 drained, 75 left before the job at hand was done, 78 could not begin."""

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
        """Put the local stack's settings into the environment, for processes that read them there."""
        for name, value in read_environment_file(self.environment_file).items():
            os.environ.setdefault(name, value)

    @cached_property
    def client(self) -> Client:
        """A frontend's client of those servers."""
        return Client(self.settings)

    @cached_property
    def ledger(self) -> PostgresLedger:
        """The truth itself, for what only its operators ask."""
        return PostgresLedger(self.settings.database_url, self.settings.connect_timeout_seconds)


class Command(click.Command):
    """A command that ends with a sentence and a documented exit code, whatever fails below it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; translate what it raises."""
        try:
            return super().invoke(ctx)
        except (DarkroomError, MisconfiguredError, TimeoutError) as error:
            raise Failure(str(error), exit_code(error)) from error
        except KeyboardInterrupt:
            ctx.exit(130)


class Group(Command, click.Group):
    """A group of commands."""


class Failure(click.ClickException):
    """An error with its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc] # click declares it for classes, and reads it from instances


def exit_code(error: Exception) -> int:
    """The documented exit code for an error."""
    match error:
        case Rejected() if error.code.startswith("unknown_"):
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
    """`--preset`: the name of a ladder."""
    option = click.option(
        "--preset",
        "ladder",
        default="standard",
        show_default=True,
        type=click.Choice(sorted(LADDERS)),
        help="Which ladder of renditions to make.",
    )
    return option(command)


def print_json(value: object) -> None:
    """Print a value of dataclasses, containers and times as indented JSON."""
    click.echo(json.dumps(as_data(value), indent=2))
