"""A frontend's client over a real ledger, with job servers in every condition."""

import dataclasses
import hashlib
import itertools
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from config import Settings
from filters.recipe import Adjustments, Recipe, parse_recipe
from jobs import Client
from jobs.client import default_key
from jobs.errors import LedgerUnavailable, Rejected
from jobs.gearman import survey
from jobs.job import JobState, Lane, Order
from jobs.postgres import PostgresLedger

pytestmark = pytest.mark.server
OWNER = 4711
PATIENCE_SECONDS = 1.0


@pytest.fixture
def settings(stack, gearmand):
    """The stack's, with a job server of this test's own, so that its tickets disturb nobody."""
    return dataclasses.replace(
        stack.settings, gearman_servers=(gearmand.address,), connect_timeout_seconds=PATIENCE_SECONDS
    )


@pytest.fixture
def client(settings):
    client = Client(settings)
    yield client
    client.close()


@pytest.fixture(scope="module", autouse=True)
def _leave_no_job_behind(stack):
    """Workers of other tests share the ledger."""
    yield
    ledger = PostgresLedger(stack.settings.database_url)
    for status in ledger.jobs(state=JobState.QUEUED, limit=10_000):
        if status.owner_id == OWNER:
            ledger.cancel(status.job_id)


@pytest.fixture
def source_key():
    return an_original()


def an_original() -> str:
    """Where an original of the owner's could lie."""
    return f"o/{OWNER}/{uuid.uuid4().hex}"


def waiting(gearmand) -> dict[str, int]:
    return {queue.function: queue.interactive + queue.batch for queue in survey(gearmand.address, 5).queues}


def seconds_of(action) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def test_a_submitted_job_is_queued_and_its_ticket_waits(client, gearmand, source_key):
    receipt = client.submit(OWNER, source_key)

    status = client.status(receipt.job_id)
    assert receipt.created
    assert (status.state, status.lane, status.ladder) == (JobState.QUEUED, Lane.INTERACTIVE, "standard")
    assert client.media(receipt.media_id).source_key == source_key
    assert waiting(gearmand) == {"photo": 1}


def test_a_job_that_is_submitted_again_is_the_same_with_one_ticket(client, gearmand, source_key):
    first = client.submit(OWNER, source_key)
    second = client.submit(OWNER, source_key)

    assert (second.job_id, second.media_id, second.created) == (first.job_id, first.media_id, False)
    assert waiting(gearmand) == {"photo": 1}


def test_a_job_that_is_submitted_again_after_its_server_was_restarted_has_a_ticket_again(client, gearmand, source_key):
    client.submit(OWNER, source_key)
    gearmand.kill()
    gearmand.start()

    client.submit(OWNER, source_key)

    assert waiting(gearmand) == {"photo": 1}


def test_a_key_of_ones_own_makes_a_job_of_its_own(client, source_key):
    assert client.submit(OWNER, source_key).job_id != client.submit(OWNER, source_key, key=source_key[-8:]).job_id


def test_each_key_makes_a_further_generation_of_a_media_once(client, source_key):
    first = client.submit(OWNER, source_key)
    further = [client.submit(OWNER, source_key, key=key, media_id=first.media_id) for key in (f"2{source_key}",) * 2]

    assert [receipt.created for receipt in further] == [True, False]
    assert {receipt.media_id for receipt in further} == {first.media_id}
    assert further[0].job_id == further[1].job_id != first.job_id


def test_a_media_whose_original_lies_under_a_key_of_another_form_can_be_made_again(client, stack):
    old = f"uploads/{uuid.uuid4().hex}"  # as an earlier release, or an import, may have named it
    order = Order(owner_id=OWNER, key=old, source_key=old)
    media_id = PostgresLedger(stack.settings.database_url).submit(order).media_id

    further = client.submit(OWNER, old, key=f"2{old}", media_id=media_id)

    assert (further.created, further.media_id) == (True, media_id)
    with pytest.raises(Rejected) as refused:
        client.submit(OWNER, old, key=f"3{old}")
    assert refused.value.code == "foreign_original"


def test_anothers_original_gets_into_no_media_of_ones_own(client, source_key):
    own = client.submit(OWNER, source_key).media_id
    foreign = f"o/{OWNER + 1}/{uuid.uuid4().hex}"
    anothers = client.submit(OWNER + 1, foreign)
    client.cancel(anothers.job_id)

    for media_id in (own, anothers.media_id):
        with pytest.raises(Rejected) as refused:
            client.submit(OWNER, foreign, key=f"of {media_id} {source_key}", media_id=media_id)
        assert refused.value.code == "unknown_media"


def test_an_original_whose_key_is_as_long_as_may_be_needs_no_key_for_its_job(client):
    source_key = an_original().ljust(200, "x")

    assert client.submit(OWNER, source_key).job_id == client.submit(OWNER, source_key).job_id


def test_a_recipe_is_kept_in_its_canonical_form(client, source_key):
    recipe = {"look": {"strength": 80.0, "name": "clarendon"}, "adjustments": {"fade": 0, "warmth": 20.00001}}

    receipt = client.submit(OWNER, source_key, recipe=recipe)

    kept = {"look": {"name": "clarendon", "strength": 80}, "adjustments": {"warmth": 20}}
    assert client.status(receipt.job_id).recipe == kept
    assert client.submit(OWNER, source_key, recipe=parse_recipe(kept)).job_id == receipt.job_id


def test_without_a_key_another_recipe_is_another_job_and_one_that_changes_nothing_is_not(client, source_key):
    recipes = [
        None,
        {},
        {"look": {"name": "aden", "strength": 0}},
        {"look": {"name": "aden"}},
        {"look": {"name": "juno"}},
    ]
    jobs = [client.submit(OWNER, source_key, recipe=recipe).job_id for recipe in recipes]

    assert jobs[0] == jobs[1] == jobs[2]
    assert len(set(jobs)) == 3


def test_a_further_generation_is_edited_as_was_last_asked_for_unless_it_has_a_recipe_of_its_own(client, source_key):
    aden = {"look": {"name": "aden"}}
    media_id = client.submit(OWNER, source_key, recipe=aden).media_id

    def asked(**recipe):
        further = client.submit(OWNER, source_key, key=uuid.uuid4().hex, media_id=media_id, **recipe)
        return client.status(further.job_id).recipe

    assert [asked(), asked(recipe={}), asked()] == [aden, {}, {}]
    assert [asked(recipe=aden), asked(recipe=Recipe())] == [aden, {}]


def test_the_key_of_a_job_without_a_recipe_is_what_it_was_before_there_were_recipes():
    for none in (None, Recipe()):
        assert default_key("o/7/x", "standard", none, None) == hashlib.sha256(b"o/7/x standard").hexdigest()


def test_a_look_of_ones_own_can_be_asked_for_once_it_is_added(client, stack, source_key):
    name = f"look-{source_key[-12:]}"
    recipe = {"look": {"name": name}}
    with pytest.raises(Rejected, match="there is no look") as caught:
        client.submit(OWNER, source_key, recipe=recipe)
    assert caught.value.code == "unknown_look"
    assert [s for s in PostgresLedger(stack.settings.database_url).jobs(limit=50) if s.recipe == recipe] == []

    PostgresLedger(stack.settings.database_url).add_look(name, b"table")

    assert client.status(client.submit(OWNER, source_key, recipe=recipe).job_id).recipe == recipe
    with pytest.raises(Rejected, match=f"did you mean .*{name}"):
        client.check_recipe({"look": {"name": f"{name}s"}})


def test_a_clip_is_submitted_to_its_own_function_with_its_cut_and_what_is_mandatory(client, gearmand, source_key):
    recipe = {"cut": {"start": 1.5, "end": 6, "mute": True}}

    receipt = client.submit(
        OWNER, source_key, function="clip", ladder="hevc", recipe=recipe, mandatory=["480p", "720p-hevc"]
    )

    status = client.status(receipt.job_id)
    assert (status.function, status.ladder, status.recipe) == ("clip", "hevc", recipe)
    assert client.media(receipt.media_id).function == "clip"
    assert waiting(gearmand) == {"clip": 1}


def test_one_original_can_be_a_photo_and_a_clip_in_media_of_their_own(client, source_key):
    receipts = [client.submit(OWNER, source_key, function=function) for function in ("photo", "clip")]

    assert len({receipt.media_id for receipt in receipts}) == 2
    with pytest.raises(Rejected) as caught:
        client.submit(OWNER, source_key, key=uuid.uuid4().hex, function="clip", media_id=receipts[0].media_id)
    assert caught.value.code == "wrong_function"


def test_the_batch_lane_is_kept(client, source_key):
    receipt = client.submit(OWNER, source_key, lane="batch")

    assert client.status(receipt.job_id).lane is Lane.BATCH


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        ({"ladder": "huge"}, "unknown_ladder", "standard"),
        ({"lane": "fast"}, "unknown_lane", "interactive, batch"),
        ({"function": "hologram"}, "unknown_function", "photo, clip"),
        ({"ladder": "hevc"}, "unknown_ladder", "no ladder 'hevc' for a photo; there are: standard"),
        ({"ladder": "huge", "function": "clip"}, "unknown_ladder", "av1, hevc, standard"),
        ({"mandatory": ["480p"]}, "unknown_rendition", "a photo is published as a whole"),
        ({"mandatory": ["w640"], "function": "clip"}, "unknown_rendition", "'w640' .* standard has 1080p, 720p, 480p"),
        ({"mandatory": "480p", "function": "clip"}, "unknown_rendition", "'4'"),
        ({"recipe": {"cut": {"mute": True}}}, "bad_recipe", "cut: it is for clips, and this was submitted as a photo"),
        ({"recipe": {"cut": {"start": 3, "end": 2}}, "function": "clip"}, "bad_recipe", "cut: end 2 is not after"),
        ({"owner_id": 0}, "bad_owner", "0"),
        ({"owner_id": "7"}, "bad_owner", "'7'"),
        ({"owner_id": True}, "bad_owner", "True"),
        ({"owner_id": 1 << 63}, "bad_owner", "63 bits"),
        ({"media_id": 7}, "bad_key", "key of its own"),
        ({"key": ""}, "bad_key", "200"),
        ({"key": "k" * 201}, "bad_key", "200"),
        ({"source_key": ""}, "bad_key", "200"),
        ({"source_key": f"o/{OWNER + 1}/x"}, "foreign_original", f"owner {OWNER}"),
        ({"source_key": f"o/{OWNER}/../{OWNER + 1}/x"}, "foreign_original", "what the upload gave"),
        ({"source_key": "m/1/x.jpg"}, "foreign_original", "what the upload gave"),
        ({"recipe": {"adjustments": {"warmth": 120}}}, "bad_recipe", "adjustments.warmth: 120 .* -100 to 100"),
        ({"recipe": []}, "bad_recipe", "a list is no object"),
        ({"recipe": Recipe(adjustments=Adjustments(fade=-1))}, "bad_recipe", "adjustments.fade: -1"),
        ({"recipe": {"look": {"name": "X-Pro II"}}}, "unknown_look", "did you mean xpro2"),
    ],
)
def test_an_order_that_makes_no_sense_is_rejected_before_any_server_is_asked(wrong, code, says):
    nowhere = Settings(database_url="postgresql://127.0.0.1:1/x", gearman_servers=("127.0.0.1:1",), s3_bucket="x")

    with pytest.raises(Rejected, match=says) as caught:
        Client(nowhere).submit(**{"owner_id": OWNER, "source_key": f"o/{OWNER}/x", **wrong})

    assert caught.value.code == code


def test_without_a_ledger_nothing_is_taken(settings, gearmand, source_key):
    away = dataclasses.replace(settings, database_url="postgresql://127.0.0.1:1/x")

    with pytest.raises(LedgerUnavailable):
        Client(away).submit(OWNER, source_key)

    assert waiting(gearmand) == {}


def test_threads_share_a_client(client, gearmand):
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: client.submit(OWNER, an_original()), range(400)))

    assert len({receipt.job_id for receipt in receipts}) == 400
    assert waiting(gearmand) == {"photo": 400}


def test_threads_that_submit_the_same_make_one_job(client, gearmand, source_key):
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: client.submit(OWNER, source_key), range(40)))

    assert len({receipt.job_id for receipt in receipts}) == 1
    assert sum(receipt.created for receipt in receipts) == 1
    assert waiting(gearmand) == {"photo": 1}


def test_a_forked_child_and_its_parent_go_on_with_one_client(client, gearmand, source_key):
    job_id = client.submit(OWNER, source_key).job_id
    children = [fork(lambda: use_hard(client, job_id)) for _ in range(2)]

    use_hard(client, job_id)

    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert waiting(gearmand) == {"photo": 1 + 3 * 50}


def use_hard(client: Client, job_id: int) -> None:
    for _ in range(50):
        client.submit(OWNER, an_original())
        assert client.status(job_id).job_id == job_id


def fork(action) -> int:
    child = os.fork()
    if child:
        return child
    failed = True
    try:
        action()
        failed = False
    finally:
        os._exit(failed)


@pytest.mark.parametrize("kind", ["closed_address", "silent_address", "swallowing_address"])
def test_a_submit_succeeds_while_no_job_server_answers_and_the_next_does_not_wait(kind, request, settings, source_key):
    client = Client(dataclasses.replace(settings, gearman_servers=(request.getfixturevalue(kind),)))
    client.status(client.submit(OWNER, source_key).job_id)  # the ledger's connection is open now

    def submit() -> None:
        assert client.submit(OWNER, an_original()).created

    assert seconds_of(submit) < PATIENCE_SECONDS


def test_the_first_submit_to_dead_job_servers_costs_at_most_the_connect_timeout(
    settings, source_key, silent_address, swallowing_address
):
    client = Client(dataclasses.replace(settings, gearman_servers=(silent_address, swallowing_address)))

    assert seconds_of(lambda: client.submit(OWNER, source_key)) < 2 * PATIENCE_SECONDS


def test_what_one_thread_learns_of_a_dead_job_server_spares_the_others(settings, source_key, swallowing_address):
    client = Client(dataclasses.replace(settings, gearman_servers=(swallowing_address,)))
    client.submit(OWNER, source_key)

    with ThreadPoolExecutor(8) as pool:
        costs = list(pool.map(lambda _: seconds_of(lambda: client.submit(OWNER, an_original())), range(8)))

    assert max(costs) < PATIENCE_SECONDS


def test_a_recipe_with_a_cut_can_be_checked_for_a_clip_alone(client):
    recipe = {"cut": {"cover": 2}}

    assert client.check_recipe(recipe, "clip") == parse_recipe(recipe)
    with pytest.raises(Rejected, match="for clips"):
        client.check_recipe(recipe)


def test_who_waits_is_told_how_the_job_stands_within_a_second(client, stack, source_key):
    ledger = PostgresLedger(stack.settings.database_url)
    job = ledger.claim(client.submit(OWNER, source_key, function="clip").job_id, f"worker-{source_key}", 60)
    told: list[tuple[float, float | None]] = []
    began = time.monotonic()

    def end() -> None:
        ledger.beat(job, 60, 0.5)
        time.sleep(1.2)
        ledger.cancel(job.job_id)

    threading.Timer(1.0, end).start()
    client.wait(job.job_id, 10, lambda status: told.append((time.monotonic() - began, status.progress)))

    moments = [moment for moment, _ in told]
    assert max(late - early for early, late in itertools.pairwise(moments)) < 1
    assert {progress for _, progress in told} == {None, 0.5}
    assert min(moment for moment, progress in told if progress) < 2


def test_a_wait_ends_when_the_job_does(client, source_key):
    job_id = client.submit(OWNER, source_key).job_id
    threading.Timer(0.3, lambda: client.cancel(job_id)).start()

    assert client.wait(job_id, 10).state is JobState.CANCELLED


def test_a_wait_that_is_too_short_says_how_to_go_on(client, source_key):
    job_id = client.submit(OWNER, source_key).job_id
    began = time.monotonic()

    with pytest.raises(TimeoutError, match=f"job {job_id} is still queued after 0.2 s.*`darkroom job show {job_id}"):
        client.wait(job_id, 0.2)

    assert 0.2 <= time.monotonic() - began < 3.0


def test_a_cancelled_job_can_be_queued_again(client, gearmand, source_key):
    job_id = client.submit(OWNER, source_key).job_id

    assert client.cancel(job_id) is JobState.CANCELLED
    client.retry(job_id)

    assert client.status(job_id).state is JobState.QUEUED


def test_a_job_that_nobody_knows_is_rejected(client):
    for ask in (client.status, client.cancel, client.retry, lambda job_id: client.wait(job_id, 1)):
        with pytest.raises(Rejected) as caught:
            ask(1)
        assert caught.value.code == "unknown_job"


def test_an_upload_is_stored_once_and_can_be_submitted(client):
    source_key = client.upload(OWNER, b"a photo", key="holiday-1")

    assert client.upload(OWNER, b"a photo", key="holiday-1") == source_key
    assert client.presign_upload(OWNER, size_bytes=7, content_type="image/jpeg").source_key != source_key
    assert client.media(client.submit(OWNER, source_key).media_id).source_key == source_key


def test_a_file_whose_media_was_deleted_can_be_uploaded_and_submitted_again_by_the_same_keys(client, settings):
    key = uuid.uuid4().hex
    places = []
    for _ in range(3):
        places.append(client.upload(OWNER, b"a photo", key))
        assert client.upload(OWNER, b"a photo", key) == places[-1]
        receipt = client.submit(OWNER, places[-1], key=key)
        assert receipt.created
        assert client.delete_media(receipt.media_id) == client.delete_media(receipt.media_id)
        assert client.status(receipt.job_id).state is JobState.CANCELLED
        with pytest.raises(Rejected) as refusal:
            client.submit(OWNER, places[-1])
        assert refusal.value.code == "original_removed"

    assert len(set(places)) == 3


def test_an_upload_is_bounded_by_what_it_is_said_to_be(settings):
    limits = dataclasses.replace(settings.limits, photo_bytes=3, clip_bytes=4)
    client = Client(dataclasses.replace(settings, limits=limits))
    key = uuid.uuid4().hex

    assert client.upload(OWNER, b"1234", key, "clip")
    assert client.presign_upload(OWNER, size_bytes=4, content_type="video/mp4", function="clip")
    for store in (
        lambda: client.upload(OWNER, b"1234", key),
        lambda: client.presign_upload(OWNER, size_bytes=4, content_type="image/jpeg"),
    ):
        with pytest.raises(Rejected) as caught:
            store()
        assert caught.value.code == "too_many_bytes"
    for store in (
        lambda: client.upload(OWNER, b"1", key, "hologram"),
        lambda: client.presign_upload(OWNER, size_bytes=1, content_type="image/jpeg", function="hologram"),
    ):
        with pytest.raises(Rejected) as caught:
            store()
        assert caught.value.code == "unknown_function"


def test_a_closed_client_can_be_used_again(client, source_key):
    job_id = client.submit(OWNER, source_key).job_id

    client.close()

    assert client.submit(OWNER, source_key).job_id == job_id


def test_a_client_is_made_from_the_environment(stack, monkeypatch):
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Rejected) as caught:
        Client.from_env().status(1)

    assert caught.value.code == "unknown_job"
