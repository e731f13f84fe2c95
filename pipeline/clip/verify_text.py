"""Whether playlists and a strip's track say what ours say, line by line, and lead to files that are there."""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from pipeline.clip.model import ClipFile
from pipeline.verify import UncleanRenditionError

HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
NAME = r"[0-9a-f]{32}"
SEGMENT = re.compile(rf"#EXTINF:(\d+\.\d{{6}}),\n#EXT-X-BYTERANGE:(\d+)@(\d+)\n({NAME}\.mp4)\n")
MEDIA = re.compile(
    rf"{HEAD}#EXT-X-TARGETDURATION:(\d+)\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    rf'#EXT-X-MAP:URI="({NAME}\.mp4)",BYTERANGE="(\d+)@0"\n((?:{SEGMENT.pattern})+)#EXT-X-ENDLIST\n'
)
CODEC = r"(?:avc1|hvc1|av01|mp4a)\.[0-9A-Za-z.]+"
VARIANT = re.compile(
    rf'#EXT-X-STREAM-INF:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),CODECS="{CODEC}(?:,{CODEC})?",'
    rf"RESOLUTION=(\d+x\d+),FRAME-RATE=\d+\.\d{{3}},VIDEO-RANGE=SDR\n({NAME}\.m3u8)\n"
)
MASTER = re.compile(rf"{HEAD}((?:{VARIANT.pattern})+)")
CLOCK = r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}"
CUE = re.compile(rf"\n({CLOCK}) --> ({CLOCK})\n({NAME}\.jpg)#xywh=(\d+),(\d+),(\d+),(\d+)\n")
TRACK = re.compile(rf"WEBVTT\n((?:{CUE.pattern})+)")


def check_playlist(path: Path, stated: ClipFile, named: Mapping[str, ClipFile]) -> None:
    """A master, or the playlist of one rung. Raises UncleanRenditionError if it is neither."""
    text = read_text(path)
    if master := MASTER.fullmatch(text):
        check_master(master[1], stated, named)
    elif media := MEDIA.fullmatch(text):
        check_segments(media, path.parent, named)
    else:
        raise UncleanRenditionError("it has a line that our playlists do not have")


def check_master(variants: str, stated: ClipFile, named: Mapping[str, ClipFile]) -> None:
    """Every rung's playlist is there, its peak no less than its average, and one of the sizes is the stated."""
    found = VARIANT.findall(variants)
    if missing := [name for *_, name in found if name not in named]:
        raise UncleanRenditionError(f"it leads to {missing[0]}, which is not there")
    if any(int(peak) < int(average) for peak, average, _, _ in found):
        raise UncleanRenditionError("a rung has less bits a second at its peak than on average")
    if f"{stated.width}x{stated.height}" not in [size for _, _, size, _ in found]:
        raise UncleanRenditionError("none of its rungs has the stated size")


def check_segments(media: re.Match[str], folder: Path, named: Mapping[str, ClipFile]) -> None:
    """All segments lie in the one file, one after the other, and none is longer than the playlist says."""
    target, file, head = int(media[1]), media[2], int(media[3])
    segments = SEGMENT.findall(media[4])
    if file not in named or {name for *_, name in segments} != {file}:
        raise UncleanRenditionError(f"it leads to {file}, which is not there, or to more than one file")
    if any(float(seconds) >= target + 0.5 for seconds, *_ in segments):
        raise UncleanRenditionError(f"it has a segment of more than {target} seconds")
    places = [(int(at), int(at) + int(size)) for _, size, at, _ in segments]
    borders = [(0, head), *places, ((folder / file).stat().st_size,) * 2]
    if any(after[0] < before[1] for before, after in pairwise(borders)):
        raise UncleanRenditionError("its segments overlap, or end after their file")


def check_track(path: Path, stated: ClipFile, named: Mapping[str, ClipFile]) -> None:  # noqa: ARG001
    """The track of a strip: cues one after the other, each a part of a sheet that is there."""
    track = TRACK.fullmatch(read_text(path))
    if track is None:
        raise UncleanRenditionError("it has a line that our tracks do not have")
    cues = CUE.findall(track[1])
    times = [time for begin, end, *_ in cues for time in (begin, end)]
    if times != sorted(times):
        raise UncleanRenditionError("its times do not follow each other")
    for _, _, file, *box in cues:
        sheet, (left, top, width, height) = named.get(file), map(int, box)
        if sheet is None or left + width > sheet.width or top + height > sheet.height:
            raise UncleanRenditionError(f"it shows a part of {file} that is not there")


def read_text(path: Path) -> str:
    """The text of a file with its line ends as they are; what is no ASCII is none of ours."""
    return path.read_bytes().decode("ascii", errors="replace")
