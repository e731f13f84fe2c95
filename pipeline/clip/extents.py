"""Where each stream of a clip begins and ends."""

import math
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from config import Limits
from jobs.errors import Rejected
from pipeline.clip.ffmpeg import FFPROBE, safe_input, start

Described = Mapping[str, Any]  # a stream or container, as ffprobe describes it
MOST_PACKETS = 500_000  # of one stream; ten minutes of Opus in its shortest packets have 240,000
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


def read_extents(file: Path, demuxer: str, limits: Limits, pictures: int) -> dict[int, Extent]:
    """The extents by the index of the stream, from every packet of the file; nothing is decoded.

    Raises:
        Rejected: `too_many_frames`, there are more packets of pictures (stream `pictures`) than of frames are taken;
            or `corrupt_media`, there are absurdly many of another stream.
    """
    options = ["-v", "error", *safe_input(demuxer, limits), "-show_entries", PACKETS, "-of", "csv=p=0", file.name]
    spans: dict[int, Span] = defaultdict(Span)
    with start([FFPROBE, "-hide_banner", *options], limits, folder=file.parent, stdout=subprocess.PIPE) as process:
        for packet in read_packets(line.decode(errors="replace") for line in process.stdout):
            spans[packet.stream].add(packet)
            check_count(spans[packet.stream].packets, limits, is_pictures=packet.stream == pictures)
        process.finish()
    return {index: span.extent for index, span in spans.items()}


def check_count(packets: int, limits: Limits, *, is_pictures: bool) -> None:
    """Raise Rejected for more packets of one stream than are taken."""
    if is_pictures and packets > limits.clip_frames:
        raise Rejected("too_many_frames", f"This clip has more than {limits.clip_frames} frames, which is the limit.")
    if packets > MOST_PACKETS:
        raise Rejected("corrupt_media", f"A stream of this clip has more than {MOST_PACKETS:,} packets.")


def read_packets(lines: Iterable[str]) -> Iterator[Packet]:
    """The packets that ffprobe lists; those without any time are left out, as are lines of side data."""
    for line in lines:
        fields = line.strip().split(",")
        times = [float(field) for field in fields[1:3] if field not in ("N/A", "")]
        if len(fields) >= 4 and times:
            seconds = None if fields[3] in ("N/A", "") else float(fields[3])
            yield Packet(stream=int(fields[0]), start=times[0], seconds=seconds)


class Span:
    """What has been seen of a stream by now, however many packets that were."""

    def __init__(self) -> None:
        self.packets = 0
        self._first = math.inf
        self._last = Packet(stream=0, start=-math.inf, seconds=None)

    def add(self, packet: Packet) -> None:
        """Count one more."""
        self.packets += 1
        self._first = min(self._first, packet.start)
        if packet.start > self._last.start:
            self._last = packet

    @property
    def extent(self) -> Extent:
        """From the first to the end of the last; where that is unsaid it lasts as long as the others on average."""
        long = self._last.start - self._first
        average = long / (self.packets - 1) if self.packets > 1 else 0.0
        seconds = average if self._last.seconds is None else self._last.seconds
        apart = average or seconds
        return Extent(
            start=self._first,
            end=self._last.start + seconds,
            packets=self.packets,
            rate=1 / apart if apart > 0 else 0.0,
        )


def seconds_of(described: Described, name: str, otherwise: float) -> float:
    """A time that ffprobe states, in seconds."""
    return float(described.get(name, otherwise))
