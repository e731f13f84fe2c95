"""Where a clip's files go: from its folder into the store."""

import zlib
from collections.abc import Sequence
from pathlib import Path

from jobs.job import Job, Rendition
from pipeline.clip.model import ClipFile
from pipeline.keys import clip_key
from pipeline.scratch import OUT
from pipeline.services import Store, StoredObject

PIECE_BYTES = 1 << 20


class Shelf:
    """A clip's place in the store. What was put there once is not sent again."""

    def __init__(self, job: Job, store: Store, folder: Path) -> None:
        self._job = job
        self._store = store
        self._folder = folder / OUT
        self._stored: dict[str, StoredObject] = {}  # by the file's name, which is its content's

    def put(self, files: Sequence[ClipFile]) -> tuple[Rendition, ...]:
        """Store the files, and return what the media's record keeps of them."""
        fresh = {file.file: self._name(file) for file in files if file.file not in self._stored}
        self._store.write_all(list(fresh.values()))
        self._stored |= fresh
        return tuple(map(self._describe, files))

    def _name(self, file: ClipFile) -> StoredObject:
        path = self._folder / file.file
        key = clip_key(self._job.media_id, file.file)
        return StoredObject(key=key, data=path, content_type=file.content_type, crc32=file_crc32(path))

    def _describe(self, file: ClipFile) -> Rendition:
        stored = self._stored[file.file]
        return Rendition(
            name=file.name,
            width=file.width,
            height=file.height,
            bytes=stored.size,
            crc32=stored.crc32,
            key=stored.key,
        )


def file_crc32(path: Path) -> int:
    """A file's CRC-32 as zlib counts it, a piece at a time."""
    crc32 = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            crc32 = zlib.crc32(piece, crc32)
    return crc32
