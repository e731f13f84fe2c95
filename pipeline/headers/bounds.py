"""The limits on sizes and counts, each with its own code. Parsers call these as soon as they know the numbers."""

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers.header import Header

SAMPLES_SHARE = 2 / 5  # of a photo's memory: OpenCV holds the samples of a PNG twice for a moment


def check_bytes(size: int, limits: Limits) -> None:
    """Raise Rejected `empty_file` or `too_many_bytes`."""
    if size == 0:
        raise Rejected("empty_file", "The file is empty.")
    if size > limits.photo_bytes:
        raise Rejected("too_many_bytes", f"The photo has {size:,} bytes; at most {limits.photo_bytes:,} are taken.")


def check_size(width: int, height: int, *, side: int, pixels: int) -> None:
    """Raise Rejected `no_pixels`, `side_too_long` or `too_many_pixels`."""
    if width <= 0 or height <= 0:
        raise Rejected("no_pixels", f"A photo of {width} x {height} pixels has nothing to show.")
    if max(width, height) > side:
        raise Rejected("side_too_long", f"The photo is {width:,} x {height:,} pixels; a side has at most {side:,}.")
    if width * height > pixels:
        raise Rejected("too_many_pixels", f"The photo has {width * height:,} pixels; at most {pixels:,} are taken.")


def check_samples(header: Header, limits: Limits) -> None:
    """Raise Rejected `too_many_sample_bytes` if deep samples would not find room in the memory that a photo may take.

    Those of 8 bits always do: there the number of pixels is limit enough.
    """
    samples = header.width * header.height * (4 if header.alpha else header.components)
    size, most = samples * -(-header.bits // 8), int(limits.photo_memory_bytes * SAMPLES_SHARE)
    if header.bits > 8 and size > most:
        raise Rejected(
            "too_many_sample_bytes",
            f"The photo's samples of {header.bits} bits take {size:,} bytes; at most {most:,} are taken.",
        )


def check_frames(frames: int, limits: Limits) -> None:
    """Raise Rejected `too_many_frames`."""
    if frames > limits.frames:
        raise Rejected("too_many_frames", f"The photo has over {limits.frames:,} frames or pages, which is the limit.")


def check_animation(frames: int, width: int, height: int, limits: Limits) -> None:
    """Raise Rejected `too_many_frames`, or `too_many_animation_pixels` if several frames together have too many."""
    check_frames(frames, limits)
    total = frames * width * height
    if frames > 1 and total > limits.animation_pixels:
        raise Rejected(
            "too_many_animation_pixels",
            f"{frames:,} frames of {width:,} x {height:,} are {total:,} pixels; "
            f"at most {limits.animation_pixels:,} are taken.",
        )


def check_profile(size: int, limits: Limits) -> None:
    """Raise Rejected `profile_too_large`."""
    if size > limits.icc_bytes:
        raise Rejected("profile_too_large", f"The colour profile is larger than {limits.icc_bytes:,} bytes.")
