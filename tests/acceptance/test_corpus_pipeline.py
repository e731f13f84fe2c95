"""Every file of the corpus through real servers and workers."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from jobs import Client
from jobs.job import JobState, JobStatus
from jobs.s3 import connect_s3

OWNER = 4711
TIMEOUT_SECONDS = 300

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def client(staffed_stack):
    return Client(staffed_stack.settings)


def submit_all(client: Client, files: list[Path]) -> dict[Path, JobStatus]:
    """Each file's job, once it has ended."""

    def submit(file: Path) -> int:
        return client.submit(OWNER, client.upload(OWNER, file, file.name), key=f"corpus {file.name}").job_id

    with ThreadPoolExecutor(4) as threads:
        jobs = list(threads.map(submit, files))
    return {file: client.wait(job_id, TIMEOUT_SECONDS) for file, job_id in zip(files, jobs, strict=True)}


def heads(pool) -> set[int]:
    return {process.pid for process in pool.processes() if process.command.startswith("workers.head")}


def test_every_photo_comes_back_as_the_renditions_that_its_record_names(client, staffed_stack, corpus):
    settings = staffed_stack.settings
    s3, bucket = connect_s3(settings), settings.s3_bucket
    ended = submit_all(client, sorted((corpus / "photos").iterdir()))

    assert {file.name: job.code for file, job in ended.items() if job.state is not JobState.DONE} == {}
    for file, job in ended.items():
        media = client.media(job.media_id)
        assert media.state == "ready", file.name
        for rendition in media.renditions:
            data = s3.get_object(Bucket=bucket, Key=rendition.key)["Body"].read()
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
                image.load()
                assert image.size == (rendition.width, rendition.height), (file.name, rendition.name)
                assert not image.getexif(), file.name
            assert len(data) == rendition.bytes


def test_no_hostile_file_ends_a_worker_or_stays_undecided(client, staffed_stack, corpus):
    with (corpus / "hostile.tsv").open() as manifest:
        firm = {row["file"]: row for row in csv.DictReader(manifest, delimiter="\t") if row["why"].startswith("firm")}
    files = sorted(file for file in (corpus / "hostile").iterdir() if file.stat().st_size)
    before = heads(staffed_stack.pool)

    ended = submit_all(client, files)

    assert heads(staffed_stack.pool) == before
    undecided = {f.name: job.state for f, job in ended.items() if job.state not in (JobState.DONE, JobState.REJECTED)}
    assert undecided == {}
    let_in = [f.name for f, job in ended.items() if job.state is JobState.DONE]
    assert [name for name in let_in if name in firm and firm[name]["expected"] == "reject"] == []
