"""One question to all the parsers: what does this container claim, and may it come in."""

from collections.abc import Callable, Mapping
from pathlib import Path

from config.limits import Limits
from pipeline.containers import avi, isobmff, matroska, mpegts
from pipeline.containers.claims import Claims, check_claims
from pipeline.containers.reader import Reader, opened_reader

PARSERS: Mapping[str, Callable[[Reader, Limits], Claims]] = {
    "mov": isobmff.parse,
    "matroska": matroska.parse,
    "avi": avi.parse,
    "mpegts": mpegts.parse,
}  # by ffmpeg's name of the container; a GIF, an APNG and a WebP have their parsers in `pipeline.headers`


def read_claims(file: Path, demuxer: str, limits: Limits) -> Claims:
    """What a clip's container says of itself, without decoding anything; nothing of one that has no parser here.

    Raises:
        Rejected: `corrupt_header`, `truncated_clip`, `external_media`, `encrypted`, `unsupported_variant`, `no_video`,
            `too_many_streams`, `too_many_frames` or `too_many_seconds`.
    """
    with opened_reader(file) as reader:
        return parse_claims(reader, demuxer, limits)


def parse_claims(reader: Reader, demuxer: str, limits: Limits) -> Claims:
    """As `read_claims`, of what is open already."""
    parse = PARSERS.get(demuxer)
    return check_claims(parse(reader, limits), limits) if parse else Claims()
