"""HLS playlists of a clip: for each rung one that plays its file by ranges of bytes, and the master that lists them.

Source: RFC 8216, with version 7 for fragments in MP4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from pipeline.clip.cmaf import Cmaf, Segment

HEAD = ("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A rung in the master: the name of its playlist, and what that plays."""

    playlist: str
    cmaf: Cmaf


def media_playlist(cmaf: Cmaf, file: str) -> str:
    """The playlist of one rung; `file` is the name of what it plays, in the same folder.

    Lengths are to a microsecond, each from the first segment on, so that they add up to the clip's.
    """
    times = [round(time * 10**6) for time in accumulate((s.seconds for s in cmaf.segments), initial=Fraction(0))]
    lines = [
        *HEAD,
        f"#EXT-X-TARGETDURATION:{target_seconds(cmaf.segments)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f'#EXT-X-MAP:URI="{file}",BYTERANGE="{cmaf.head_size}@0"',
    ]
    for segment, (start, end) in zip(cmaf.segments, pairwise(times), strict=True):
        lines += [f"#EXTINF:{(end - start) / 1e6:.6f},", f"#EXT-X-BYTERANGE:{segment.size}@{segment.at}", file]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def master_playlist(variants: Sequence[Variant]) -> str:
    """The playlist that lists the rungs, the lightest first: with that one a player begins that knows nothing yet."""
    lines = list(HEAD)
    for variant in sorted(variants, key=lambda variant: peak_bandwidth(variant.cmaf.segments)):
        lines += [f"#EXT-X-STREAM-INF:{attributes(variant.cmaf)}", variant.playlist]
    return "\n".join([*lines, ""])


def attributes(cmaf: Cmaf) -> str:
    """What a player chooses a rung by."""
    return ",".join(
        (
            f"BANDWIDTH={peak_bandwidth(cmaf.segments)}",
            f"AVERAGE-BANDWIDTH={bandwidth(cmaf.segments)}",
            f'CODECS="{",".join(cmaf.codecs)}"',
            f"RESOLUTION={cmaf.width}x{cmaf.height}",
            f"FRAME-RATE={float(cmaf.frames_per_second):.3f}",
            "VIDEO-RANGE=SDR",
        )
    )


def target_seconds(segments: Sequence[Segment]) -> int:
    """The longest segment's length, to the nearest whole second and at least one."""
    return max(1, *(int(segment.seconds + Fraction(1, 2)) for segment in segments))


def bandwidth(segments: Sequence[Segment]) -> int:
    """Bits a second on average, rounded up."""
    bits, seconds = 8 * sum(segment.size for segment in segments), sum(segment.seconds for segment in segments)
    return -int(-bits // seconds)


def peak_bandwidth(segments: Sequence[Segment]) -> int:
    """The most bits a second of any neighbours that last between half and one and a half of the target's length.

    Source: RFC 8216, 4.3.4.2 (the peak segment bit rate). A clip that is shorter than that has its average.
    """
    target = target_seconds(segments)
    near = neighbours(segments, Fraction(target, 2), Fraction(3 * target, 2))
    return max((bandwidth(run) for run in near), default=bandwidth(segments))


def neighbours(segments: Sequence[Segment], least: Fraction, most: Fraction) -> Iterator[Sequence[Segment]]:
    """All that lie beside each other and last between so many seconds."""
    for first in range(len(segments)):
        seconds = Fraction(0)
        for place in range(first, len(segments)):
            seconds += segments[place].seconds
            if seconds > most:
                break
            if seconds >= least:
                yield segments[first : place + 1]
