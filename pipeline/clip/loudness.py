"""One loudness for all clips: measured by EBU R128, then set by a gain, and by a limiter where a gain alone would clip.

Source: EBU R 128 and ITU-R BS.1770, as ffmpeg's `ebur128` measures them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from config.presets import SoundPreset

SILENCE_LUFS = -69.9  # at -70 the gate of BS.1770 has let nothing through: silence, or less than 0.4 s
MOST_GAIN_DB = 40.0  # what asks for more is the noise of a microphone
MOST_MAKEUP_DB = 6.0  # in one round, for what a limiter takes away
MOST_ROUNDS = 3
CODEC_DB = 0.5  # by how much AAC may overshoot a peak
FINE_DB = 0.3  # nobody hears less
TRUE_PEAK_RATE = 192_000  # at which a sample is as high as what a player makes of it

MEASURE = "aresample=48000,ebur128=peak=true:framelog=verbose"
INTEGRATED = re.compile(r"I:\s+(-?[\d.]+|-inf|nan) LUFS")
PEAK = re.compile(r"Peak:\s+(-?[\d.]+|-inf|nan) dBFS")


@dataclass(frozen=True, kw_only=True)
class Loudness:
    """What a sound measures: its integrated loudness and true peak; None of silence, or of too little to tell."""

    lufs: float | None
    peak_db: float | None


@dataclass(frozen=True, kw_only=True)
class Level:
    """What is done to a sound. `lufs` is its own loudness, None where there is too little to measure."""

    lufs: float | None
    gain_db: float = 0.0
    ceiling_db: float | None = None  # of the limiter; None where nothing reaches it

    @property
    def filters(self) -> list[str]:
        """As ffmpeg's filters, on stereo."""
        gain = [f"volume={self.gain_db:.2f}dB"] if self.gain_db else []
        if self.ceiling_db is None:
            return gain
        limit = f"alimiter=limit={10 ** (self.ceiling_db / 20):.4f}:attack=5:release=50:level=disabled:latency=1"
        return [*gain, f"aresample={TRUE_PEAK_RATE}", limit]


def settle_level(own: Loudness, measure: Callable[[Level], Loudness], preset: SoundPreset) -> Level:
    """What brings a sound to the preset's loudness. `measure` tells its loudness after a level was set.

    A limiter takes some loudness away, so what it leaves is measured again and made up for.
    """
    level = choose_level(own, preset)
    for _ in range(MOST_ROUNDS if level.ceiling_db is not None else 0):
        limited = measure(level).lufs
        if limited is None or preset.loudness_lufs - limited < FINE_DB or level.gain_db >= MOST_GAIN_DB:
            break
        level = made_up(level, preset.loudness_lufs - limited)
    return level


def choose_level(own: Loudness, preset: SoundPreset) -> Level:
    """The gain to the preset's loudness, with a limiter if a peak would pass the preset's."""
    ceiling = preset.true_peak_db - CODEC_DB
    gain = 0.0 if own.lufs is None else min(preset.loudness_lufs - own.lufs, MOST_GAIN_DB)
    clips = own.peak_db is not None and own.peak_db + gain > ceiling
    return Level(lufs=own.lufs, gain_db=round(gain, 2), ceiling_db=ceiling if clips else None)


def made_up(level: Level, lost_db: float) -> Level:
    """The level with what its limiter took away given back."""
    return replace(level, gain_db=round(level.gain_db + min(lost_db, MOST_MAKEUP_DB), 2))


def read_loudness(said: str) -> Loudness:
    """The loudness in the summary that `ebur128` ends with."""
    lufs, peak = last_number(INTEGRATED, said), last_number(PEAK, said)
    return Loudness(lufs=None if lufs is None or lufs < SILENCE_LUFS else lufs, peak_db=peak)


def last_number(pattern: "re.Pattern[str]", said: str) -> float | None:
    """The last match's number, None for infinity."""
    written = pattern.findall(said)
    return float(written[-1]) if written and written[-1] not in ("-inf", "nan") else None
