"""What a worker is made of, by the Gearman function that it serves."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from config import Limits, Settings
from config.settings import REQUIRED
from jobs.job import CLIP, PHOTO
from pipeline.scratch import Scratch
from pipeline.services import ClipServices, Services
from workers.hands import ChildHands, ClipHands, Options, PhotoHands

# About 75 s to fetch and as much to store, 145 s for a renderer's start and its photo, and 60 s for the ledger.
LONGEST_PHOTO_SECONDS = 600.0
CLIP_MARGIN_SECONDS = 1_800.0  # beside the render: to fetch and to store a gigabyte each over a slow line

MakeServices = Callable[..., Services[Any]]


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What one worker works with: hands, not yet started, and what makes services of `store`, `ledger` and `hands`."""

    hands: ChildHands[Any]
    services: MakeServices


@dataclass(frozen=True, kw_only=True)
class Function:
    """`workshop` opens what its flow needs beside the servers."""

    workshop: Callable[[Settings], AbstractContextManager[Workshop]]
    longest_job_seconds: Callable[[Limits], float]
    beat_seconds: float = math.inf


@contextmanager
def photo_workshop(settings: Settings) -> Iterator[Workshop]:
    """A photo needs nothing else: its bytes stay in memory."""
    yield Workshop(hands=PhotoHands(settings.limits, **options(settings)), services=Services)


@contextmanager
def clip_workshop(settings: Settings) -> Iterator[Workshop]:
    """A folder for clips, removed in the end. Raises MisconfiguredError if the settings' directory cannot be used."""
    with Scratch.opened(Path(settings.scratch_dir), settings.scratch_reserve_bytes) as scratch:
        hands = ClipHands(settings.limits, scratch.folder, **options(settings))
        yield Workshop(hands=hands, services=partial(ClipServices, scratch=scratch))


def options(settings: Settings) -> Options:
    """What the settings say of any hands."""
    return {
        "jobs": settings.hands_jobs,
        "memory_bytes": settings.hands_memory_bytes,
        "required": settings.sandbox == REQUIRED,
    }


FUNCTIONS = {
    PHOTO: Function(
        workshop=photo_workshop,
        longest_job_seconds=lambda _: LONGEST_PHOTO_SECONDS,
    ),
    CLIP: Function(
        workshop=clip_workshop,
        longest_job_seconds=lambda limits: limits.clip_wall_seconds + CLIP_MARGIN_SECONDS,
        beat_seconds=1.0,  # the ledger's progress is no older, and a cancelled clip ends within 2 s
    ),
}
