"""An upload frontend with media made by code, which asks again until it is answered."""

import random
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from jobs import Client
from jobs.errors import LedgerUnavailable, StoreUnavailable
from jobs.job import CLIP, PHOTO, JobState, Receipt
from scripts.sample import sample_photo

OWNER = 7
SIDES = ((20, 30), (61, 47), (90, 160))  # height and width of the load's photos: what they weigh is not the question
BROKEN_SHARE = 0.15  # of the load, which is to be rejected
AGAIN_SECONDS = 0.2  # after which a frontend asks again
PATIENCE_SECONDS = 120.0  # for which it does
ARRIVAL_SECONDS = 0.08  # between two submits of the load

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """A submit that was answered. The pipeline owes it an end in one of the `expected` states."""

    receipt: Receipt
    owner_id: int
    key: str
    source_key: str
    function: str
    expected: frozenset[JobState]
    at: float  # by the wall clock, seconds


DONE, REJECTED, DEAD = (frozenset({state}) for state in (JobState.DONE, JobState.REJECTED, JobState.DEAD))

BROKEN = {PHOTO: REJECTED, CLIP: REJECTED | DONE}  # of a clip that was cut short, what is there may play


class Frontend:
    """Uploads and submits by keys of its own. Threads may share one. `client` is its way in, and may be replaced."""

    def __init__(self, client: Client, numbers: Iterator[int]) -> None:
        """`numbers` make its keys, and never come twice."""
        self.client = client
        self.acknowledged: list[Acknowledged] = []
        self.mishaps: list[str] = []  # in words: what was never answered, and what ended a load early
        self._numbers = numbers

    def upload(self, data: bytes, function: str = PHOTO) -> str:
        """Store an original. Returns its source key."""
        key = f"original {next(self._numbers)}"
        return self._persist(lambda: self.client.upload(OWNER, data, key, function))

    def submit(
        self, source_key: str, expected: frozenset[JobState] = DONE, function: str = PHOTO, **order: Any
    ) -> Acknowledged:
        """Submit a stored original by a key of its own, unless `order` has one, and note the answer.

        Raises:
            LedgerUnavailable: no answer for two minutes.
        """
        key = order.pop("key", f"order {next(self._numbers)}")
        receipt = self._persist(lambda: self.client.submit(OWNER, source_key, key=key, function=function, **order))
        answered = Acknowledged(
            receipt=receipt,
            owner_id=OWNER,
            key=key,
            source_key=source_key,
            function=function,
            expected=expected,
            at=time.time(),
        )
        self.acknowledged.append(answered)
        return answered

    def photo(self, dice: random.Random, **order: Any) -> Acknowledged:
        """Upload and submit a photo that was not there before."""
        return self.submit(self.upload(small_photo(dice)), **order)

    def clip(self, dice: random.Random, **order: Any) -> Acknowledged:
        """Upload and submit a clip that was not there before."""
        return self.submit(self.upload(small_clip(dice), CLIP), function=CLIP, **order)

    def _persist(self, call: Callable[[], T]) -> T:
        try:
            return persist(call)
        except (LedgerUnavailable, StoreUnavailable) as error:
            self.mishaps.append(f"a frontend was not answered for {PATIENCE_SECONDS:g} s: {error}")
            raise


def persist(call: Callable[[], T]) -> T:
    """What `call` returns once the servers answer; raises what it does after two minutes."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except (LedgerUnavailable, StoreUnavailable):
            if time.monotonic() > end:
                raise
        time.sleep(AGAIN_SECONDS)


class Load(threading.Thread):
    """Photos and clips that arrive one after another, some broken. Originals are stored before the first is submitted.

    It begins to submit when `go` is set, and ends early when `enough` is. What ends it otherwise is a mishap of the
    frontend's, because what it did not submit, nobody accounts for.
    """

    def __init__(self, frontend: Frontend, dice: random.Random, photos: int, clips: int) -> None:
        super().__init__(name="load", daemon=True)
        self.go, self.enough = threading.Event(), threading.Event()
        self._frontend = frontend
        self._orders = [self._order(PHOTO, dice) for _ in range(photos)] + [
            self._order(CLIP, dice) for _ in range(clips)
        ]
        dice.shuffle(self._orders)

    def run(self) -> None:
        """Submit them all."""
        self.go.wait()
        try:
            self._submit_all()
        except Exception as error:  # noqa: BLE001 - else it would die with its thread, and the fault seem survived
            self._frontend.mishaps.append(f"the load ended early: {type(error).__name__}: {error}")

    def _submit_all(self) -> None:
        for source_key, function, expected in self._orders:
            if self.enough.is_set():
                return
            self._frontend.submit(source_key, expected, function)
            time.sleep(ARRIVAL_SECONDS)

    def _order(self, function: str, dice: random.Random) -> tuple[str, str, frozenset[JobState]]:
        data = small_photo(dice) if function == PHOTO else small_clip(dice)
        broken = dice.random() < BROKEN_SHARE
        stored = self._frontend.upload(cut_short(data, dice) if broken else data, function)
        return stored, function, BROKEN[function] if broken else DONE


def small_photo(dice: random.Random) -> bytes:
    """A JPEG that was not there before, by a tail that decoders ignore."""
    return _photo(*dice.choice(SIDES)) + dice.randbytes(8)


def small_clip(dice: random.Random) -> bytes:
    """An MP4 of a second that was not there before, by a box that players skip."""
    return _clip() + struct.pack(">I4s8s", 16, b"free", dice.randbytes(8))


def cut_short(data: bytes, dice: random.Random) -> bytes:
    """Media whose rest was lost on the way."""
    return data[: len(data) // dice.randint(3, 6)] + dice.randbytes(8).replace(b"\xff", b"\0")  # by chance an end, else


@cache
def _photo(height: int, width: int) -> bytes:
    return sample_photo(height, width)


@cache
def _clip() -> bytes:
    command = [
        *("ffmpeg", "-v", "error", "-nostdin"),
        *("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15:duration=1"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "pipe:1"),
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout
