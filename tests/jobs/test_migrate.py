"""The migrations' runner against a real PostgreSQL, each test in a database of its own."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import psycopg2.errors
import pytest

from jobs import migrate as migrations
from jobs.errors import LedgerUnavailable
from jobs.job import Order
from jobs.migrate import FOLDER, MigrationError, migrate, status
from jobs.postgres import PostgresLedger

pytestmark = pytest.mark.server


@pytest.fixture
def dsn(stack) -> Iterator[str]:
    """An empty database that belongs to the owner of the real one."""
    name = f"scratch_{secrets.token_hex(4)}"
    owner = urlsplit(stack.settings.migrations_url).username
    with closing(psycopg2.connect(stack.postgres.url("postgres", stack.postgres.plan.superuser_password))) as superuser:
        superuser.autocommit = True
        with superuser.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} OWNER {owner}")
            yield stack.settings.migrations_url.rsplit("/", 1)[0] + f"/{name}"
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a migration, and get the folder."""

    def write_migration(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path

    return write_migration


def ask(dsn: str, question: str) -> Any:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0] if cursor.description else None


def row(dsn: str, question: str) -> tuple[Any, ...]:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()


def add_jobs(dsn: str, *, first: int, last: int, state: str) -> None:
    """Jobs with these ids, each of a media of its own, in their first attempt and due in an hour."""
    ids = f"generate_series({first}, {last}) AS id"
    ask(dsn, f"INSERT INTO darkroom.media (media_id, owner_id, source_key) SELECT id, id, 'originals/1' FROM {ids}")
    ask(
        dsn,
        "INSERT INTO darkroom.jobs (job_id, media_id, owner_id, due_at, turn, state, lane, function, ladder, key,"
        " fence, worker, started_at) SELECT id, id, id, now() + interval '1 hour', 1,"
        f" '{state}', 'batch', 'photo', 'standard', 'first', 1, 'worker', now() FROM {ids}",
    )


def names(steps: list[migrations.Step]) -> list[str]:
    return [step.name for step in steps]


def test_an_empty_database_gets_every_migration_in_order_and_once(dsn):
    every = sorted(file.name for file in FOLDER.glob("*.sql"))

    before = status(dsn)
    applied = migrate(dsn)

    assert names(before) == names(applied) == names(status(dsn)) == every
    assert {step.applied_at for step in before} == {None}
    assert None not in {step.applied_at for step in applied}
    assert migrate(dsn) == []


def test_the_migrations_are_numbered_without_a_gap():
    numbers = [int(file.name.split("_")[0]) for file in sorted(FOLDER.glob("*.sql"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_a_new_file_is_applied_alone(dsn, write):
    migrate(dsn, write("0001_a.sql", "CREATE TABLE darkroom.a (n int)"))

    assert names(migrate(dsn, write("0002_b.sql", "CREATE TABLE darkroom.b (n int)"))) == ["0002_b.sql"]


def test_many_runners_at_once_apply_each_migration_once(dsn, write):
    write("0001_a.sql", "CREATE TABLE darkroom.a (n int)")
    folder = write("0002_b.sql", "-- no transaction\nCREATE INDEX CONCURRENTLY a_n ON darkroom.a (n)")

    with ThreadPoolExecutor(5) as runners:
        applied = list(runners.map(lambda _: names(migrate(dsn, folder)), range(5)))

    assert sorted(applied) == [[], [], [], [], ["0001_a.sql", "0002_b.sql"]]


def test_a_changed_file_is_refused_by_name(dsn, write):
    migrate(dsn, write("0001_a.sql", "SELECT 1"))

    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed .* restore it"):
        migrate(dsn, write("0001_a.sql", "SELECT 2"))


def test_a_missing_file_is_refused_by_name(dsn, write):
    folder = write("0001_a.sql", "SELECT 1")
    migrate(dsn, folder)
    (folder / "0001_a.sql").unlink()

    with pytest.raises(MigrationError, match=r"0001_a\.sql was applied, but its file is missing"):
        status(dsn, folder)


def test_a_file_that_comes_too_late_for_its_number_is_refused(dsn, write):
    migrate(dsn, write("0002_b.sql", "SELECT 2"))

    with pytest.raises(MigrationError, match=r"0001_a\.sql comes before 0002_b\.sql"):
        migrate(dsn, write("0001_a.sql", "SELECT 1"))


def test_a_migration_that_fails_is_undone_and_those_before_it_stay(dsn, write):
    write("0001_a.sql", "CREATE TABLE darkroom.a (n int)")
    folder = write("0002_b.sql", "CREATE TABLE darkroom.b (n int); SELECT 1 / 0")

    with pytest.raises(MigrationError, match=r"0002_b\.sql failed: division by zero"):
        migrate(dsn, folder)

    assert [step.applied_at is not None for step in status(dsn, folder)] == [True, False]
    assert ask(dsn, "SELECT to_regclass('darkroom.b') IS NULL")


def test_what_a_broken_concurrent_index_left_behind_is_not_taken_for_built(dsn, write):
    write("0001_a.sql", "CREATE TABLE darkroom.a (n int); INSERT INTO darkroom.a VALUES (1), (1)")
    folder = write(
        "0002_b.sql", "-- no transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_n ON darkroom.a (n)"
    )
    with pytest.raises(MigrationError, match="could not create unique index"):
        migrate(dsn, folder)

    with pytest.raises(MigrationError, match=r"DROP INDEX CONCURRENTLY darkroom\.a_n; then migrate again"):
        migrate(dsn, folder)


def test_a_migration_gives_up_rather_than_make_everybody_wait_behind_it(dsn, write):
    migrate(dsn, write("0001_a.sql", "CREATE TABLE darkroom.a (n int)"))
    folder = write("0002_b.sql", "ALTER TABLE darkroom.a ADD COLUMN m int")

    with closing(psycopg2.connect(dsn)) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT * FROM darkroom.a")
        with pytest.raises(LedgerUnavailable, match="lock timeout"):
            migrate(dsn, folder)

    assert names(migrate(dsn, folder)) == ["0002_b.sql"]


def test_an_index_that_is_built_beside_the_work_outwaits_a_transaction(dsn, write):
    migrate(dsn, write("0001_a.sql", "CREATE TABLE darkroom.a (n int)"))
    folder = write("0002_b.sql", "-- no transaction\nCREATE INDEX CONCURRENTLY a_n ON darkroom.a (n)")

    with closing(psycopg2.connect(dsn)) as writer, writer.cursor() as cursor, ThreadPoolExecutor(1) as runner:
        cursor.execute("INSERT INTO darkroom.a VALUES (1)")
        migrating = runner.submit(migrate, dsn, folder)
        time.sleep(4)  # longer than a migration waits for a lock
        assert not migrating.done()
        writer.commit()

        assert names(migrating.result(30)) == ["0002_b.sql"]


def test_a_runner_does_not_wait_for_ever_for_another(dsn, monkeypatch):
    monkeypatch.setattr(migrations, "LOCK_WAIT_SECONDS", 0.2)

    with closing(psycopg2.connect(dsn)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [migrations.LOCK])
        with pytest.raises(LedgerUnavailable, match="Somebody else has been migrating"):
            migrate(dsn)


def test_the_application_is_told_to_migrate_as_the_owner(dsn, stack):
    application = urlsplit(stack.settings.database_url).netloc.rsplit("@", 1)[0]
    direct = urlsplit(dsn)._replace(netloc=f"{application}@127.0.0.1:{urlsplit(dsn).port}").geturl()

    with pytest.raises(MigrationError, match="DARKROOM_MIGRATIONS_URL"):
        migrate(direct)


def test_a_server_that_is_away_is_unavailable(dsn):
    with pytest.raises(LedgerUnavailable):
        migrate(dsn.replace(f":{urlsplit(dsn).port}/", ":1/"))


def test_a_packaged_copy_of_the_migrations_is_the_same_to_the_database(dsn, tmp_path):
    migrate(dsn)

    assert migrate(dsn, shutil.copytree(FOLDER, tmp_path / "copy")) == []


@pytest.mark.parametrize(
    "step",
    [
        "claim(3001, 'worker', 60)",
        "claim_recipe(3001, 'worker', 60)",
        "claim_order(3001, 'worker', 60)",
        "beat(3001, 1, 60)",
        "beat(3001, 1, 60, 0.5)",
        "publish_part(3001, 1, 'aa', 7, 5, '{}', '{}')",
        "fail(3001, 1, 'code', 'reason', 'queued', 0)",
        "finish(3001, 1, 'aa', 7, 5, '{}', '{}', '{}')",
        "cancel(3001)",
    ],
)
def test_a_step_on_one_job_reads_no_other_even_if_it_was_planned_while_the_queue_was_empty(dsn, step):
    migrate(dsn)
    add_jobs(dsn, first=1, last=3000, state="done")
    ask(dsn, "ANALYZE darkroom.jobs, darkroom.media")
    add_jobs(dsn, first=3001, last=3500, state="queued" if "claim" in step else "running")

    read = ask(
        dsn,
        f"SELECT darkroom.{step};"
        " SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'jobs'",
    )

    assert 1 <= read <= 5


def test_a_sweep_reads_only_what_is_due(dsn):
    migrate(dsn)
    add_jobs(dsn, first=1, last=3000, state="queued")

    read = ask(
        dsn,
        "SELECT count(*) FROM darkroom.sweep(100);"
        " SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'jobs'",
    )

    assert read == 0


def test_programs_of_the_release_before_recipes_go_on_and_get_no_photo_whose_recipe_they_would_leave_out(dsn):
    """What they send, word for word."""
    migrate(dsn)
    submit = "SELECT count(*), min(job_id) FROM darkroom.submit(7, 'photo', '{}', 'o/7/x', 'standard', 'batch', NULL)"
    claim = "SELECT * FROM darkroom.claim({}, 'worker', 60)"
    ledger = PostgresLedger(dsn)
    edited = ledger.submit(Order(owner_id=7, key="edited", source_key="o/7/x", recipe={"look": {"name": "aden"}}))
    ask(dsn, submit.format("plain"))
    plain = ledger.jobs(limit=1)[0]

    ask(dsn, submit.format("again").replace("NULL", str(edited.media_id)))
    again = ledger.jobs(limit=1)[0]

    assert (plain.recipe, again.recipe) == ({}, {"look": {"name": "aden"}})
    assert ask(dsn, f"SELECT count(*) FROM ({claim.format(edited.job_id)}) AS claimed") == 0
    assert len(row(dsn, claim.format(plain.job_id))) == 9
    assert ledger.claim(edited.job_id, "newer", 60).recipe == {"look": {"name": "aden"}}


def test_media_from_before_there_were_recipes_have_none(dsn, tmp_path):
    before = tmp_path / "before"
    before.mkdir()
    for file in sorted(FOLDER.glob("*.sql"))[:4]:
        shutil.copy(file, before)
    migrate(dsn, before)
    add_jobs(dsn, first=1, last=1, state="running")
    ask(dsn, "SELECT darkroom.finish(1, 1, 'aa', 7, 5, '{}', '{}', '{}')")

    migrate(dsn)

    ledger = PostgresLedger(dsn)
    assert (ledger.media(1).recipe, ledger.media(1).generation, ledger.status(1).recipe) == ({}, 1, {})


def test_programs_of_the_release_before_clips_go_on_beside_a_clip(dsn):
    """What they send, word for word."""
    migrate(dsn)
    ledger = PostgresLedger(dsn)
    submit = "SELECT * FROM darkroom.submit(7, 'photo', 'plain', 'o/7/x', 'standard', 'batch', NULL, '{}')"
    clip = ledger.submit(Order(owner_id=7, key="clip", source_key="o/7/y", function="clip", mandatory=("480p",)))

    job_id, media_id, *_ = row(dsn, submit)
    claimed = row(dsn, f"SELECT * FROM darkroom.claim_recipe({job_id}, 'worker', 60)")

    assert claimed == (job_id, media_id, 7, "photo", "o/7/x", "standard", "batch", {}, 1, {})
    assert ask(dsn, f"SELECT darkroom.beat({job_id}, 1, 60.0)")
    assert (ledger.status(job_id).progress, ledger.media(media_id).function) == (None, "photo")
    with pytest.raises(psycopg2.Error, match="is a clip and stays one"):
        ask(dsn, submit.replace("plain", "again").replace("o/7/x", "o/7/y").replace("NULL", str(clip.media_id)))


def test_what_was_there_before_clips_is_photos_that_can_still_be_finished_and_published_again(dsn, tmp_path):
    before = tmp_path / "before"
    before.mkdir()
    for file in sorted(FOLDER.glob("*.sql"))[:5]:
        shutil.copy(file, before)
    migrate(dsn, before)
    add_jobs(dsn, first=1, last=1, state="running")

    migrate(dsn)

    ledger = PostgresLedger(dsn)
    assert ask(dsn, "SELECT darkroom.beat(1, 1, 60)")
    assert ask(dsn, "SELECT darkroom.finish(1, 1, 'aa', 7, 5, '{}', '{}', '{}')")
    assert (ledger.media(1).function, ledger.media(1).state, ledger.status(1).progress) == ("photo", "ready", None)


def test_what_was_there_before_deletion_can_be_deleted_and_programs_of_that_release_are_refused_well(dsn, tmp_path):
    """What they send, word for word, on a media that a newer program has deleted."""
    before = tmp_path / "before"
    before.mkdir()
    for file in sorted(FOLDER.glob("*.sql"))[:6]:
        shutil.copy(file, before)
    migrate(dsn, before)
    submit = (
        "SELECT job_id, media_id FROM darkroom.submit"
        "(7, 'photo', '{}', 'o/7/x', 'standard', 'batch', {}, '{{}}', '{{}}')"
    )
    job_id, media_id = row(dsn, submit.format("first", "NULL"))
    published = "SELECT darkroom.finish({}, {}, 'aa', 7, 5, '{{}}', '{{}}', '{{}}')"
    row(dsn, f"SELECT * FROM darkroom.claim_order({job_id}, 'worker', 60)")
    ask(dsn, published.format(job_id, 1))
    again, _ = row(dsn, submit.format("again", media_id))
    row(dsn, f"SELECT * FROM darkroom.claim_order({again}, 'worker', 60)")

    migrate(dsn)
    PostgresLedger(dsn).delete_media(media_id)

    assert not ask(dsn, published.format(again, 1))
    assert not ask(dsn, f"SELECT darkroom.beat({again}, 1, 60, NULL)")
    assert ask(dsn, f"SELECT count(*) FROM darkroom.claim_order({again}, 'worker', 60)") == 0
    for refused, reason in (
        (submit.format("third", media_id), "is deleted and stays so"),
        (submit.format("first", "NULL"), "upload the file again"),
        (f"SELECT * FROM darkroom.retry({again})", "is deleted and stays so"),
        (f"SELECT darkroom.rollback({media_id}, 1)", "is deleted and stays so"),
    ):
        with pytest.raises(psycopg2.Error, match=reason):
            ask(dsn, refused)
    assert ask(dsn, f"SELECT state FROM darkroom.media WHERE media_id = {media_id}") == "deleted"


def test_an_original_and_what_is_due_are_found_without_reading_the_tables(dsn):
    migrate(dsn)
    add_jobs(dsn, first=1, last=3000, state="done")
    ask(dsn, "UPDATE darkroom.media SET source_key = 'originals/' || media_id")
    ask(
        dsn,
        "INSERT INTO darkroom.removals (place, folder, due_at) SELECT 'o/' || n, false, now() + interval '1 day'"
        " FROM generate_series(1, 3000) AS n; ANALYZE",
    )

    read = ask(
        dsn,
        "SELECT darkroom.abandon_original('o/none'), darkroom.abandon_original('originals/7'),"
        " count(*) FROM darkroom.take_removals(10);"
        " SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_xact_user_tables"
        " WHERE relname IN ('media', 'removals', 'jobs')",
    )

    assert read < 20


def test_a_beat_with_progress_changes_no_index_that_one_without_leaves_alone(dsn):
    """PostgreSQL's own catalogue: no index holds the column, by itself or in a condition or expression."""
    migrate(dsn)

    definitions = ask(
        dsn,
        "SELECT array_agg(pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = 'darkroom.jobs'::regclass",
    )

    assert len(definitions) == 4
    assert not [definition for definition in definitions if "progress" in definition]


def test_two_ids_that_meet_are_drawn_again(dsn):
    """The ledger of a database whose ids come three times each."""
    migrate(dsn)
    ask(
        dsn,
        "CREATE OR REPLACE FUNCTION darkroom.next_id(p_owner_id bigint) RETURNS bigint LANGUAGE sql"
        " AS 'SELECT nextval(''darkroom.ids'') / 3'",
    )
    ledger = PostgresLedger(dsn)

    receipts = [ledger.submit(Order(owner_id=1, key=f"{n}", source_key="originals/1")) for n in range(9)]

    assert len({receipt.job_id for receipt in receipts}) == len({receipt.media_id for receipt in receipts}) == 9
    assert all(receipt.created for receipt in receipts)
