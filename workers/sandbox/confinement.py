"""All that a process gives up, around the moment when it has loaded its libraries."""

from dataclasses import dataclass
from pathlib import Path

from config import Limits
from workers.sandbox import kernel
from workers.sandbox.bounds import Bounds, clip_bounds, limit_resources, photo_bounds, stand_back
from workers.sandbox.calls import only_calls
from workers.sandbox.parts import GRANTED, Parts, trying
from workers.sandbox.rooms import enter, require
from workers.sandbox.roots import NOTHING, View, change_root, clip_view


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What is left to a process: resources, files, and whether it may start programs."""

    bounds: Bounds
    view: View
    programs: bool

    def begin(self) -> Parts:
        """The half that comes before anything is loaded; what came of each part. Returns in another process: `enter`.

        The other half needs what cannot be had later: libraries, and the knowledge of what they take.
        """
        return enter(self.bounds.processes)

    def complete(self, parts: Parts) -> None:
        """The half that comes after everything is loaded; adds to `parts` what came of it."""
        stand_back(self.bounds.niceness)  # not before: a busy machine would hardly let it begin
        with trying(parts, "calls"):
            calls = only_calls(programs=self.programs)  # its library cannot be opened later
        limit_resources(self.bounds)
        with trying(parts, "files"):
            require(parts, "mounts")
            change_root(self.view)
        with trying(parts, "capabilities"):
            kernel.drop_capabilities()
        if parts["calls"] == GRANTED:
            with trying(parts, "calls"):
                calls.load()


def photo_confinement(limits: Limits) -> Confinement:
    """A photo comes and goes in memory: nothing else is left."""
    return Confinement(bounds=photo_bounds(limits), view=NOTHING, programs=False)


def clip_confinement(limits: Limits, folder: Path) -> Confinement:
    """A clip lies in a folder of `folder`, and ffmpeg works on it."""
    return Confinement(bounds=clip_bounds(limits), view=clip_view(folder), programs=True)
