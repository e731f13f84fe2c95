"""A photo's life under edits on the whole stack: what the social layer reads, and what everybody sees."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from filters.cube import pack, read_cube
from jobs import Client
from jobs.errors import Rejected
from jobs.job import JobState
from jobs.postgres import PostgresLedger
from jobs.s3 import connect_s3
from pipeline.s3 import S3Store
from scripts.sample import sample_photo

pytestmark = pytest.mark.server

OWNER = 4242
CLARENDON = {"look": {"name": "clarendon", "strength": 80}, "adjustments": {"warmth": 20}}
CROPPED = {"geometry": {"rotate": 90, "crop": {"left": 0.25, "width": 0.5}}, "look": {"name": "inkwell"}}
NEGATIVE = "LUT_3D_SIZE 2\n" + "\n".join(f"{1 - r} {1 - g} {1 - b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))


@pytest.fixture
def client(staffed_stack):
    client = Client(staffed_stack.settings)
    yield client
    client.close()


@pytest.fixture
def ledger(staffed_stack):
    return PostgresLedger(staffed_stack.settings.database_url)


@pytest.fixture
def source_key(client):
    """An original of 120 x 160 that was not there before."""
    tail = os.urandom(8)  # which decoders ignore
    return client.upload(OWNER, sample_photo(height=120, width=160) + tail, key=tail.hex())


@pytest.fixture
def pictures(staffed_stack):
    """What everybody sees of a media: each rendition's pixels by its name."""
    store = S3Store(connect_s3(staffed_stack.settings), staffed_stack.settings.s3_bucket)

    def fetch(media):
        return {r.name: np.asarray(Image.open(io.BytesIO(store.read(r.key, r.bytes)))) for r in media.renditions}

    return fetch


def done(client, receipt):
    """The record once the job has published it."""
    status = client.wait(receipt.job_id, 60)
    assert status.state is JobState.DONE, (status.code, status.reason)
    return client.media(receipt.media_id)


def keys(media):
    return {rendition.key for rendition in media.renditions}


def far_apart(one, other):
    """Mean difference in levels."""
    return np.abs(one.astype(int) - other.astype(int)).mean()


def test_a_photo_is_submitted_with_a_look_edited_again_and_rolled_back(client, ledger, source_key, pictures):
    first = done(client, client.submit(OWNER, source_key, recipe=CLARENDON))
    seen_first = pictures(first)
    again = client.submit(OWNER, source_key, key=os.urandom(8).hex(), media_id=first.media_id, recipe=CROPPED)
    second = done(client, again)
    seen_second = pictures(second)
    third = ledger.rollback(first.media_id, 1)

    assert [media.generation for media in (first, second, third)] == [1, 2, 3]
    assert [media.recipe for media in (first, second, third)] == [CLARENDON, CROPPED, CLARENDON]
    assert client.media(first.media_id) == third
    assert ledger.generations(first.media_id) == [first, second, third]
    assert {media.source_key for media in (first, second, third)} == {source_key}
    assert {media.sha256 for media in (first, second, third)} == {first.sha256}
    assert {(media.height, media.width) for media in (first, second, third)} == {(120, 160)}

    assert keys(first) == keys(third)
    assert not keys(first) & keys(second)
    assert seen_first["w1080"].shape == (120, 160, 3)
    assert seen_second["w1080"].shape == (160, 60, 3)  # half of the width of 120 that it has lying on its side
    assert np.ptp(seen_second["w1080"].astype(int), axis=2).max() <= 2  # Inkwell is grey
    assert np.ptp(seen_first["w1080"].astype(int), axis=2).max() > 50
    for name, pixels in pictures(third).items():
        np.testing.assert_array_equal(pixels, seen_first[name])


def test_an_edited_photo_is_another_job_and_media_with_other_pixels_than_the_plain_one(client, source_key, pictures):
    plain = done(client, client.submit(OWNER, source_key))
    edited = done(client, client.submit(OWNER, source_key, recipe=CLARENDON))

    assert plain.media_id != edited.media_id
    assert plain.recipe == {}
    for name, pixels in pictures(plain).items():
        assert far_apart(pixels, pictures(edited)[name]) > 5


def test_strength_0_shows_the_plain_photo(client, source_key, pictures):
    plain = done(client, client.submit(OWNER, source_key))
    again = client.submit(
        OWNER,
        source_key,
        key=os.urandom(8).hex(),
        media_id=plain.media_id,
        recipe={"look": {"name": "clarendon", "strength": 0}},
    )
    edited = done(client, again)

    assert edited.generation == 2
    assert edited.recipe == {}
    assert keys(edited) == keys(plain)


def test_a_look_of_ones_own_from_the_ledger_is_drawn(client, ledger, source_key, pictures):
    name = f"negative-{source_key[-8:]}"
    ledger.add_look(name, pack(read_cube(NEGATIVE, name)))

    plain = pictures(done(client, client.submit(OWNER, source_key)))
    negative = pictures(done(client, client.submit(OWNER, source_key, recipe={"look": {"name": name}})))

    for rendition, pixels in plain.items():
        assert far_apart(255 - pixels, negative[rendition]) < 4  # both went through JPEG


def test_an_unknown_look_is_refused_before_anything_is_written(client, ledger, source_key):
    def written():
        jobs = {state: count for state, count in ledger.counts().items() if state != "events"}  # a relay takes those
        return jobs, [status.job_id for status in ledger.jobs(limit=5)]

    before = written()

    with pytest.raises(Rejected, match="did you mean clarendon") as rejected:
        client.submit(OWNER, source_key, recipe={"look": {"name": "clarendn"}})

    assert rejected.value.code == "unknown_look"
    assert written() == before


def test_bytes_that_are_no_look_reject_the_photo_and_not_the_worker(client, ledger, source_key):
    name = f"broken-{source_key[-8:]}"
    ledger.add_look(name, b"no look at all")

    receipt = client.submit(OWNER, source_key, recipe={"look": {"name": name}})

    status = client.wait(receipt.job_id, 60)
    assert (status.state, status.code, status.attempts) == (JobState.REJECTED, "bad_look", 1)
    assert name in status.reason
