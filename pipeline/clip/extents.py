"""Where each stream of a clip begins and ends."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from config import Limits
from pipeline.clip.ffmpeg import FFPROBE, capture, safe_input

Described = Mapping[str, Any]  # a stream or container, as ffprobe describes it
PACKETS = "packet=stream_index,pts_time,dts_time,duration_time"


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Where a stream lies on its container's clock, in seconds, how many packets it has, and how many a second."""

    start: float
    end: float
    packets: int
    rate: float  # 0 where there is but one, of no length


class Packet(NamedTuple):
    """A packet's stream, and when it is shown for how long, in seconds."""

    stream: int
    start: float
    seconds: float | None


def stated_extents(streams: Sequence[Described], container: Described) -> dict[int, Extent]:
    """The extents by the index of the stream, as the container states them; empty unless it does for all streams.

    An index of every frame, as in MP4 and AVI, is believed. A fragmented MP4 tells of its first fragment alone, and the
    other containers of the whole clip and no single stream.
    """
    if not all("nb_frames" in stream and "duration" in stream for stream in streams):
        return {}
    latest = seconds_of(container, "start_time", 0.0) + seconds_of(container, "duration", math.inf)
    return {stream["index"]: stated_extent(stream, latest) for stream in streams if int(stream["nb_frames"])}


def stated_extent(stream: Described, latest: float) -> Extent:
    """One stream's extent. Its own duration may count what an edit list cuts off; the container's does not."""
    start = seconds_of(stream, "start_time", 0.0)
    seconds, packets = float(stream["duration"]), int(stream["nb_frames"])
    rate = packets / seconds if seconds > 0 else 0.0
    return Extent(start=start, end=min(start + seconds, latest), packets=packets, rate=rate)


def read_extents(file: Path, demuxer: str, limits: Limits) -> dict[int, Extent]:
    """The extents by the index of the stream, from every packet of the file; nothing is decoded."""
    options = ["-v", "error", *safe_input(demuxer, limits), "-show_entries", PACKETS, "-of", "csv=p=0", file.name]
    lines = capture(options, limits, folder=file.parent, program=FFPROBE).decode().splitlines()
    streams: dict[int, list[Packet]] = defaultdict(list)
    for packet in read_packets(lines):
        streams[packet.stream].append(packet)
    return {index: extent_of(packets) for index, packets in streams.items()}


def read_packets(lines: Iterable[str]) -> Iterator[Packet]:
    """The packets that ffprobe lists; those without any time are left out, as are lines of side data."""
    for line in lines:
        fields = line.strip().split(",")
        times = [float(field) for field in fields[1:3] if field not in ("N/A", "")]
        if len(fields) >= 4 and times:
            seconds = None if fields[3] in ("N/A", "") else float(fields[3])
            yield Packet(stream=int(fields[0]), start=times[0], seconds=seconds)


def extent_of(packets: Sequence[Packet]) -> Extent:
    """From the first packet to the end of the last; where that is unsaid it lasts as long as the others on average."""
    first, last = min(packet.start for packet in packets), max(packets, key=lambda packet: packet.start)
    average = (last.start - first) / (len(packets) - 1) if len(packets) > 1 else 0.0
    seconds = average if last.seconds is None else last.seconds
    apart = average or seconds
    return Extent(start=first, end=last.start + seconds, packets=len(packets), rate=1 / apart if apart > 0 else 0.0)


def seconds_of(described: Described, name: str, otherwise: float) -> float:
    """A time that ffprobe states, in seconds."""
    return float(described.get(name, otherwise))
