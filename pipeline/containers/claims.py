"""The one answer that every container's parser gives, and the limits that it is held against.

A container may lie. Claims therefore only refuse: what they let in, ffmpeg's own limits are set for. A frame's size is
not among them, because it is the decoder's to know: sample entries are wrong in honest files too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from config.limits import Limits
from jobs.errors import Rejected

SHAPES = (Fraction(1, 10), Fraction(10))  # width to height of a pixel: one outside is made to blow the picture up


class Kind(StrEnum):
    """What a track holds."""

    PICTURES = "pictures"
    SOUND = "sound"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Track:
    """What a container says of one track; 0 or None where it says nothing."""

    kind: Kind
    codec: str  # as the container spells it, such as `avc1` or `V_VP9`
    number: int = 0  # by which the container's other parts name it
    width: int = 0  # of a frame, in pixels as stored
    height: int = 0
    frames: int = 0
    seconds: float | None = None
    pixel_shape: Fraction = Fraction(1)  # width to height
    encrypted: bool = False


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a container says of the whole clip."""

    tracks: Sequence[Track] = ()
    seconds: float | None = None


def check_claims(claims: Claims, limits: Limits) -> Claims:
    """The claims themselves.

    Raises:
        Rejected: `too_many_streams`, `no_video`, `encrypted`, `corrupt_header`, `too_many_seconds` or
            `too_many_frames`.
    """
    check_streams(len(claims.tracks), limits)
    pictures = [track for track in claims.tracks if track.kind is Kind.PICTURES]
    if claims.tracks and all(track.kind is Kind.SOUND for track in claims.tracks):
        raise Rejected("no_video", "This clip has no moving picture, only sound.")
    if pictures and all(track.encrypted for track in pictures):
        raise Rejected("encrypted", "The pictures of this clip are encrypted.")
    for track in pictures:
        check_pictures(track, limits)
    check_seconds(claims, pictures, limits)
    return claims


def check_streams(count: int, limits: Limits) -> None:
    """Raise Rejected `too_many_streams`."""
    if count > limits.clip_streams:
        raise Rejected("too_many_streams", f"This clip has {count} streams; {limits.clip_streams} are taken.")


def check_pictures(track: Track, limits: Limits) -> None:
    """Raise Rejected `too_many_frames`, or `corrupt_header` for pixels that no camera has."""
    if track.frames > limits.clip_frames:
        raise Rejected("too_many_frames", f"This clip has {track.frames} frames; {limits.clip_frames} are taken.")
    if not SHAPES[0] <= track.pixel_shape <= SHAPES[1]:
        raise Rejected("corrupt_header", f"The pixels of this clip are {track.pixel_shape}.")


def check_seconds(claims: Claims, pictures: Sequence[Track], limits: Limits) -> None:
    """Raise Rejected `too_many_seconds` where all that is said of the pictures' length is too long.

    What is shown may be a part of what is there, by an edit list.
    """
    told = [claims.seconds, *(track.seconds for track in pictures)]
    least = min((seconds for seconds in told if seconds is not None), default=0.0)
    if least > limits.clip_seconds:
        raise Rejected("too_many_seconds", f"This clip has {least:.1f} s; {limits.clip_seconds} are taken.")
