"""Files on the command line."""

from pathlib import Path

import click

from config import Limits

PHOTO = click.Path(exists=True, dir_okay=False, path_type=Path)


class OutFile(click.ParamType[Path]):
    """A file to write, whose folder is there, with one of these suffixes if there are any."""

    name = "file"

    def __init__(self, *suffixes: str) -> None:
        self._suffixes = suffixes

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, or a sentence about what is in its way."""
        path = Path(value)
        if not path.parent.is_dir():
            self.fail(f"There is no folder {str(path.parent)!r}: make it, or name another.", param, ctx)
        if path.is_dir():
            self.fail(f"{str(path)!r} is a folder: name a file in it.", param, ctx)
        if self._suffixes and path.suffix.lower() not in self._suffixes:
            self.fail(f"{path.name!r} is to be a {self._suffixes[0]}: nothing else is written.", param, ctx)
        return path


def read_photo(path: Path) -> bytes:
    """A photo's bytes; no more than it takes to see that they are too many."""
    with path.open("rb") as file:
        return file.read(Limits().photo_bytes + 1)
