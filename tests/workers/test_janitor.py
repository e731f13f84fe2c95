"""The janitor, over the twins."""

import zlib
from datetime import UTC, datetime, timedelta

import pytest

from jobs.errors import StoreUnavailable
from jobs.job import Order
from jobs.memory import MemoryLedger
from jobs.memory_inventory import MemoryInventory
from pipeline.memory import MemoryStore
from pipeline.services import StoredObject
from workers.janitor import IDLE_SECONDS, Janitor

MINUTE = 60
DAY = 24 * 60 * MINUTE


class Yard:
    """A store with media that a test deletes."""

    def __init__(self) -> None:
        self.now = datetime(2026, 2, 3, tzinfo=UTC)
        self.ledger = MemoryLedger(clock=lambda: self.now)
        self.inventory = MemoryInventory(self.ledger)
        self.store = MemoryStore(clock=lambda: self.now)
        self.opened = 0
        self.janitor = Janitor(self.inventory, self.open_store)

    def open_store(self) -> MemoryStore:
        self.opened += 1
        return self.store

    def put(self, key: str) -> None:
        stored = StoredObject(key=key, data=b"bytes", content_type="image/jpeg", crc32=zlib.crc32(b"bytes"))
        self.store.write_all([stored])

    def deleted(self, number: int = 1) -> int:
        receipt = self.ledger.submit(Order(owner_id=7, key=f"{number}", source_key=f"o/7/{number:032x}"))
        self.put(f"o/7/{number:032x}")
        self.put(f"m/{receipt.media_id}/a.jpg")
        self.ledger.delete_media(receipt.media_id)
        return receipt.media_id

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def yard() -> Yard:
    return Yard()


def test_while_nothing_is_due_the_store_is_not_even_connected_to(yard):
    assert yard.janitor.step() == IDLE_SECONDS
    assert yard.opened == 0


def test_a_deleted_medias_bytes_go_and_the_others_stay(yard):
    yard.put("m/9999/a.jpg")
    yard.deleted()

    yard.janitor.step()

    assert set(yard.store.objects) == {"m/9999/a.jpg"}


def test_what_is_put_after_the_deletion_goes_with_the_later_passes(yard):
    media_id = yard.deleted()
    yard.janitor.step()

    for seconds in (16 * MINUTE, DAY - 16 * MINUTE):
        yard.put(f"m/{media_id}/zombie.jpg")
        yard.later(seconds - 1)
        yard.janitor.step()
        assert yard.store.objects
        yard.later(1)
        yard.janitor.step()
        assert not yard.store.objects


def test_what_a_late_worker_puts_goes_seconds_after_its_lease(yard):
    receipt = yard.ledger.submit(Order(owner_id=7, key="1", source_key=f"o/7/{1:032x}"))
    yard.ledger.claim(receipt.job_id, "late", lease_seconds=15)
    yard.ledger.delete_media(receipt.media_id)
    yard.janitor.step()
    yard.put(f"m/{receipt.media_id}/zombie.jpg")

    yard.later(20 - 1)
    yard.janitor.step()
    assert yard.store.objects
    yard.later(1)
    yard.janitor.step()

    assert not yard.store.objects


def test_an_original_that_is_put_again_by_an_address_that_was_signed_before_goes_once_that_is_over(yard):
    yard.deleted()
    yard.janitor.step()
    yard.put(f"o/7/{1:032x}")  # which the store takes, because nothing lies there any more

    yard.later(16 * MINUTE)
    yard.janitor.step()

    assert not yard.store.objects


def test_many_removals_are_carried_out_without_a_rest_between(yard):
    for number in range(1, 31):
        yard.deleted(number)

    rests = [yard.janitor.step() for _ in range(4)]

    assert rests == [0.0, 0.0, 0.0, IDLE_SECONDS]
    assert not yard.store.objects


def test_a_store_that_is_away_delays_only(yard):
    yard.deleted()
    remove, yard.store.remove = yard.store.remove, away

    with pytest.raises(StoreUnavailable):
        yard.janitor.step()
    assert len(yard.store.objects) == 2
    yard.store.remove = remove
    yard.later(5 * MINUTE)
    yard.janitor.step()

    assert not yard.store.objects


def test_one_key_that_cannot_be_removed_keeps_no_other_from_being_removed(yard):
    for number in (1, 2, 3):
        yard.deleted(number)
    remove = yard.store.remove
    yard.store.remove = lambda keys: away(keys) if keys == [f"o/7/{1:032x}"] else remove(keys)

    with pytest.raises(StoreUnavailable):
        yard.janitor.step()

    assert list(yard.store.objects) == [f"o/7/{1:032x}"]


def away(_keys):
    raise StoreUnavailable("away")
