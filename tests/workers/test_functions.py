"""What workers are made of."""

from dataclasses import replace

import pytest

from config import Limits, MisconfiguredError, Settings
from jobs import job
from pipeline.process import PROCESSES
from pipeline.services import ClipServices
from workers.functions import FUNCTIONS

SETTINGS = Settings(database_url="", gearman_servers=(), s3_bucket="")


def test_whatever_can_be_submitted_has_workers_and_a_way():
    assert set(FUNCTIONS) == set(PROCESSES) == set(job.FUNCTIONS)


def test_no_clip_within_its_wall_limit_is_taken_for_stuck():
    limits = Limits(clip_wall_seconds=7200)

    assert FUNCTIONS["clip"].longest_job_seconds(limits) > 7200
    assert FUNCTIONS["photo"].longest_job_seconds(limits) == 600


def test_a_worker_for_clips_has_a_folder_for_as_long_as_it_works(tmp_path):
    directory = tmp_path / "scratch"
    settings = replace(SETTINGS, scratch_dir=str(directory), scratch_reserve_bytes=7)

    with FUNCTIONS["clip"].workshop(settings) as workshop:
        services = workshop.services(store=None, ledger=None, hands=None, quarantine=None)
        assert isinstance(services, ClipServices)
        assert services.scratch.folder.parent == directory
        assert services.scratch.reserve_bytes == 7
    assert not services.scratch.folder.exists()


def test_a_worker_for_clips_does_not_begin_where_it_may_not_write(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    settings = replace(SETTINGS, scratch_dir=str(tmp_path / "file" / "scratch"))

    with pytest.raises(MisconfiguredError, match="DARKROOM_SCRATCH_DIR"), FUNCTIONS["clip"].workshop(settings):
        pass


def test_a_worker_for_photos_touches_no_disk(tmp_path):
    with FUNCTIONS["photo"].workshop(replace(SETTINGS, scratch_dir=str(tmp_path / "scratch"))):
        assert not (tmp_path / "scratch").exists()
