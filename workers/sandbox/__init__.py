"""What the hands give up before they touch a stranger's file. Linux only.

bounds         what they may take: memory, CPU, files, processes
rooms, keeper  namespaces of their own, and the two small processes that stay behind at the door
roots          what is left of the file system: nothing for photos, the decoders' own files for clips
calls          the system calls that are left to them
confinement    all of it, in its order
parts          what of all this the machine granted
watch          the head's view of them
"""

from workers.sandbox.bounds import (
    Bounds,
    address_space_bytes,
    allow_cpu,
    clip_bounds,
    limit_resources,
    photo_bounds,
    stand_back,
)
from workers.sandbox.confinement import Confinement, clip_confinement, photo_confinement
from workers.sandbox.kernel import follow_parent, hide_memory, renounce_privileges
from workers.sandbox.parts import GRANTED, NAMES, Parts, lacking
from workers.sandbox.watch import group_runs, resident_bytes

__all__ = [
    "GRANTED",
    "NAMES",
    "Bounds",
    "Confinement",
    "Parts",
    "address_space_bytes",
    "allow_cpu",
    "clip_bounds",
    "clip_confinement",
    "follow_parent",
    "group_runs",
    "hide_memory",
    "lacking",
    "limit_resources",
    "photo_bounds",
    "photo_confinement",
    "renounce_privileges",
    "resident_bytes",
    "stand_back",
]
