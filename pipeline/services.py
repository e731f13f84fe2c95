"""The outside world, as the flow sees it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from filters.recipe import Recipe
from jobs.ledger import Ledger
from jobs.quarantine import Gate
from pipeline.clip.model import RenderedClip
from pipeline.openfile import OpenFile
from pipeline.scratch import Scratch


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object to store, or what the store says of one: its bytes, or the file that holds them. `crc32` is zlib's."""

    key: str
    data: bytes | memoryview | OpenFile
    content_type: str
    crc32: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.data)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An object as the store lists it. Its age is by the store's own clock."""

    key: str
    bytes: int
    age_seconds: float


class Store(Protocol):
    """Where bytes lie. `pipeline.s3.S3Store` is the real one, `pipeline.memory.MemoryStore` its twin."""

    def read(self, key: str, limit: int) -> bytes:
        """The whole object.

        Raises:
            Rejected: `missing_original`, or `too_many_bytes` beyond `limit` bytes (checked while reading).
            StoreUnavailable: no answer, or a body that does not match its checksum.
        """

    def size(self, key: str) -> int:
        """How many bytes the object has. Raises Rejected `missing_original`, or StoreUnavailable."""

    def crc32(self, key: str) -> int | None:
        """What the store holds for the object's CRC-32; None if it knows none, as of what was uploaded in parts.

        Raises:
            Rejected: `missing_original`.
            StoreUnavailable: no answer.
        """

    def listed(self, prefix: str, after: str, limit: int) -> list[Listed]:
        """A page of the objects whose keys begin with `prefix`, by key, beyond the key `after`; the last one is empty.

        At most `limit` objects, and at most 1000. Raises StoreUnavailable.
        """

    def remove(self, keys: Sequence[str]) -> None:
        """Remove at most 1000 objects; one that is not there is removed. Raises StoreUnavailable: not all may be."""

    def remove_now(self, key: str) -> None:
        """Remove one object in a single short attempt, for somebody who holds a lock. Raises StoreUnavailable."""

    def fetch(self, key: str, limit: int, file: BinaryIO) -> int:
        """Write the whole object to an empty file, a piece at a time. Returns how many bytes it has.

        Raises:
            Rejected: `missing_original`, or `too_many_bytes` beyond `limit` bytes (checked while they arrive).
            StoreUnavailable: no answer, or a body that does not match its checksum.
            OSError: what writing the file raises.
        """

    def write_all(self, objects: Sequence[StoredObject]) -> None:
        """Store immutable, publicly cacheable objects side by side; return when each one's checksum is confirmed.

        A file is read while it is sent; nobody reads it any more afterwards, also after a failure.

        Raises:
            StoreUnavailable: no answer, or bytes that do not match their checksum.
        """

    def url(self, key: str, seconds: int) -> str:
        """A presigned address from which anybody can fetch the object for so long."""


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What is to be done to an original: by default nothing."""

    recipe: Recipe = field(default_factory=Recipe)
    look: bytes = b""  # the recipe's look, if it is one of one's own, as `filters.cube.pack` makes it


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """One rendition as the hands made it. Sizes in pixels; `ladder` position gives the preset."""

    name: str
    width: int
    height: int
    content_type: str
    extension: str
    data: bytes | memoryview


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """All that one photo came to. `width` and `height` are the original's, upright."""

    width: int
    height: int
    facts: Mapping[str, Any]
    images: tuple[Encoded, ...]
    timings: Mapping[str, float]  # e.g. decode_cpu_ms, decode_wall_ms


class OnWait(Protocol):
    """What is called while a job takes its time, about every second, by any thread; what it raises ends the job."""

    def __call__(self, progress: float | None = None, /) -> None:
        """`progress` is the share that is done, 0 to 1, where it is known."""


class Hands(Protocol):
    """The only part that touches media: a process of its own (`workers.hands`)."""

    def start(self, on_wait: Callable[[], None]) -> None:
        """Be ready for a job, calling `on_wait` about every second until then; what that raises ends the wait.

        Raises:
            Unavailable: it does not come up.
        """


class PhotoHands(Hands, Protocol):
    """Hands for photos."""

    def render(self, original: bytes, ladder: str, edits: Edits, on_wait: Callable[[], None]) -> Rendered:
        """Edit and render a photo, calling `on_wait` about every second meanwhile; what that raises ends the render.

        Raises:
            Rejected: the media or its edits are at fault.
            HandsDied: the renderer was killed by a signal or a limit.
        """


@dataclass(frozen=True, kw_only=True)
class ClipRequest:
    """What is asked of clip hands. The original is `folder/original`; what is made of it lies in `folder/out`."""

    folder: Path
    ladder: str
    edits: Edits
    mandatory: tuple[str, ...] = ()  # rungs that are wanted first: they come as a part


class ClipHands(Hands, Protocol):
    """Hands for clips."""

    def render(self, request: ClipRequest, on_part: Callable[[RenderedClip], None], on_wait: OnWait) -> RenderedClip:
        """Edit and render a clip. Its files are what they say: regular, of the ladder, named after their content.

        `on_part` is given the part that makes the clip playable once it is there, if `mandatory` names rungs; the
        whole holds it too. `on_wait` is called a few times a second, with the progress where it is known. What either
        raises ends the render.

        Raises:
            Rejected: the media or its edits are at fault.
            HandsDied: the renderer was killed by a signal or a limit, or made no progress.
            Unavailable: what else is not the clip's fault, as a full disk.
        """


H_co = TypeVar("H_co", bound=Hands, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Services(Generic[H_co]):
    """The three that a flow talks to, and what keeps the hands from originals that kill them."""

    store: Store
    ledger: Ledger
    hands: H_co
    quarantine: Gate


@dataclass(frozen=True, kw_only=True)
class ClipServices(Services[ClipHands]):
    """Those of a clip, whose bytes lie on a disk while it is worked on."""

    scratch: Scratch
