"""The outside world, as the flow sees it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from filters.recipe import Recipe
from jobs.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object to store, or what the store says of one. `crc32` is zlib's."""

    key: str
    data: bytes | memoryview
    content_type: str
    crc32: int


class Store(Protocol):
    """Where bytes lie. `pipeline.s3.S3Store` is the real one, `pipeline.memory.MemoryStore` its twin."""

    def read(self, key: str, limit: int) -> bytes:
        """The whole object.

        Raises:
            Rejected: `missing_original`, or `too_many_bytes` beyond `limit` bytes (checked while reading).
            StoreUnavailable: no answer, or a body that does not match its checksum.
        """

    def write_all(self, objects: Sequence[StoredObject]) -> None:
        """Store immutable, publicly cacheable objects side by side; return when each one's checksum is confirmed."""

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


class Hands(Protocol):
    """The only part that touches media. `workers.hands.ChildHands` is a process of its own."""

    def start(self, on_wait: Callable[[], None]) -> None:
        """Be ready for a photo, calling `on_wait` about every second until then; what that raises ends the wait.

        Raises:
            Unavailable: it does not come up.
        """

    def render(self, original: bytes, ladder: str, edits: Edits, on_wait: Callable[[], None]) -> Rendered:
        """Edit and render a photo, calling `on_wait` about every second meanwhile; what that raises ends the render.

        Raises:
            Rejected: the media or its edits are at fault.
            HandsDied: the renderer was killed by a signal or a limit.
        """


@dataclass(frozen=True, kw_only=True)
class Services:
    """The three that a flow talks to."""

    store: Store
    ledger: Ledger
    hands: Hands
