"""Where a clip's files go: from its folder into the store."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from jobs.errors import HandsDied
from jobs.job import Job, Rendition
from pipeline.clip.model import ClipFile
from pipeline.keys import clip_key
from pipeline.openfile import opened_file
from pipeline.services import Store, StoredObject


class Shelf:
    """A clip's place in the store. What was put there once is not sent again."""

    def __init__(self, job: Job, store: Store, out: int, on_wait: Callable[[], None]) -> None:
        """`out` is a descriptor of the folder with the files, opened before anybody else could put another there.

        `on_wait` is called with every piece that is read, by the store's threads too; what it raises ends the `put`.
        """
        self._job = job
        self._store = store
        self._out = out
        self._on_wait = on_wait
        self._stored: dict[str, StoredObject] = {}  # by the file's name, which is its content's

    def put(self, files: Sequence[ClipFile]) -> tuple[Rendition, ...]:
        """Store the files, and return what the media's record keeps of them.

        Raises:
            HandsDied: a file is not, or no longer, what its name says.
        """
        fresh = {file.file: file for file in files if file.file not in self._stored}
        with ExitStack() as opened:
            objects = {name: self._open(file, opened) for name, file in fresh.items()}
            self._store.write_all(list(objects.values()))
        self._stored |= objects
        return tuple(map(self._describe, files))

    def _open(self, file: ClipFile, opened: ExitStack) -> StoredObject:
        # The store confirms the CRC-32 of what it was sent, which is that of the bytes with the right SHA-256.
        try:
            data = replace(opened.enter_context(opened_file(file.file, self._out)), on_piece=self._on_wait)
            sha256, crc32 = data.digests()
        except (OSError, ValueError) as error:
            raise HandsDied(f"{file.file} cannot be read any more: {error}") from error
        if not sha256.startswith(file.file.partition(".")[0]):
            raise HandsDied(f"{file.file} is not named after its content any more")
        key = clip_key(self._job.media_id, file.file)
        return StoredObject(key=key, data=data, content_type=file.content_type, crc32=crc32)

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
