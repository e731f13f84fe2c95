"""Audit, sweep and deletion on the twins, in any order with work that dies at any step."""

import zlib
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobs.errors import Rejected
from jobs.job import JobState, Order, Publication, Rendition
from jobs.memory import MemoryLedger
from jobs.memory_inventory import MemoryInventory
from pipeline.audit import Fault
from pipeline.memory import MemoryStore
from pipeline.removal import carry_out
from pipeline.services import StoredObject
from pipeline.stocktaking import Audit, Terms

DAY = 86_400
OWNER = 7
AGE = 1000  # seconds from which on something can be an orphan
MARKS = "ab"  # of what a job makes: two jobs of one media may make the same keys
LEASE = 15.0


class Crashes(RuleBasedStateMachine):
    """Workers are claimed jobs, which may go on after their job was taken from them. A crash is to do no more."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 2, 3, tzinfo=UTC)
        self.ledger = MemoryLedger(clock=lambda: self.now)
        self.inventory = MemoryInventory(self.ledger)
        self.store = MemoryStore(clock=lambda: self.now)
        self.numbers = count()
        self.uploaded: list[str] = []
        self.jobs: list[int] = []
        self.media: dict[int, str] = {}
        self.hands: list[tuple] = []  # (claimed job, mark, what it has put)

    @initialize()
    def publish_two_generations(self):
        """So that there is something to lose from the start."""
        for mark in MARKS:
            if not self.uploaded:
                self.upload()
            media_id = next(iter(self.media), None)
            order = Order(owner_id=OWNER, key=mark, source_key=self.uploaded[0], media_id=media_id)
            self.note(self.ledger.submit(order), self.uploaded[0])
            job = self.ledger.claim(self.jobs[-1], mark, LEASE)
            for rendition in renditions(job.media_id, mark):
                self.put(rendition.key)
            assert self.ledger.finish(job, publication(job.media_id, mark))

    # What people do

    @rule()
    def upload(self):
        key = f"o/{OWNER}/{next(self.numbers):032x}"
        self.put(key)
        self.uploaded.append(key)

    @precondition(lambda self: self.uploaded)
    @rule(data=strategies.data())
    def submit(self, data):
        key = data.draw(strategies.sampled_from(self.uploaded))
        with refused_at_most_as("original_removed"):
            receipt = self.ledger.submit(Order(owner_id=OWNER, key=f"{next(self.numbers)}", source_key=key))
            assert key in self.store.objects, "a submit of an original that was removed was taken"
            self.note(receipt, key)

    @precondition(lambda self: self.media)
    @rule(data=strategies.data())
    def submit_again(self, data):
        media_id, key = data.draw(strategies.sampled_from(sorted(self.media.items())))
        order = Order(owner_id=OWNER, key=f"{next(self.numbers)}", source_key=key, media_id=media_id)
        with refused_at_most_as("media_deleted"):
            self.note(self.ledger.submit(order), key)

    @precondition(lambda self: self.jobs)
    @rule(data=strategies.data())
    def retry_or_cancel(self, data):
        job_id = data.draw(strategies.sampled_from(self.jobs))
        with refused_at_most_as("not_final", "media_deleted"):
            data.draw(strategies.sampled_from([self.ledger.retry, self.ledger.cancel]))(job_id)

    @precondition(lambda self: self.media)
    @rule(data=strategies.data())
    def roll_back(self, data):
        with refused_at_most_as("unknown_generation", "media_deleted"):
            self.ledger.rollback(data.draw(strategies.sampled_from(sorted(self.media))), 1)

    @precondition(lambda self: self.media)
    @rule(data=strategies.data())
    def delete(self, data):
        assert self.ledger.delete_media(data.draw(strategies.sampled_from(sorted(self.media)))).state == "deleted"

    # What workers do

    @precondition(lambda self: self.jobs)
    @rule(data=strategies.data(), mark=strategies.sampled_from(MARKS + "c"))
    def claim(self, data, mark):
        job = self.ledger.claim(data.draw(strategies.sampled_from(self.jobs)), f"w{next(self.numbers)}", LEASE)
        if job:
            assert job.source_key in self.store.objects, "the original of an open job is gone"
            self.hands.append((job, mark, set()))

    @precondition(lambda self: self.media)
    @rule(data=strategies.data())
    def begin_and_hang(self, data):
        """A job that has put something which nobody knows, and is not over."""
        before = len(self.jobs)
        self.submit_again(data)
        if len(self.jobs) > before:
            job = self.ledger.claim(self.jobs[-1], f"w{next(self.numbers)}", LEASE)
            self.put(renditions(job.media_id, "c")[0].key)

    @precondition(lambda self: self.hands)
    @rule(data=strategies.data(), how_many=strategies.integers(1, 3))
    def put_some(self, data, how_many):
        job, mark, done = data.draw(strategies.sampled_from(self.hands))
        for key in [r.key for r in renditions(job.media_id, mark)][:how_many]:
            self.put(key)
            done.add(key)

    @precondition(lambda self: any(len(done) == 3 for _, _, done in self.hands))
    @rule(data=strategies.data())
    def publish(self, data):
        hands = data.draw(strategies.sampled_from([hands for hands in self.hands if len(hands[2]) == 3]))
        job, mark, _ = hands
        self.ledger.finish(job, publication(job.media_id, mark))
        self.hands.remove(hands)

    @precondition(lambda self: self.hands)
    @rule(data=strategies.data(), then=strategies.sampled_from([JobState.QUEUED, JobState.DEAD, None]))
    def fail_or_crash(self, data, then):
        hands = data.draw(strategies.sampled_from(self.hands))
        if then:
            self.ledger.fail(hands[0], code="x", reason="y", then=then)
        self.hands.remove(hands)

    @rule(seconds=strategies.sampled_from([1, 20, AGE, AGE, DAY]))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)
        if seconds > 900:
            self.hands.clear()  # no put outlives its signature
        self.ledger.sweep(100)

    # What we do

    @rule(dies=strategies.booleans())
    def clear_away(self, dies):
        for removal in self.inventory.take_removals(100):
            if dies:
                break
            carry_out(removal, self.store, self.inventory)

    @rule(sweep=strategies.booleans(), page=strategies.integers(1, 3))
    def audit(self, sweep, page):
        live = self.live()
        audit = Audit(self.store, self.inventory, Terms(older_than_seconds=AGE, page=page))
        for finding in list(audit.findings()):
            assert finding.fault is Fault.ORPHAN
            assert finding.key not in live
            if sweep:
                audit.sweep(finding)

    # What holds

    @invariant()
    def nothing_that_is_published_is_lost(self):
        for media_id in self.media:
            for generation in self.ledger.generations(media_id):
                for rendition in generation.renditions:
                    stored = self.store.objects[rendition.key]
                    assert (stored.size, stored.crc32) == (rendition.bytes, rendition.crc32)

    @invariant()
    def every_original_of_a_media_is_there(self):
        for media_id, key in self.media.items():
            assert self.ledger.media(media_id).state == "deleted" or key in self.store.objects

    def teardown(self):
        self.hands.clear()
        for job_id in self.jobs:
            self.ledger.cancel(job_id)
        for seconds in (0, 1000, DAY, 1):
            self.now += timedelta(seconds=seconds)
            for removal in self.inventory.take_removals(1000):
                carry_out(removal, self.store, self.inventory)
        audit = Audit(self.store, self.inventory, Terms(older_than_seconds=AGE))
        assert all(audit.sweep(finding) for finding in list(audit.findings()))
        assert set(self.store.objects) == self.live()
        assert list(audit.findings()) == []

    def live(self) -> set[str]:
        """What must never go: all that is known, all that may be published, and originals of media."""
        records = [self.ledger.media(media_id) for media_id in self.media]
        open_media = {s.media_id for s in self.ledger.jobs(limit=10_000) if not s.state.final}
        known = {r.key for media_id in self.media for g in self.ledger.generations(media_id) for r in g.renditions}
        kept = {record.source_key for record in records if record.state != "deleted"}
        return known | kept | {k for k in self.store.objects if k[0] == "m" and int(k.split("/")[1]) in open_media}

    def put(self, key: str) -> None:
        data = key.encode()
        self.store.write_all([StoredObject(key=key, data=data, content_type="image/jpeg", crc32=zlib.crc32(data))])

    def note(self, receipt, key: str) -> None:
        self.jobs.append(receipt.job_id)
        self.media[receipt.media_id] = key


@contextmanager
def refused_at_most_as(*codes: str):
    """What the block asks may be refused, but only so."""
    try:
        yield
    except Rejected as refusal:
        if refusal.code not in codes:
            raise


def renditions(media_id: int, mark: str) -> tuple[Rendition, ...]:
    keys = [f"m/{media_id}/{mark}{number}.jpg" for number in range(3)]
    return tuple(
        Rendition(name=f"r{n}", width=9 - n, height=5, bytes=len(key), crc32=zlib.crc32(key.encode()), key=key)
        for n, key in enumerate(keys)
    )


def publication(media_id: int, mark: str) -> Publication:
    made = renditions(media_id, mark)
    return Publication(sha256="ab" * 32, width=7, height=5, facts={}, renditions=made, timings={})


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=40, stateful_step_count=40)
