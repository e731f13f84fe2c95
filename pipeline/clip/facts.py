"""What the media's record keeps of a clip. Where it was taken is not among it."""

from collections.abc import Mapping
from typing import Any

from pipeline.clip.loudness import Level
from pipeline.clip.model import Source
from pipeline.clip.plan import Span


def clip_facts(source: Source, span: Span, level: Level | None, poster_seconds: float) -> Mapping[str, Any]:
    """The facts. `seconds` is how long what is kept of it plays; `poster_seconds` counts from the original's beginning.

    `level` is what was done to its sound, None if it is mute: to have sound is to have a stream of it, however quiet.
    """
    return {
        "format": source.format,
        "seconds": round(span.seconds, 3),
        "frames_per_second": round(source.frames_per_second, 3),
        "video_codec": source.video.codec,
        "audio_codec": source.sound.codec if source.sound else None,
        "has_sound": level is not None,
        "loudness_lufs": level.lufs if level else None,
        "loops": source.loops,
        "hdr": source.video.hdr,
        "rotation": source.rotation,
        "taken_at": source.taken_at,
        "make": source.make,
        "model": source.model,
        "poster_seconds": round(poster_seconds, 3),
    }
