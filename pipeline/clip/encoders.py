"""ffmpeg's arguments for the files of a clip: the encoders, and how what they write is laid down. Pure."""

from collections.abc import Sequence
from fractions import Fraction

from config.presets import ClipLadder, ClipPreset, PreviewPreset
from pipeline.clip.plan import Rung

NAMELESS = ("-map_metadata", "-1", "-map_chapters", "-1")
# Frames out of order begin two late, and an edit list says so: with it, flash and beep are together to a millisecond;
# a player that ignored all edit lists would be 45 ms off. `negative_cts_offsets` would do without the pictures' list,
# but ffmpeg 5.1 then writes fragments that are 67 ms off wherever they are played.
FRAGMENTS = "+frag_keyframe+delay_moov+default_base_moof+global_sidx"
STRIP_FILE = "strip.rgb"


def rung_outputs(rungs: Sequence[Rung], ladder: ClipLadder, rate: Fraction, *, with_sound: bool) -> list[str]:
    """Every rung encoded once, the sound once for all of them, each laid down as fragments at its keyframes."""
    maps = [option for place in range(len(rungs)) for option in ("-map", f"[v{place}]")]
    aac = ["-map", "[a]", "-c:a", "aac", "-b:a", f"{ladder.sound.kbps}k", "-flags:a", "+bitexact+global_header"]
    group = max(1, round(ladder.segment_seconds * rate))
    encoders = [option for place, rung in enumerate(rungs) for option in encoder_options(rung.preset, place, group)]
    slaves = "|".join(slave(rung, place, with_sound=with_sound) for place, rung in enumerate(rungs))
    return [
        *maps,
        *(aac if with_sound else ()),
        *encoders,
        *NAMELESS,
        "-max_muxing_queue_size",
        "1024",
        "-f",
        "tee",
        slaves,
    ]


def slave(rung: Rung, place: int, *, with_sound: bool) -> str:
    """One file of a run: its pictures and the sound."""
    streams = f"v:{place},a" if with_sound else f"v:{place}"
    return f"[f=mp4:select=\\'{streams}\\':fflags=+bitexact:movflags={FRAGMENTS}]{rung.file}"


def encoder_options(preset: ClipPreset, place: int, group: int) -> list[str]:
    """The options of one encoder, the one of video stream `place`. `group` is the frames between two keyframes."""
    own = {"h264": x264_options, "hevc": x265_options, "av1": svt_av1_options}[preset.codec](preset, group)
    common = {
        "crf": str(preset.quality),
        "preset": preset.speed,
        "maxrate": f"{preset.kbps}k",
        "bufsize": f"{2 * preset.kbps}k",
        "g": str(group),
        "flags": "+bitexact+global_header+cgop",
        **TAGS,
    }
    return [text for name, value in {**own, **common}.items() for text in (f"-{name}:v:{place}", value)]


TAGS = {
    "pix_fmt": "yuv420p",
    "color_range": "tv",
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
}


def x264_options(preset: ClipPreset, group: int) -> dict[str, str]:  # noqa: ARG001
    """What H.264 needs beyond the common, and no captions of the original between its pictures.

    Motion is sought along a diamond instead of a hexagon, which took 4% of the encoder's time away, 0.07 VMAF, and no
    bytes; and it is refined to a quarter of a pixel by one step instead of two, which took 18% to 30% away. Of seven
    clips as phones and films have them the latter made 4% more bytes in the mean (8% at most) at an equal VMAF.
    """
    own = {
        "c": "libx264",
        "threads": "1",
        "profile": "high",
        "keyint_min": str(group),
        "sc_threshold": "0",
        "a53cc": "0",
    }
    return {**own, "motion-est": "dia", "subq": "1"}


def x265_options(preset: ClipPreset, group: int) -> dict[str, str]:  # noqa: ARG001
    """What HEVC needs beyond the common: the tag without which Apple's players refuse it, and no line about itself."""
    own = f"keyint={group}:min-keyint={group}:scenecut=0:open-gop=0:pools=none:frame-threads=1:info=0:log-level=error"
    return {"c": "libx265", "tag": "hvc1", "x265-params": own}


def svt_av1_options(preset: ClipPreset, group: int) -> dict[str, str]:  # noqa: ARG001
    """What AV1 needs beyond the common."""
    return {"c": "libsvtav1", "svtav1-params": "lp=1:scd=0"}


def preview_output(preset: PreviewPreset, rate: Fraction) -> list[str]:
    """The muted beginning as a plain MP4."""
    plain = ClipPreset(name=preset.name, short_side=preset.short_side, kbps=preset.kbps, quality=preset.quality)
    group = max(1, round(min(rate, Fraction(preset.frames_per_second)) * Fraction(preset.seconds)))
    mp4 = ["-movflags", "+faststart", "-fflags", "+bitexact", "-f", "mp4", f"{preset.name}.mp4"]
    return ["-map", "[preview]", "-an", *encoder_options(plain, 0, group), *NAMELESS, *mp4]


def strip_output() -> list[str]:
    """The sprites as they are; ffmpeg would repeat each until the next."""
    return ["-map", "[strip]", "-fps_mode", "passthrough", "-f", "rawvideo", STRIP_FILE]
