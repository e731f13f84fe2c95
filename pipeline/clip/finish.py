"""From what a run of ffmpeg left in the job's folder to results under names made of their content."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from config.presets import ClipLadder, PreviewPreset, StripPreset
from pipeline.clip.boxes import erase_leftovers
from pipeline.clip.cmaf import read_cmaf
from pipeline.clip.encoders import STRIP_FILE
from pipeline.clip.model import ClipFile
from pipeline.clip.outputs import keep, keep_bytes
from pipeline.clip.plan import Batch, Rung, Span, Sprites, count_frames, plan_sprites, rung_size
from pipeline.clip.playlists import Variant, master_playlist, media_playlist
from pipeline.clip.strip import make_strip, strip_track
from pipeline.scratch import OUT
from pipeline.services import Rendered

MP4, HLS, JPEG, VTT = "video/mp4", "application/vnd.apple.mpegurl", "image/jpeg", "text/vtt"
PLAYLIST = "m3u8"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a batch came to, and what the master playlist is to say of it."""

    files: tuple[ClipFile, ...]
    rungs: tuple[Rung, ...]
    variants: tuple[Variant, ...]


def finish_batch(folder: Path, batch: Batch, span: Span, rate: Fraction, ladder: ClipLadder) -> Made:
    """Take what the run left in `folder` into its `out`: rungs with their playlists, preview, strip."""
    files: list[ClipFile] = []
    variants: list[Variant] = []
    for rung in batch.rungs:
        kept, variant = finish_rung(folder, rung)
        files += kept
        variants.append(variant)
    if batch.preview:
        files.append(finish_preview(folder, batch.rungs[0], ladder.preview))
    if batch.strip and ladder.strip:
        largest, frames = batch.rungs[0], count_frames(span, rate)
        sprites = plan_sprites(largest.width, largest.height, frames, rate, ladder.strip)
        files += finish_strip(folder, sprites, span, ladder.strip)
    return Made(files=tuple(files), rungs=batch.rungs, variants=tuple(variants))


def finish_rung(folder: Path, rung: Rung) -> tuple[list[ClipFile], Variant]:
    """A rung and its playlist."""
    erase_leftovers(folder / rung.file)
    cmaf = read_cmaf(folder / rung.file)
    file = keep(folder / rung.file, folder / OUT)
    playlist = keep_bytes(media_playlist(cmaf, file).encode(), PLAYLIST, folder / OUT)
    name = rung.preset.name
    files = [stated(name, file, rung, MP4), stated(f"{name}.{PLAYLIST}", playlist, rung, HLS)]
    return files, Variant(playlist=playlist, cmaf=cmaf)


def stated(name: str, file: str, rung: Rung, content_type: str) -> ClipFile:
    """A file of a rung's size."""
    return ClipFile(name=name, file=file, width=rung.width, height=rung.height, content_type=content_type)


def finish_preview(folder: Path, largest: Rung, preset: PreviewPreset) -> ClipFile:
    """The muted beginning."""
    file = folder / f"{preset.name}.mp4"
    erase_leftovers(file)
    width, height = rung_size(largest.width, largest.height, preset.short_side)
    kept = keep(file, folder / OUT)
    return ClipFile(name=preset.name, file=kept, width=width, height=height, content_type=MP4)


def finish_strip(folder: Path, sprites: Sprites, span: Span, preset: StripPreset) -> list[ClipFile]:
    """The sheet of small pictures and its track."""
    raw = folder / STRIP_FILE
    pixels = np.fromfile(raw, np.uint8).reshape(-1, sprites.height, sprites.width, 3)
    raw.unlink()
    sheet = make_strip(pixels, preset)
    file = keep_bytes(sheet.data, sheet.extension, folder / OUT)
    track = strip_track(file, pixels, preset, seconds_apart=sprites.seconds_apart, seconds=span.seconds)
    kept = keep_bytes(track.encode(), "vtt", folder / OUT)
    return [
        ClipFile(name=preset.name, file=file, width=sheet.width, height=sheet.height, content_type=JPEG),
        ClipFile(name=f"{preset.name}.vtt", file=kept, width=sheet.width, height=sheet.height, content_type=VTT),
    ]


def finish_clip(made: Sequence[Made], out: Path) -> tuple[ClipFile, ...]:
    """All that was made so far, with the master playlist of its rungs in front."""
    variants = [variant for batch in made for variant in batch.variants]
    largest = max((rung for batch in made for rung in batch.rungs), key=lambda rung: rung.width * rung.height)
    master = keep_bytes(master_playlist(variants).encode(), PLAYLIST, out)
    return (stated("master", master, largest, HLS), *(file for batch in made for file in batch.files))


def keep_stills(stills: Rendered, out: Path) -> tuple[ClipFile, ...]:
    """The poster's renditions."""
    return tuple(
        ClipFile(
            name=image.name,
            file=keep_bytes(image.data, image.extension, out),
            width=image.width,
            height=image.height,
            content_type=image.content_type,
        )
        for image in stills.images
    )
