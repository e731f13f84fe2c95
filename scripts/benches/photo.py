"""The standard photo job, side by side: ours, the floor under it, Pillow, pyvips and sharp.

A 12-megapixel phone photo to 1080, 640, 320 and a 150 square, JPEG quality 82 without metadata. Every contender is a
process of its own, limited to one thread, that is asked in turn, round after round, so that what else the machine does
hits all alike; what counts is the CPU time of the whole process, its median, and the ratio of medians. Each is asked
twice in its turn and the second counts: a busy worker's caches are warm, not full of its rivals' pictures.
"""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, geometric_mean, median

from PIL import Image
from rich.console import Console
from rich.table import Table

from config import LADDERS
from pipeline.encode import encode
from scripts.benches import install
from scripts.benches.contender import Contender
from scripts.benches.reference import reduce, upright_srgb
from workers.child import TUNING

ROUNDS = 9
WARM_UP = 2
PEERS = install.LOCKS
SCORED = ("w1080", "w640")
OURS, FLOOR, CEILING = "ours", "floor: half decode, encode", "ceiling: float64, encode"
RIVALS = {
    "sharp, clone() as shown": "over_sharp_documented",
    "sharp, hand-tuned": "over_sharp_tuned",
    "pyvips": "over_pyvips",
    "Pillow, as most write it": "over_pillow",
    "Pillow, draft and chain": "over_pillow_draft",
}


@dataclass(kw_only=True)
class Result:
    """What was measured of a contender: by photo, and at most over all of them."""

    cpu_ms: dict[str, list[float]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    peak_rss_mb: float = 0.0

    def over(self, other: "Result") -> float:
        """Its CPU time as a multiple of another's: ratios of medians, averaged over the photos."""
        return geometric_mean(median(self.cpu_ms[photo]) / median(other.cpu_ms[photo]) for photo in self.cpu_ms)


def run(inputs: Path) -> Mapping[str, float]:
    """Measure on the JPEGs of a folder, print the table, return the figures. A missing peer has none."""
    photos = sorted(inputs.glob("*.jpg"))
    if not photos:
        sys.exit(f"There is no .jpg in {inputs}.")
    python, node = install.python_peers(), install.node_modules()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        contenders = [stack.enter_context(contender) for contender in start_contenders(python, node)]
        results = measure(contenders, photos, Path(folder))
        if python:
            results[CEILING] = Result()
            draw_references(photos, Path(folder))
            with Contender("score", [str(python), "-m", "scripts.benches.peers.score"], os.environ) as judge:
                score(judge, results, photos, Path(folder))
    Console().print(tabulate(results, photos))
    return figures(results)


def start_contenders(python: Path | None, node: Path | None) -> list[Contender]:
    """Every contender that can be had, all with the environment of our renderers and one thread."""
    environment = {**os.environ, **TUNING, "VIPS_CONCURRENCY": "1"}
    ours = [sys.executable, "-m", "scripts.benches.peers.ours"]
    pillow = [sys.executable, "-m", "scripts.benches.peers.pillow"]
    commands = {
        OURS: [*ours, "ours"],
        FLOOR: [*ours, "floor"],
        "Pillow, as most write it": [*pillow, "usual"],
        "Pillow, draft and chain": [*pillow, "draft"],
    }
    if python:
        commands["pyvips"] = [str(python), "-m", "scripts.benches.peers.vips"]
    if node:
        sharp = ["node", str(PEERS / "sharp.mjs")]
        commands["sharp, clone() as shown"] = [*sharp, "documented", str(node)]
        commands["sharp, hand-tuned"] = [*sharp, "tuned", str(node)]
    return [Contender(name, command, environment) for name, command in commands.items()]


def measure(contenders: Sequence[Contender], photos: Sequence[Path], folder: Path) -> dict[str, Result]:
    """Round after round, each photo by each contender in turn; the first round's renditions stay in the folder."""
    results = {contender.name: Result() for contender in contenders}
    for turn in range(WARM_UP + ROUNDS):
        for photo in photos:
            for contender in contenders:
                out = kept(folder, contender.name, photo) if turn == 0 else None
                contender.ask({"photo": str(photo), "out": out and str(out)})  # warms the caches, as steady work does
                answer = contender.ask({"photo": str(photo), "out": None})
                result = results[contender.name]
                result.peak_rss_mb = answer["peak_rss_mb"]
                result.bytes[photo.name] = answer["bytes"]
                if turn >= WARM_UP:
                    result.cpu_ms.setdefault(photo.name, []).append(answer["cpu_ms"])
    return results


def kept(folder: Path, contender: str, photo: Path) -> Path:
    """Where a contender's renditions of a photo lie."""
    out = folder / contender / photo.stem
    out.mkdir(parents=True, exist_ok=True)
    return out


def draw_references(photos: Sequence[Path], folder: Path) -> None:
    """The best possible pictures, as they are and through our encoder."""
    presets = {preset.name: preset for preset in LADDERS["standard"]}
    for photo in photos:
        pixels = upright_srgb(photo.read_bytes())
        for name in SCORED:
            picture = reduce(pixels, presets[name].width)
            Image.fromarray(picture).save(kept(folder, "reference", photo) / f"{name}.png")
            encoded = encode(picture, presets[name])
            (kept(folder, CEILING, photo) / f"{name}.jpg").write_bytes(encoded.data)


def score(judge: Contender, results: Mapping[str, Result], photos: Sequence[Path], folder: Path) -> None:
    """Compare each contender's pictures with the best possible."""
    for contender, result in results.items():
        if contender == FLOOR:
            continue
        for name in SCORED:
            pairs = [
                {
                    "reference": str(kept(folder, "reference", photo) / f"{name}.png"),
                    "picture": str(kept(folder, contender, photo) / f"{name}.jpg"),
                }
                for photo in photos
            ]
            result.scores[name] = [judge.ask(pair)["score"] for pair in pairs]


def tabulate(results: Mapping[str, Result], photos: Sequence[Path]) -> Table:
    """A row a contender: CPU of each photo, bytes, quality, memory."""
    table = Table(title="The standard photo job: median CPU milliseconds, bytes, SSIMULACRA 2 of two sizes, memory")
    table.add_column("", no_wrap=True)
    for photo in photos:
        table.add_column(f"{photo.stem} ms", justify="right")
    for heading in ("KB", *SCORED, "peak MB"):
        table.add_column(heading, justify="right")
    for name, result in results.items():
        timings = [f"{median(result.cpu_ms[photo.name]):.1f}" if result.cpu_ms else "" for photo in photos]
        size = f"{fmean(result.bytes.values()) / 1000:.0f}" if result.bytes else ""
        scores = [f"{fmean(result.scores[scored]):.1f}" if result.scores else "" for scored in SCORED]
        table.add_row(name, *timings, size, *scores, f"{result.peak_rss_mb:.0f}" if result.peak_rss_mb else "")
    return table


def figures(results: Mapping[str, Result]) -> dict[str, float]:
    """The figures of a run by name."""
    ours = results[OURS]
    rivals = {FLOOR: "over_floor", **RIVALS}
    over = {figure: ours.over(results[name]) for name, figure in rivals.items() if name in results}
    return {**over, "peak_rss_mb": ours.peak_rss_mb}
