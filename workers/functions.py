"""What a worker is made of, by the Gearman function that it serves."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from config import Limits, Settings
from jobs.job import CLIP, PHOTO
from pipeline.scratch import Scratch
from pipeline.services import ClipServices, Services
from workers.hands import ChildHands, ClipHands, PhotoHands

# About 75 s to fetch and as much to store, 145 s for a renderer's start and its photo, and 60 s for the ledger.
LONGEST_PHOTO_SECONDS = 600.0
CLIP_MARGIN_SECONDS = 1_800.0  # beside the render: to fetch and to store a gigabyte each over a slow line

MakeServices = Callable[..., Services[Any]]


@dataclass(frozen=True, kw_only=True)
class Function:
    """`services` opens what its flow needs beside `store`, `ledger` and `hands`, and gives a maker for all together."""

    hands: Callable[[Settings], ChildHands[Any]]
    services: Callable[[Settings], AbstractContextManager[MakeServices]]
    longest_job_seconds: Callable[[Limits], float]
    beat_seconds: float = math.inf


@contextmanager
def photo_services(_: Settings) -> Iterator[MakeServices]:
    """A photo needs nothing else: its bytes stay in memory."""
    yield Services


@contextmanager
def clip_services(settings: Settings) -> Iterator[MakeServices]:
    """A folder for clips, removed in the end. Raises MisconfiguredError if the settings' directory cannot be used."""
    with Scratch.opened(Path(settings.scratch_dir), settings.scratch_reserve_bytes) as scratch:
        yield partial(ClipServices, scratch=scratch)


def make_photo_hands(settings: Settings) -> PhotoHands:
    """Hands for photos, not yet started."""
    return PhotoHands(settings.limits, jobs=settings.hands_jobs, memory_bytes=settings.hands_memory_bytes)


def make_clip_hands(settings: Settings) -> ClipHands:
    """Hands for clips, not yet started."""
    return ClipHands(settings.limits, jobs=settings.hands_jobs, memory_bytes=settings.hands_memory_bytes)


FUNCTIONS = {
    PHOTO: Function(
        hands=make_photo_hands,
        services=photo_services,
        longest_job_seconds=lambda _: LONGEST_PHOTO_SECONDS,
    ),
    CLIP: Function(
        hands=make_clip_hands,
        services=clip_services,
        longest_job_seconds=lambda limits: limits.clip_wall_seconds + CLIP_MARGIN_SECONDS,
        beat_seconds=1.0,  # the ledger's progress is no older, and a cancelled clip ends within 2 s
    ),
}
