"""How much time a clip is given: the longer it is, the more."""

from dataclasses import replace

from config import Limits


def allowed(limits: Limits, seconds: float) -> Limits:
    """The limits for a clip of so many seconds: CPU and wall clock of each program grow with it, up to their most."""
    cpu = limits.clip_cpu_base_seconds + limits.clip_cpu_per_second * seconds
    wall = limits.clip_wall_base_seconds + limits.clip_wall_per_second * seconds
    return replace(
        limits,
        clip_cpu_seconds=min(limits.clip_cpu_seconds, round(cpu)),
        clip_wall_seconds=min(limits.clip_wall_seconds, round(wall)),
    )
