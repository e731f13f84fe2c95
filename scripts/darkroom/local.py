"""`darkroom up`, `down`, `status`, `doctor`: the local stack and what it needs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import click
from click.core import ParameterSource
from rich.table import Table

from config import MisconfiguredError
from config.settings import read_environment_file
from jobs.errors import BrokerUnavailable, LedgerUnavailable
from jobs.gearman import JobServer, survey
from scripts.darkroom.app import App, Failure, json_option, print_json
from scripts.darkroom.show import console, size
from workers.doctor import Finding, check_all
from workers.stack import Process, ServerStatus, Stack

PATIENCE_SECONDS = 2.0  # with a job server that may be away


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All that `darkroom status` tells. `servers` and `processes` are the local stack's, if there is one here;
    `job_servers` and `jobs` are those of the settings, empty where nobody answers.
    """

    servers: list[ServerStatus]
    processes: list[Process]
    job_servers: list[JobServer]
    jobs: Mapping[str, int]

    @property
    def well(self) -> bool:
        """Whether every server answers."""
        return all(server.healthy for server in self.servers) and bool(self.job_servers) and bool(self.jobs)


@click.command()
@click.option(
    "--workers",
    default=os.cpu_count() or 1,
    show_default="one a core",
    type=click.IntRange(0, 256),
    help="Photo workers to start beside the servers; 0 for none.",
)
@click.option(
    "--clip",
    show_default="1 if there are photo workers",
    type=click.IntRange(0, 256),
    help="Clip workers to start beside them, which stand back for photos; 0 for none.",
)
@json_option
@click.pass_obj
def up(app: App, *, workers: int, clip: int | None, as_json: bool) -> None:
    """Start the servers of the local stack, and workers. What runs already is left as it is."""
    stack = Stack.open(app.directory)
    stack.up()
    clip = min(workers, 1) if clip is None else clip
    if stack.pool.running and not is_default("workers", "clip"):
        click.echo("Workers run already, as many as they were; `darkroom down` first to change that.", err=True)
    elif workers or clip:
        stack.pool.start(photo=workers, clip=clip)
    print_overview(look(app), as_json=as_json)


def is_default(*options: str) -> bool:
    """Whether none of these options of the command at hand was given."""
    context = click.get_current_context()
    return all(context.get_parameter_source(option) is ParameterSource.DEFAULT for option in options)


@click.command()
@click.pass_obj
def down(app: App) -> None:
    """Drain the workers and stop the servers of the local stack. Its data stay."""
    stack = Stack.open(app.directory)
    stack.pool.stop()
    stack.down()
    click.echo(f"The stack in {stack.directory} is down. Its data are kept; `darkroom up` starts it again.")


@click.command()
@json_option
@click.pass_obj
def status(app: App, *, as_json: bool) -> None:
    """Each server, what waits in the queues, and the worker processes. Exit code 3 if a server does not answer.

    With servers of your own in the settings it shows their queues and jobs.
    """
    overview = look(app)
    print_overview(overview, as_json=as_json)
    if not overview.well:
        raise Failure(
            "Not every server answers. `darkroom doctor` says which and why, `darkroom up` starts what runs here.", 3
        )


@click.command()
@json_option
@click.pass_obj
def doctor(app: App, *, as_json: bool) -> None:
    """Check every dependency, server, permission and limit, each with its remedy. Exit code 1 if one fails."""
    environ = os.environ if app.environ is None else app.environ
    try:
        environ = {**read_environment_file(app.environment_file), **environ}
        settings = app.settings
    except MisconfiguredError:
        settings = None  # the findings say so
    findings = check_all(settings, environ)
    if as_json:
        print_json(findings)
    else:
        console().print(findings_table(findings))
    if any(finding.verdict == "fail" for finding in findings):
        raise Failure("Something that Darkroom needs is missing.", 1)


def look(app: App) -> Overview:
    """Everything as it is now."""
    stack = Stack.open(app.directory) if app.environment_file.exists() else None
    return Overview(
        servers=stack.status() if stack else [],
        processes=stack.pool.processes() if stack else [],
        job_servers=[found for server in app.settings.gearman_servers for found in survey_if_there(server)],
        jobs=counts(app),
    )


def survey_if_there(address: str) -> list[JobServer]:
    """A job server's queues; nothing where it does not answer."""
    try:
        return [survey(address, PATIENCE_SECONDS)]
    except BrokerUnavailable:
        return []


def counts(app: App) -> Mapping[str, int]:
    """Jobs by state, and events that wait; nothing where the ledger does not answer."""
    try:
        return app.ledger.counts()
    except LedgerUnavailable:
        return {}


def print_overview(overview: Overview, *, as_json: bool) -> None:
    """The stack for a program or a person."""
    if as_json:
        print_json(overview)
        return
    screen = console()
    if overview.servers:
        screen.print(server_table(overview.servers), "")
    if overview.jobs:
        screen.print("  ".join(f"{name} {count}" for name, count in overview.jobs.items()))
    for job_server in overview.job_servers:
        screen.print("", queue_table(job_server))
    if overview.processes:
        screen.print("", process_table(overview.processes))
    elif overview.servers:
        screen.print("", "No workers run. `darkroom up` or `darkroom pool` starts some.")


def server_table(servers: list[ServerStatus]) -> Table:
    """A line a server."""
    table = Table("server", "version", "port", "pid", "is", "log", box=None)
    for server in servers:
        how = "[green]well[/]" if server.healthy else "[red]not answering[/]" if server.running else "[dim]down[/]"
        table.add_row(server.name, server.version, str(server.port), str(server.pid or ""), how, str(server.log))
    return table


def queue_table(job_server: JobServer) -> Table:
    """A line a function of one job server."""
    table = Table(f"queue at {job_server.address}", "interactive", "batch", "running", "workers", box=None)
    for queue in job_server.queues:
        table.add_row(queue.function, *map(str, (queue.interactive, queue.batch, queue.running, queue.workers)))
    return table


def process_table(processes: list[Process]) -> Table:
    """A line a process of the pool."""
    table = Table("process", "pid", "CPU", "memory", box=None)
    for process in processes:
        table.add_row(
            process.command.partition(" ")[0],
            str(process.pid),
            f"{process.cpu_seconds:.1f} s",
            size(process.memory_bytes),
        )
    return table


def findings_table(findings: list[Finding]) -> Table:
    """A line a check, with the remedy where there is something to do."""
    table = Table("check", "", "found", "remedy", box=None)
    for finding in findings:
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[finding.verdict]
        table.add_row(finding.name, f"[{colour}]{finding.verdict}[/]", finding.found, finding.remedy)
    return table
