"""The way of a clip over twins: what ends up in the store, in the ledger and on the disk."""

import hashlib
import os
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from config import Limits
from filters.recipe import parse_recipe
from jobs.errors import DiskShort, HandsDied, LedgerUnavailable, Rejected, StoreUnavailable
from jobs.job import Crash, JobState, Order
from jobs.memory import MemoryLedger
from jobs.quarantine import Gate
from jobs.quarantine_memory import MemoryQuarantine
from pipeline.clip.ffmpeg import EncoderDied
from pipeline.clip.model import ClipFile, RenderedClip
from pipeline.memory import MemoryStore
from pipeline.process import process_clip
from pipeline.scratch import Scratch
from pipeline.services import ClipServices, StoredObject

ORIGINAL = b"a clip of 5x7"
EVERYTHING = {
    "720p": ("video/mp4", "mp4"),
    "480p": ("video/mp4", "mp4"),
    "master": ("application/vnd.apple.mpegurl", "m3u8"),
    "w1080": ("image/jpeg", "jpg"),
}


class PaintedHands:
    """Hands that make of every original files that hold their names; those of the part are made once."""

    def __init__(self):
        self.requests = []
        self.seen = []

    def render(self, request, on_part, on_wait):
        self.requests.append(request)
        self.seen.append((request.folder / "original").read_bytes())
        on_wait(0.25)
        if request.mandatory:
            on_part(self._make(request, [*request.mandatory, "master"], {"part": True}))
        on_wait(0.75)
        return self._make(request, list(EVERYTHING), {"format": "mov"})

    def _make(self, request, names, facts):
        files = tuple(self._file(request.folder / "out", name, *EVERYTHING[name]) for name in names)
        return RenderedClip(width=5, height=7, facts=facts, files=files, timings={"encode_cpu_ms": 1.0})

    def _file(self, out, name, content_type, extension):
        data = name.encode() + b" of " + ORIGINAL
        file = f"{hashlib.sha256(data).hexdigest()[:32]}.{extension}"
        (out / file).write_bytes(data)
        return ClipFile(name=name, file=file, width=5, height=7, content_type=content_type)


class FailingHands:
    def __init__(self, error):
        self.error = error

    def render(self, request, on_part, on_wait):
        (request.folder / "out" / "half").write_bytes(b"made")
        raise self.error


class PlantingStore(MemoryStore):
    """A store during whose answer hostile hands put a link where the original is about to be written."""

    def __init__(self, scratch, target):
        super().__init__()
        self.scratch, self.target = scratch, target

    def size(self, key):
        (folder,) = self.scratch.folder.iterdir()
        (folder / "original").symlink_to(self.target)
        return super().size(key)


class CountingStore(MemoryStore):
    """A store that knows what was written to it, in order."""

    def __init__(self):
        super().__init__()
        self.written = []

    def write_all(self, objects):
        super().write_all(objects)
        self.written += [stored.key for stored in objects]


@pytest.fixture
def scratch(tmp_path):
    with Scratch.opened(tmp_path / "scratch", 0) as scratch:
        yield scratch
        assert list(scratch.folder.iterdir()) == [], "a job left something behind"


def outside(scratch, hands=None, store=None):
    store = store or CountingStore()
    MemoryStore.write_all(
        store, [StoredObject(key="o/1", data=ORIGINAL, content_type="video/mp4", crc32=zlib.crc32(ORIGINAL))]
    )
    ledger = MemoryLedger()
    gate = Gate(MemoryQuarantine(ledger))
    return ClipServices(store=store, ledger=ledger, hands=hands or PaintedHands(), scratch=scratch, quarantine=gate)


def claimed(services, **changes):
    asked = {"owner_id": 7, "key": "k", "source_key": "o/1", "function": "clip"}
    receipt = services.ledger.submit(Order(**asked | changes))
    return services.ledger.claim(receipt.job_id, "worker", 15)


def process(job, services, on_wait=lambda progress=None: None, **limits):
    return process_clip(job, services, Limits(**limits), on_wait)


def test_a_published_media_names_objects_that_are_in_the_store(scratch):
    services = outside(scratch)
    job = claimed(services)

    assert process(job, services).published

    media = services.ledger.media(job.media_id)
    assert (media.state, media.sha256) == ("ready", hashlib.sha256(ORIGINAL).hexdigest())
    assert (media.height, media.width, media.facts) == (7, 5, {"format": "mov"})
    assert {rendition.name for rendition in media.renditions} == EVERYTHING.keys()
    for rendition in media.renditions:
        data = services.store.read(rendition.key, 1000)
        assert data == rendition.name.encode() + b" of " + ORIGINAL
        assert (rendition.bytes, rendition.crc32) == (len(data), zlib.crc32(data))
        content_type, extension = EVERYTHING[rendition.name]
        assert services.store.objects[rendition.key].content_type == content_type
        assert rendition.key == f"m/{job.media_id}/{hashlib.sha256(data).hexdigest()[:32]}.{extension}"


def test_the_hands_find_the_whole_original_in_their_folder_and_the_jobs_recipe(scratch):
    services = outside(scratch)
    recipe = {"cut": {"mute": True}, "look": {"name": "aden"}}

    process(claimed(services, recipe=recipe), services)

    assert services.hands.seen == [ORIGINAL]
    (request,) = services.hands.requests
    assert (request.ladder, request.edits.recipe) == ("standard", parse_recipe(recipe))


def test_a_link_where_the_original_belongs_leads_the_head_nowhere(scratch, tmp_path):
    (tmp_path / "settings").write_text("precious")
    services = outside(scratch, store=PlantingStore(scratch, tmp_path / "settings"))

    with pytest.raises(FileExistsError):
        process(claimed(services), services)

    assert (tmp_path / "settings").read_text() == "precious"


def test_what_is_mandatory_is_published_first_and_stored_once(scratch):
    told = []
    services = outside(scratch)
    job = claimed(services, mandatory=("480p",))

    def look(progress=None):
        media = services.ledger.media(job.media_id)
        told.append((progress, media.state, sorted(rendition.name for rendition in media.renditions)))

    assert process(job, services, look).published

    told = [what for what in told if what[0]]
    assert told == [(0.25, "pending", []), (0.75, "usable", ["480p", "master"])]
    assert services.ledger.media(job.media_id).state == "ready"
    assert len(services.store.written) == len(set(services.store.written)) == len(EVERYTHING)


@pytest.mark.parametrize("away", ["store", "ledger"])
def test_a_part_that_cannot_be_published_costs_the_clip_nothing(scratch, monkeypatch, away):
    class AwayOnce(CountingStore):
        def write_all(self, objects):
            if not self.asked:
                self.asked = True
                raise StoreUnavailable("away")
            super().write_all(objects)

        asked = away == "ledger"

    def be_away(job, publication):
        raise LedgerUnavailable("away")

    services = outside(scratch, store=AwayOnce())
    if away == "ledger":
        monkeypatch.setattr(services.ledger, "publish_part", be_away)
    job = claimed(services, mandatory=("480p",))

    assert process(job, services).published
    assert {rendition.name for rendition in services.ledger.media(job.media_id).renditions} == EVERYTHING.keys()


def test_a_second_run_writes_the_same_keys_and_no_others(scratch):
    services = outside(scratch)
    first = claimed(services)
    process(first, services)
    keys = set(services.store.objects)

    process(first, services)

    assert set(services.store.objects) == keys


def swap_for_another(file):
    file.unlink()
    file.write_bytes(b"other bytes")


def swap_for_a_link(file):
    file.rename(file.with_name("moved"))
    file.symlink_to("moved")


def swap_for_a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def swap_the_folder(file):
    file.parent.rename(file.parent.with_name("elsewhere"))
    file.parent.mkdir()
    file.parent.joinpath("..", "elsewhere", file.name).unlink()
    file.write_bytes(b"another folder's")


@pytest.mark.parametrize("swap", [swap_for_another, swap_for_a_link, swap_for_a_pipe, swap_the_folder, Path.unlink])
@pytest.mark.parametrize("mandatory", [(), ("480p",)])
def test_a_file_that_is_swapped_after_it_was_checked_is_not_stored(scratch, swap, mandatory):
    class SwappingHands(PaintedHands):
        def _make(self, request, names, facts):
            rendered = super()._make(request, names, facts)
            swap(request.folder / "out" / rendered.files[0].file)
            return rendered

    services = outside(scratch, SwappingHands())
    job = claimed(services, mandatory=mandatory)

    with pytest.raises(HandsDied):
        process(job, services)
    assert set(services.store.objects) == {"o/1"}


def test_a_file_that_changes_while_it_is_stored_is_not_published(scratch):
    class Meddler(CountingStore):
        def write_all(self, objects):
            for file in scratch.folder.glob("*/out/*.mp4"):
                file.write_bytes(b"?" * file.stat().st_size)
            super().write_all(objects)

    services = outside(scratch, store=Meddler())
    job = claimed(services)

    with pytest.raises(StoreUnavailable):
        process(job, services)
    assert services.ledger.media(job.media_id).renditions == ()


def test_two_renditions_of_the_same_bytes_are_stored_once(scratch, monkeypatch):
    monkeypatch.setattr(PaintedHands, "_make", same_twice)
    services = outside(scratch)
    job = claimed(services)

    process(job, services)

    first, second = sorted(services.ledger.media(job.media_id).renditions, key=lambda rendition: rendition.name)
    assert (first.name, second.name) == ("w320", "w640")
    assert first.key == second.key
    assert services.store.written == [first.key]


def same_twice(self, request, names, facts):
    file = self._file(request.folder / "out", "w1080", "image/jpeg", "jpg")
    twins = (replace(file, name="w640"), replace(file, name="w320"))
    return RenderedClip(width=5, height=7, facts={}, files=twins, timings={})


def test_an_overtaken_run_says_so_and_publishes_nothing(scratch):
    services = outside(scratch)
    stale = claimed(services, mandatory=("480p",))
    services.ledger.release("worker")
    services.ledger.claim(stale.job_id, "another", 15)

    assert not process(stale, services).published
    assert services.ledger.media(stale.media_id).state == "pending"
    assert services.ledger.status(stale.job_id).state is JobState.RUNNING


@pytest.mark.parametrize("error", [Rejected("corrupt_media", "no video"), HandsDied("SIGSEGV")])
def test_nothing_is_stored_if_the_render_fails(scratch, error):
    services = outside(scratch, FailingHands(error))
    job = claimed(services)

    with pytest.raises(type(error)):
        process(job, services)
    assert set(services.store.objects) == {"o/1"}


def test_nothing_is_published_if_the_store_fails(scratch):
    class FullStore(MemoryStore):
        def write_all(self, objects):
            raise StoreUnavailable("full")

    services = outside(scratch, store=FullStore())
    job = claimed(services)

    with pytest.raises(StoreUnavailable):
        process(job, services)
    assert services.ledger.media(job.media_id).renditions == ()


def test_an_original_over_the_limit_is_rejected_before_it_is_fetched(scratch, monkeypatch):
    monkeypatch.delattr(MemoryStore, "fetch")
    services = outside(scratch, FailingHands(AssertionError("the hands were asked")))

    with pytest.raises(Rejected) as rejected:
        process(claimed(services), services, clip_bytes=len(ORIGINAL) - 1)
    assert rejected.value.code == "too_many_bytes"


def test_an_original_for_which_the_disk_has_no_room_is_not_fetched(scratch, monkeypatch):
    monkeypatch.delattr(MemoryStore, "fetch")
    services = replace(outside(scratch), scratch=replace(scratch, reserve_bytes=1 << 60))

    with pytest.raises(DiskShort, match="MiB free"):
        process(claimed(services), services)


class FillingHands(FailingHands):
    """Hands whose work fills the disk; then they fail, as the test says, or are asked how it goes."""

    def __init__(self, monkeypatch, error=None):
        super().__init__(error)
        self.monkeypatch = monkeypatch

    def render(self, request, on_part, on_wait):
        self.monkeypatch.setattr(Scratch, "require", self.complain)
        if self.error:
            raise self.error
        on_wait(0.5)

    def complain(self, more_bytes=0):
        raise DiskShort("it is full")


@pytest.mark.parametrize("error", [None, Rejected("corrupt_media", "cannot write"), HandsDied("SIGXFSZ")])
def test_a_disk_that_becomes_full_ends_the_render_and_is_not_the_clips_fault(scratch, monkeypatch, error):
    services = outside(scratch, FillingHands(monkeypatch, error))

    with pytest.raises(DiskShort):
        process(claimed(services), services)


class CancelledError(Exception):
    pass


def test_what_the_callback_raises_ends_the_job(scratch):
    def cancel(progress=None):
        if progress:
            raise CancelledError

    services = outside(scratch)
    with pytest.raises(CancelledError):
        process(claimed(services), services, cancel)
    assert set(services.store.objects) == {"o/1"}


def test_what_the_callback_raises_ends_the_fetch(scratch):
    def cancel(progress=None):
        raise CancelledError

    services = outside(scratch, FailingHands(AssertionError("the hands were asked")))
    with pytest.raises(CancelledError):
        process(claimed(services), services, cancel)


@pytest.mark.parametrize("mandatory", [(), ("480p",)])
def test_what_the_callback_raises_ends_the_upload_in_the_middle_of_a_file(scratch, mandatory):
    class CancelledStore(CountingStore):
        def write_all(self, objects):
            self.cancelled = True
            super().write_all(objects)

        cancelled = False

    def cancel(progress=None):
        if services.store.cancelled:
            raise CancelledError

    services = outside(scratch, store=CancelledStore())
    job = claimed(services, mandatory=mandatory)

    with pytest.raises(CancelledError):
        process(job, services, cancel)
    assert services.store.written == []
    assert services.ledger.media(job.media_id).renditions == ()


def test_every_stage_is_timed_and_the_hands_own_stages_are_kept(scratch):
    services = outside(scratch)

    timings = process(claimed(services), services).timings

    stages = {name.removesuffix("_wall_ms") for name in timings if name.endswith("_wall_ms")}
    assert stages == {"fetch", "hands", "store", "publish"}
    assert timings["encode_cpu_ms"] == 1.0


@pytest.mark.parametrize("died", [HandsDied("no progress"), EncoderDied("SIGSEGV")])
def test_a_clip_over_which_three_renderers_died_is_shown_to_no_other(scratch, died):
    died.crash = Crash(stage="transcode", signal=None, limit="memory", words="", libraries={"ffmpeg": "7.1"})
    services = outside(scratch, FailingHands(died))
    for key in "abc":
        with pytest.raises(type(died)):
            process(claimed(services, key=key), services)

    services = replace(services, hands=PaintedHands())
    with pytest.raises(Rejected, match="3 times, the last by memory limit at transcode") as refused:
        process(claimed(services, key="d"), services)

    assert refused.value.code == "quarantined"
    assert services.hands.requests == []


def test_a_clip_that_a_busy_host_did_not_get_on_with_is_shown_to_the_next(scratch):
    died = HandsDied("no progress")
    died.crash = Crash(stage="transcode", signal=None, limit="stall", words="", libraries={"ffmpeg": "7.1"})
    services = outside(scratch, FailingHands(died))
    for key in "abc":
        with pytest.raises(HandsDied):
            process(claimed(services, key=key), services)

    services = replace(services, hands=PaintedHands())

    assert process(claimed(services, key="d"), services).published
