"""Deletion, removal and audit on a real store and a real ledger, with work that dies and work that goes on."""

import json
import os
import secrets
import signal
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psutil
import psycopg2
import pytest
import urllib3
from click.testing import CliRunner

from jobs.errors import Rejected
from jobs.job import JobState, Order, Publication, Rendition
from jobs.postgres import PostgresLedger
from jobs.postgres_inventory import PostgresInventory
from jobs.s3 import connect_s3
from pipeline.audit import Fault
from pipeline.removal import carry_out
from pipeline.s3 import S3Store
from pipeline.services import StoredObject
from pipeline.stocktaking import Audit, Terms
from scripts.darkroom.main import darkroom
from scripts.sample import sample_photo

from .fleet import Fleet, stopped, wait_for

pytestmark = pytest.mark.server
MANY = 10_000


@pytest.fixture
def fleet(stack, tmp_path) -> Iterator[Fleet]:
    fleet = Fleet(stack, tmp_path)
    yield fleet
    fleet.close()


@pytest.fixture
def owner_id() -> int:
    return secrets.randbelow(1 << 48) + 1


@pytest.fixture
def ledger(stack) -> PostgresLedger:
    return PostgresLedger.from_settings(stack.settings)


@pytest.fixture
def inventory(stack) -> PostgresInventory:
    return PostgresInventory.from_settings(stack.settings)


@pytest.fixture
def store(stack) -> S3Store:
    return store_of(stack)


@pytest.fixture
def run(stack):
    return runner_of(stack)


def store_of(stack) -> S3Store:
    return S3Store(connect_s3(stack.settings), stack.settings.s3_bucket)


def runner_of(stack):
    """Runs a command on a stack; returns its result."""
    return lambda *words: CliRunner().invoke(darkroom, ["--dir", str(stack.directory), *map(str, words)])


def put(store: S3Store, *keys: str) -> None:
    store.write_all(
        [StoredObject(key=k, data=k.encode(), content_type="image/jpeg", crc32=zlib.crc32(k.encode())) for k in keys]
    )


def keys_below(store: S3Store, prefix: str) -> list[str]:
    found, after = [], ""
    while page := store.listed(prefix, after, 1000):
        found += [listed.key for listed in page]
        after = page[-1].key
    return found


def source(owner_id: int) -> str:
    return f"o/{owner_id}/{secrets.token_hex(16)}"


def publish(ledger: PostgresLedger, store: S3Store, owner_id: int, *files: str) -> int:
    """A media with renditions that hold their own keys."""
    source_key = source(owner_id)
    put(store, source_key)
    receipt = ledger.submit(Order(owner_id=owner_id, key=source_key, source_key=source_key))
    job = ledger.claim(receipt.job_id, f"test:{owner_id}", 60)
    keys = [f"m/{receipt.media_id}/{file}" for file in files]
    put(store, *keys)
    made = tuple(
        Rendition(name=key[-9:], width=7, height=5, bytes=len(key), crc32=zlib.crc32(key.encode()), key=key)
        for key in keys
    )
    sha256 = "00" * 32
    done = Publication(sha256=sha256, width=7, height=5, facts={}, renditions=made, timings={})
    assert ledger.finish(job, done)
    return receipt.media_id


def test_a_deleted_photo_cannot_be_fetched_any_more_and_can_be_submitted_anew(fleet, run, store):
    worker = fleet.worker()
    data = sample_photo(height=20, width=30) + os.urandom(8)
    key = os.urandom(8).hex()
    source_key = fleet.client.upload(7, data, key)
    receipt = fleet.client.submit(7, source_key, key=key)
    fleet.wait_until(receipt, JobState.DONE)
    shown = fleet.client.media(receipt.media_id)
    addresses = [store.url(rendition.key, 600) for rendition in shown.renditions] + [store.url(source_key, 600)]
    assert {urllib3.request("GET", address).status for address in addresses} == {200}

    first, again = (run("media", "delete", receipt.media_id, "--yes", "--json") for _ in range(2))

    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert json.loads(first.stdout) == json.loads(again.stdout)
    assert json.loads(first.stdout)[0]["removed"]
    assert {urllib3.request("GET", address).status for address in addresses} == {404}
    assert "It was deleted" in run("media", "show", receipt.media_id).output
    other_key = fleet.client.upload(7, data, key)
    anew = fleet.client.submit(7, other_key, key=key)
    assert fleet.wait_until(anew, JobState.DONE).media_id == anew.media_id != receipt.media_id
    worker.process.terminate()
    run("media", "delete", anew.media_id, "--yes")


def test_what_a_worker_stores_of_a_media_that_was_deleted_meanwhile_goes_with_the_later_passes(
    fleet, run, store, inventory, stack, tmp_path
):
    shots = tmp_path / "shots"
    shots.mkdir()
    (shots / "once").touch()
    worker = fleet.worker(failpoints=f"after_fetch=stop@{shots}", lease_seconds=60)
    receipt = fleet.submit()
    wait_for(lambda: stopped(psutil.Process(worker.process.pid)), 30)

    deleted = run("media", "delete", receipt.media_id, "--yes", "--json")
    assert deleted.exit_code == 0, deleted.output
    (told,) = json.loads(deleted.stdout)
    assert (told["removed"], bool(told["again_at"])) == (False, True)
    os.kill(worker.process.pid, signal.SIGCONT)
    put(store, f"m/{receipt.media_id}/zombie.jpg")  # also if the worker has noticed in time
    next_one = fleet.submit()
    fleet.wait_until(next_one, JobState.DONE)
    assert keys_below(store, f"m/{receipt.media_id}/")

    for seconds in (60 + 5, 16 * 60, 24 * 3600):
        put(store, f"m/{receipt.media_id}/zombie.jpg")
        pass_seconds(stack, seconds, receipt.media_id)
        assert fleet.start("workers.janitor", "--once").wait(60) == 0
        assert keys_below(store, f"m/{receipt.media_id}/") == []

    assert fleet.client.media(receipt.media_id).state == "deleted"
    assert fleet.client.status(receipt.job_id).state is JobState.CANCELLED
    assert inventory.take_removals(MANY, receipt.media_id) == []


def test_what_is_put_after_a_deletion_is_gone_soon_after_the_lease_of_whoever_was_at_it(
    fleet, run, store, ledger, owner_id
):
    receipt = ledger.submit(Order(owner_id=owner_id, key="k", source_key=source(owner_id)))
    assert ledger.claim(receipt.job_id, f"test:{owner_id}", 3.0)
    fleet.start("workers.janitor")

    told = run("media", "delete", receipt.media_id, "--yes").output
    put(store, f"m/{receipt.media_id}/zombie.jpg")

    assert "looks again at" in told
    wait_for(lambda: not keys_below(store, f"m/{receipt.media_id}/"), 120)  # ten seconds, where nothing else is at work


def test_an_original_that_is_put_again_after_its_deletion_by_a_signed_address_goes_with_the_second_pass(
    fleet, run, store, ledger, owner_id, stack
):
    upload = fleet.client.presign_upload(owner_id, size_bytes=5, content_type="image/jpeg")

    def put_signed() -> int:
        return urllib3.request("PUT", upload.url, body=b"bytes", headers=dict(upload.headers)).status

    assert put_signed() == 200
    media_id = ledger.submit(Order(owner_id=owner_id, key="k", source_key=upload.source_key)).media_id
    assert run("media", "delete", media_id, "--yes").exit_code == 0
    assert keys_below(store, upload.source_key) == []
    assert put_signed() == 200

    pass_seconds(stack, 16 * 60, media_id)
    assert fleet.start("workers.janitor", "--once").wait(60) == 0

    assert keys_below(store, upload.source_key) == []


def pass_seconds(stack, seconds: float, media_id: int) -> None:
    with closing(psycopg2.connect(stack.settings.migrations_url)) as owner, owner, owner.cursor() as cursor:
        shift = (
            "UPDATE darkroom.removals SET due_at = due_at - %(s)s, asked_at = asked_at - %(s)s,"
            " late_at = late_at - %(s)s WHERE media_id = %(m)s"
        )
        cursor.execute(shift.replace("%(s)s", "%(s)s * interval '1 second'"), {"s": seconds, "m": media_id})


def test_deleting_what_there_is_not_ends_with_its_own_exit_code_and_the_others_are_deleted(
    run, ledger, store, owner_id
):
    media_id = publish(ledger, store, owner_id, "a.jpg")

    ended = run("media", "delete", 404, media_id, "--yes", "--json")

    assert ended.exit_code == 4
    assert [each["media_id"] for each in json.loads(ended.stdout)] == ["404", str(media_id)]
    assert ledger.media(media_id).state == "deleted"
    assert keys_below(store, f"m/{media_id}/") == []


def test_without_a_yes_nothing_is_deleted(run, ledger, store, owner_id):
    media_id = publish(ledger, store, owner_id, "a.jpg")

    assert run("media", "delete", media_id).exit_code == 1
    assert ledger.media(media_id).state == "ready"


def test_of_a_submit_and_a_removal_of_one_original_that_race_one_wins(stack, owner_id):
    """Whichever: an original that a media uses is never tombstoned, and a tombstone takes no media."""
    settings = stack.settings
    ledgers = [PostgresLedger.from_settings(settings) for _ in range(4)]
    inventories = [PostgresInventory.from_settings(settings) for _ in range(4)]
    keys = [source(owner_id) for _ in range(60)]

    def submit(ledger: PostgresLedger) -> set[str]:
        taken = set()
        for key in keys:
            try:
                ledger.submit(Order(owner_id=owner_id, key=f"{key} {id(ledger)}", source_key=key))
                taken.add(key)
            except Rejected as refusal:
                assert refusal.code == "original_removed"  # noqa: PT017 - one of two good outcomes
        return taken

    def abandon(inventory: PostgresInventory) -> set[str]:
        return {key for key in reversed(keys) if inventory.abandon_original(key)}

    with ThreadPoolExecutor(8) as threads:
        submits = [threads.submit(submit, each) for each in ledgers]
        removals = [threads.submit(abandon, each) for each in inventories]
        taken = set.union(*(each.result() for each in submits))
        removed = set.union(*(each.result() for each in removals))

    assert taken | removed == set(keys)
    assert taken & removed == set()
    assert {key for key in keys if ledgers[0].is_removed(key)} == removed
    for status in ledgers[0].jobs(limit=MANY):
        if status.owner_id == owner_id:
            ledgers[0].delete_media(status.media_id)


def test_deletions_that_race_with_everything_else_leave_tombstones_alone(stack, owner_id):
    ledgers = [PostgresLedger.from_settings(stack.settings) for _ in range(4)]
    key = source(owner_id)
    receipts = [ledgers[0].submit(Order(owner_id=owner_id, key=f"{n}", source_key=key)) for n in range(30)]

    def delete(ledger: PostgresLedger) -> None:
        for receipt in receipts:
            ledger.delete_media(receipt.media_id)

    def work(ledger: PostgresLedger) -> None:
        done = Publication(sha256="ab" * 32, width=7, height=5, facts={}, renditions=(), timings={})
        for receipt in reversed(receipts):
            job = ledger.claim(receipt.job_id, f"test:{owner_id}:{id(ledger)}", 60)
            again = Order(owner_id=owner_id, key=f"again {receipt.job_id}", source_key=key, media_id=receipt.media_id)
            for ask in (lambda job=job: job and ledger.finish(job, done), lambda again=again: ledger.submit(again)):
                try:
                    ask()
                except Rejected as refusal:
                    assert refusal.code == "media_deleted"  # noqa: PT017 - one of two good outcomes

    with ThreadPoolExecutor(4) as threads:
        for each in [
            threads.submit(ask, ledger) for ask, ledger in zip((delete, work, delete, work), ledgers, strict=True)
        ]:
            each.result()

    tombstones = [ledgers[0].media(receipt.media_id) for receipt in receipts]
    assert {media.state for media in tombstones} == {"deleted"}
    assert {status.state.final for status in ledgers[0].jobs(limit=MANY) if status.owner_id == owner_id} == {True}
    assert ledgers[0].is_removed(key)


def test_an_audit_of_hundreds_of_objects_in_small_pages_finds_all_that_is_wrong_and_no_more(second_stack, owner_id):
    second_stack.up()  # a sweep of what is young takes from whoever else is at work
    store, run = store_of(second_stack), runner_of(second_stack)
    ledger = PostgresLedger.from_settings(second_stack.settings)
    inventory = PostgresInventory.from_settings(second_stack.settings)
    media = [publish(ledger, store, owner_id, "a.jpg", "b.jpg", "c.jpg") for _ in range(100)]
    missing, altered, stray = (f"m/{media[n]}/{name}.jpg" for n, name in ((3, "a"), (50, "b"), (99, "stray")))
    foreign, lone = f"elsewhere/{owner_id}", source(owner_id)
    store.remove([missing])
    store.write_all([StoredObject(key=altered, data=b"other", content_type="image/jpeg", crc32=zlib.crc32(b"other"))])
    put(store, stray, foreign, lone)
    running = ledger.submit(Order(owner_id=owner_id, key="r", source_key=source(owner_id))).media_id
    put(store, f"m/{running}/half.jpg")
    mine = {f"{media_id}" for media_id in (*media, running)} | {f"{owner_id}"}

    def found(older_than_seconds: float) -> dict[str, Fault]:
        terms = Terms(older_than_seconds=older_than_seconds, page=17)
        findings = list(Audit(store, inventory, terms).findings())
        return {finding.key: finding.fault for finding in findings if finding.key.split("/")[1] in mine}

    wrong = {missing: Fault.MISSING, altered: Fault.ALTERED, foreign: Fault.FOREIGN}
    assert found(3600) == wrong
    assert found(0) == wrong | {stray: Fault.ORPHAN, lone: Fault.ORPHAN}

    told = run("audit", "--json", "--page", 50)
    assert told.exit_code == 1
    assert {missing, altered} <= {finding["key"] for finding in json.loads(told.stdout)["findings"]}
    dry = run("audit", "--sweep", "--older-than", "0s", "--json")
    assert json.loads(dry.stdout)["removed"] == 0
    assert "audit --sweep --yes --older-than 0s\n" in run("audit", "--older-than", "0s").output
    assert run("audit", "--sweep", "--yes", "--older-than", "0s").exit_code == 1
    assert found(0) == wrong
    assert ledger.is_removed(lone)
    assert f"m/{running}/half.jpg" in keys_below(store, f"m/{running}/")
    for media_id in (*media, running):
        ledger.delete_media(media_id)
        for removal in inventory.take_removals(MANY, media_id):
            carry_out(removal, store, inventory)
    store.remove([foreign])
    assert found(0) == {}


def test_while_an_orphan_is_removed_no_retry_of_its_media_begins(stack, ledger, inventory, store, owner_id):
    job_id = ledger.submit(Order(owner_id=owner_id, key="k", source_key=source(owner_id))).job_id
    media_id = ledger.status(job_id).media_id
    ledger.cancel(job_id)
    key = f"m/{media_id}/a.jpg"
    put(store, key)
    beside = PostgresLedger.from_settings(stack.settings)
    states = []

    with ThreadPoolExecutor(1) as threads:

        def remove() -> None:
            retried.append(threads.submit(beside.retry, job_id))
            store.remove_now(key)
            states.append(ledger.status(job_id).state)

        retried: list = []
        assert inventory.remove_orphan(media_id, key, remove)
        retried[0].result()

    assert states == [JobState.CANCELLED]
    assert ledger.status(job_id).state is JobState.QUEUED
    assert not inventory.remove_orphan(media_id, key, lambda: store.remove_now(key))
    ledger.delete_media(media_id)
