"""The standard clip job, side by side: ours, the floors under it, and how others make clips with ffmpeg.

A phone's clip to everything that is stored of it: three rungs with their playlists, poster, preview, strip. Every
contender is a process of its own that is asked in turn, round after round, so that what else the machine does hits all
alike. What counts is the CPU time of the process and all that it runs; a ratio is the median of the rounds' ratios.
Floors are what cannot be left out: F1 decodes once and encodes the largest rung, F3 all rungs and the sound. Rivals
only do what they do, which is less than ours: fewer outputs, no playlists, no loudness, no checks.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, geometric_mean, median

from rich.console import Console
from rich.table import Table

from scripts.benches import install
from scripts.benches.contender import Contender
from scripts.benches.memory import watched
from scripts.benches.peers.clip_ffmpeg import LADDER, probe
from scripts.benches.progress import followed
from scripts.benches.vmaf import score
from scripts.sample import sample_clip
from workers.child import environment

ROUNDS = 5
RIVAL_ROUNDS = 3
LOOK, MASKED_LOOK = "clarendon", "sutro"  # one that is the same everywhere, and one with a vignette
SUFFIXES = frozenset((".mov", ".mp4", ".m4v", ".mkv", ".webm", ".avi", ".3gp", ".ts"))
RUNGS = tuple(rung.name for rung in LADDER.rungs)
TABLE_WIDTH, CLIP_WIDTH = 104, 15  # characters, and those of each clip's column
MIB = 1 << 20
OURS, WITH_LOOK, WITH_MASKED_LOOK = "ours", f"ours, {LOOK}", f"ours, {MASKED_LOOK}"
FLOOR_ONE, FLOOR_THREE = "floor F1: decode, one encode", "floor F3: decode, three, AAC"
RIVALS = {
    "an ffmpeg call each": "over_call_each",
    "Mastodon's options": "over_mastodon",
    "Immich's options": "over_immich",
    "moviepy": "over_moviepy",
}


@dataclass(kw_only=True)
class Result:
    """What was measured of a contender: by clip, by rung, and at most over all of them."""

    seconds: dict[str, list[float]] = field(default_factory=dict)  # of CPU, a round each
    own_seconds: dict[str, list[float]] = field(default_factory=dict)  # of them, what the programs it runs had not
    sizes: dict[str, list[int]] = field(default_factory=dict)  # bytes of each rung, a clip each
    scores: dict[str, list[float]] = field(default_factory=dict)  # VMAF of each rung, a clip each
    peak_rss_mb: float = 0.0  # of its largest process
    peak_tree_mb: float = 0.0  # of all its processes together

    def over(self, other: "Result") -> float:
        """Its CPU time as a multiple of another's: the median of the rounds that both had, averaged over the clips."""
        return geometric_mean(
            median(mine / theirs for mine, theirs in zip(self.seconds[clip], other.seconds[clip], strict=False))
            for clip in self.seconds
        )

    def own_share(self) -> float:
        """What it spends itself over what the programs that it runs spend."""
        own = sum(sum(rounds) for rounds in self.own_seconds.values())
        return own / (sum(sum(rounds) for rounds in self.seconds.values()) - own)


def run(inputs: Sequence[Path], rounds: int, rivals: int) -> Mapping[str, float]:
    """Measure on clips, print the table, return the figures. A missing peer has none.

    `rounds` is how often each is asked; rivals, on which no bar depends, `rivals` times at most.
    """
    python = install.clip_peers()
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
        clips = find_clips(inputs) or [make_clip(Path(folder))]
        wanted = {name: command for name, command in commands(python).items() if rivals or name not in RIVALS}
        contenders = [stack.enter_context(Contender(name, *how)) for name, how in wanted.items()]
        results = measure(contenders, clips, rounds, rivals, Path(folder))
        if python:
            judge(python, results, clips, Path(folder))
    screen = Console()
    screen.width = max(screen.width, TABLE_WIDTH + CLIP_WIDTH * len(clips))
    screen.print(tabulate(results, clips))
    return figures(results)


def find_clips(inputs: Sequence[Path]) -> list[Path]:
    """The clips that are named, and those of the folders that are named."""
    found = [sorted(path.iterdir()) if path.is_dir() else [path] for path in inputs]
    return [file for files in found for file in files if file.suffix.lower() in SUFFIXES]


def make_clip(folder: Path) -> Path:
    """A clip made by code, for want of a real one."""
    file = folder / "sample.mp4"
    sample_clip(file)
    return file


def commands(python: Path | None) -> dict[str, tuple[Sequence[str], Mapping[str, str]]]:
    """How each contender that can be had is started, and in which environment: ours in that of our renderers."""
    ours = [sys.executable, "-m", "scripts.benches.peers.clip_ours"]
    others = [sys.executable, "-m", "scripts.benches.peers.clip_ffmpeg"]
    found: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
        FLOOR_ONE: ([*others, "floor_one"], os.environ),
        OURS: (ours, environment()),
        FLOOR_THREE: ([*others, "floor_three"], os.environ),
        WITH_LOOK: ([*ours, LOOK], environment()),
        WITH_MASKED_LOOK: ([*ours, MASKED_LOOK], environment()),
        "an ffmpeg call each": ([*others, "call_each"], os.environ),
        "Mastodon's options": ([*others, "mastodon"], os.environ),
        "Immich's options": ([*others, "immich"], os.environ),
    }
    if python:
        # With the ffmpeg that moviepy brings along it takes a turned clip for a wide one; this one is everybody's here.
        settings = {**os.environ, "FFMPEG_BINARY": "/usr/bin/ffmpeg"}
        found["moviepy"] = [str(python), "-m", "scripts.benches.peers.clip_moviepy"], settings
    return found


def measure(
    contenders: Sequence[Contender], clips: Sequence[Path], rounds: int, rivals: int, folder: Path
) -> dict[str, Result]:
    """Round after round, each clip by each contender in turn; the first round's results stay in the folder."""
    results = {contender.name: Result() for contender in contenders}
    turns = [
        (turn, clip, contender)
        for turn in range(rounds)
        for clip in clips
        for contender in contenders
        if turn < rivals or contender.name not in RIVALS
    ]
    for turn, clip, contender in followed(turns, "Making clips"):
        with room(folder, contender.name, clip, kept=turn == 0) as out, watched(contender.pid) as peak:
            answer = contender.ask({"clip": str(clip), "out": str(out)})
        result = results[contender.name]
        result.seconds.setdefault(clip.name, []).append(answer["own_seconds"] + answer["run_seconds"])
        result.own_seconds.setdefault(clip.name, []).append(answer["own_seconds"])
        result.peak_rss_mb = max(result.peak_rss_mb, peak.one / MIB)
        result.peak_tree_mb = max(result.peak_tree_mb, peak.all / MIB)
        if turn == 0:
            keep(result, answer["made"], out)
    return results


@contextmanager
def room(folder: Path, contender: str, clip: Path, *, kept: bool) -> Iterator[Path]:
    """An empty folder for a contender's results of a clip, which stays if they are to be kept."""
    if kept:
        out = folder / contender / clip.name
        out.mkdir(parents=True)
        yield out
    else:
        with tempfile.TemporaryDirectory(dir=folder) as passing:
            yield Path(passing)


def keep(result: Result, made: Mapping[str, str], out: Path) -> None:
    """Note the sizes of a contender's rungs, and have each under its own name in the folder."""
    for rung in RUNGS:
        if rung in made:
            file = Path(made[rung])
            result.sizes.setdefault(rung, []).append(file.stat().st_size)
            (out / f"scored-{rung}").symlink_to(file)


def judge(python: Path, results: Mapping[str, Result], clips: Sequence[Path], folder: Path) -> None:
    """Compare each contender's rungs with the source. The floors' are what a call each makes too."""
    ask = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"  # Debian's ffmpeg has no libvmaf
    program = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    files = [
        (name, rung, clip, folder / name / clip.name / f"scored-{rung}")
        for name in (OURS, *(rival for rival in RIVALS if rival in results))
        for rung in RUNGS
        for clip in clips
    ]
    for name, rung, clip, file in followed([entry for entry in files if entry[-1].exists()], "Judging rungs"):
        source = probe(clip)
        rate = min(source.frames_per_second, LADDER.frames_per_second)
        found = score(program, clip, file, (source.width, source.height), rate)
        results[name].scores.setdefault(rung, []).append(found)


def tabulate(results: Mapping[str, Result], clips: Sequence[Path]) -> Table:
    """A row a contender: CPU of each clip and over the floor, Python's part of it, each rung, memory."""
    title = "The standard clip job: median CPU seconds; KB and VMAF of each rung; MB of the largest process, of all"
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for heading in (*(f"{clip.stem[-10:]} s" for clip in clips), "x F3", "Python s", *RUNGS, "MB", "all"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, result in results.items():
        timings = [f"{median(result.seconds[clip.name]):.1f}" for clip in clips]
        own = fmean(median(rounds) for rounds in result.own_seconds.values())
        over = f"{result.over(results[FLOOR_THREE]):.2f}"
        rungs = [_rung(result, rung) for rung in RUNGS]
        table.add_row(
            name, *timings, over, f"{own:.2f}", *rungs, f"{result.peak_rss_mb:.0f}", f"{result.peak_tree_mb:.0f}"
        )
    return table


def _rung(result: Result, rung: str) -> str:
    size = f"{fmean(result.sizes[rung]) / 1000:.0f}" if rung in result.sizes else ""
    return f"{size} {fmean(result.scores[rung]):5.1f}" if rung in result.scores else f"{size}      "


def figures(results: Mapping[str, Result]) -> dict[str, float]:
    """The figures of a run by name."""
    ours = results[OURS]
    found = {
        "over_f1": ours.over(results[FLOOR_ONE]),
        "over_f3": ours.over(results[FLOOR_THREE]),
        "python_over_ffmpeg": ours.own_share(),
        "with_look_over_plain": results[WITH_LOOK].over(ours),
        "with_masked_look_over_plain": results[WITH_MASKED_LOOK].over(ours),
        "peak_rss_mb": ours.peak_rss_mb,
        "peak_tree_mb": ours.peak_tree_mb,
        "peak_tree_with_look_mb": max(results[WITH_LOOK].peak_tree_mb, results[WITH_MASKED_LOOK].peak_tree_mb),
        "cpu_seconds": fmean(median(rounds) for rounds in ours.seconds.values()),
    }
    found |= {figure: ours.over(results[name]) for name, figure in RIVALS.items() if name in results}
    found |= {f"vmaf_{rung.removesuffix('p')}": fmean(ours.scores[rung]) for rung in RUNGS if rung in ours.scores}
    return found | {f"kb_{rung.removesuffix('p')}": fmean(ours.sizes[rung]) / 1000 for rung in ours.sizes}
