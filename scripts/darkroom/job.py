"""`darkroom job …`: look at jobs, wait for them, cancel them, try them again."""

from datetime import UTC, datetime, timedelta

import click

from jobs import Client
from jobs.job import JobState, JobStatus
from scripts.darkroom.app import App, Failure, Group, json_option, print_json
from scripts.darkroom.show import attempt_table, console, job_table, state, timing_table
from scripts.darkroom.watch import Watch

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Since(click.ParamType[datetime]):
    """A moment: an ISO 8601 time, or how long ago (`90s`, `15m`, `2h`, `7d`)."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ARG002
        """The moment, with its time zone; one without is taken as UTC."""
        try:
            if value[-1:] in UNITS:
                return datetime.now(UTC) - timedelta(**{UNITS[value[-1]]: int(value[:-1])})
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a time such as 2026-01-31T12:00 nor an age such as 90s, 15m, 2h or 7d.")
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.group(cls=Group)
def job() -> None:
    """Look at jobs, wait for them, cancel them, try them again."""


@job.command("show")
@click.argument("job_id", type=int)
@json_option
@click.pass_obj
def show_job(app: App, job_id: int, *, as_json: bool) -> None:
    """Where a job stands, how far it is, each of its attempts, and what the last one spent."""
    status, attempts = app.client.status(job_id), app.ledger.attempts(job_id)
    if as_json:
        print_json({"job": status, "attempts": attempts})
        return
    screen = console()
    screen.print(job_table([status]))
    if attempts:
        screen.print("", attempt_table(attempts))
    if attempts and attempts[-1].timings:
        screen.print("", timing_table(attempts[-1].timings))


@job.command("list")
@click.option(
    "--state", "wanted", type=click.Choice([state.value for state in JobState]), help="Only jobs in this state."
)
@click.option("--since", type=Since(), help="Only jobs submitted since: 2026-01-31T12:00, or 90s, 15m, 2h, 7d ago.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@json_option
@click.pass_obj
def list_jobs(app: App, wanted: str | None, since: datetime | None, limit: int, *, as_json: bool) -> None:
    """Jobs, the newest first."""
    found = app.ledger.jobs(state=JobState(wanted) if wanted else None, since=since, limit=limit)
    if as_json:
        print_json(found)
    elif found:
        console().print(job_table(found))
    else:
        click.echo("No such jobs.")


@job.command("wait")
@click.argument("job_ids", type=int, nargs=-1, required=True)
@click.option("--timeout", default=300.0, show_default=True, help="Seconds to wait for all of them together.")
@json_option
@click.pass_obj
def wait_for_jobs(app: App, job_ids: tuple[int, ...], timeout: float, *, as_json: bool) -> None:
    """Wait until jobs are final. Fails if one of them did not end as done."""
    deadline = datetime.now(UTC) + timedelta(seconds=timeout)
    with Watch(show=not as_json) as watch:
        ended = [wait_until(app.client, job_id, deadline, watch) for job_id in watch.counted(job_ids, "Rendering")]
    if as_json:
        print_json(ended)
    else:
        console().print(job_table(ended))
    failed = [status for status in ended if status.state is not JobState.DONE]
    if failed:
        raise Failure(f"{len(failed)} of {len(ended)} jobs did not end as done.", 1)


def wait_until(client: Client, job_id: int, deadline: datetime, watch: Watch) -> JobStatus:
    """The job once it is final. Raises TimeoutError at the deadline."""
    return client.wait(job_id, max(0.0, (deadline - datetime.now(UTC)).total_seconds()), watch.see)


@job.command("cancel")
@click.argument("job_id", type=int)
@json_option
@click.pass_obj
def cancel_job(app: App, job_id: int, *, as_json: bool) -> None:
    """Cancel a job that is queued or running; one that has ended stays as it is."""
    now = app.client.cancel(job_id)
    if as_json:
        print_json({"job_id": job_id, "state": now})
    else:
        console().print(f"Job {job_id} is {state(now)}.")


@job.command("retry")
@click.argument("job_id", type=int)
@json_option
@click.pass_obj
def retry_job(app: App, job_id: int, *, as_json: bool) -> None:
    """Queue a rejected, dead or cancelled job again, with all its attempts."""
    app.client.retry(job_id)
    if as_json:
        print_json(app.client.status(job_id))
    else:
        console().print(f"Job {job_id} is {state(JobState.QUEUED)} again. Follow it: darkroom job wait {job_id}")
