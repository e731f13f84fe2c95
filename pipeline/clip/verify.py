"""The last look at a clip's files before they leave: they are what they are stated to be, and nothing besides."""

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jobs.errors import Rejected
from pipeline.clip.model import ClipFile
from pipeline.clip.verify_movie import check_movie
from pipeline.clip.verify_text import check_playlist, check_track
from pipeline.services import Encoded
from pipeline.verify import UncleanRenditionError, verify

BROKEN = (Rejected, ValueError, IndexError, StopIteration, struct.error)  # what reading too short a box raises

Check = Callable[[Path, ClipFile, Mapping[str, ClipFile]], None]


def verify_all(out: Path, files: Sequence[ClipFile]) -> None:
    """See that each file in the folder `out` is fit to be published; a file that it names is one of them.

    Raises:
        UncleanRenditionError: metadata, a foreign or broken part, trailing bytes, or another size than stated.
    """
    named = {file.file: file for file in files}
    for file in files:
        check = CHECKS.get(file.content_type)
        if check is None:
            raise UncleanRenditionError(f"The rendition {file.name} is of a type {file.content_type} that is not ours.")
        try:
            check(out / file.file, file, named)
        except (UncleanRenditionError, *BROKEN) as error:
            raise UncleanRenditionError(f"The rendition {file.name} is unclean: {error}") from error


def check_picture(path: Path, stated: ClipFile, named: Mapping[str, ClipFile]) -> None:  # noqa: ARG001
    """A JPEG as of a photo."""
    verify(
        Encoded(
            name=stated.name,
            width=stated.width,
            height=stated.height,
            content_type=stated.content_type,
            extension="jpg",
            data=path.read_bytes(),
        )
    )


CHECKS: dict[str, Check] = {
    "video/mp4": check_movie,
    "application/vnd.apple.mpegurl": check_playlist,
    "text/vtt": check_track,
    "image/jpeg": check_picture,
}
