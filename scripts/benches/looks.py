"""Looks, side by side: how near they are to what somebody else rendered, and what they cost.

Fidelity: each look on each photo of an oracle through the kernels that workers run, beside the untouched photo and
beside pilgram, by CIEDE2000. Cost: CPU milliseconds of the look alone at 1080 x 1350 with one thread, ours beside
pilgram and beside the same look in plain NumPy; each in a process of its own that is asked in turn, round after round,
twice each time, of which the second counts (see `photo`). And the standard photo job with a look over the same job
without one, each pair one after the other in one process.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, geometric_mean, median

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table

from filters.compile import compile_recipe
from filters.recipe import BUILT_IN_LOOKS, Adjustments, LookChoice, Recipe, TiltShift, Tint
from scripts.benches import install
from scripts.benches.contender import Contender
from scripts.benches.oracle import Difference, Sample, differences, read_oracle, summary
from scripts.benches.progress import followed
from scripts.sample import sample_photo
from workers.child import TUNING

ROUNDS = 5
WARM_UP = 1
COMPILATIONS = 3
SIZE = 1080, 1350  # width and height of the picture that is timed
JOB_ROUNDS = 15
JOB_LOOKS = ("clarendon", "sutro", "perpetua")  # with little, with a deep vignette, with a gradient
WHOLE_TRAY = Adjustments(
    lux=30,
    structure=30,
    brightness=20,
    contrast=20,
    warmth=20,
    saturation=20,
    tint_shadows=Tint(colour="blue"),
    tint_highlights=Tint(colour="yellow"),
    fade=20,
    highlights=20,
    shadows=20,
    vignette=30,
    tilt_shift=TiltShift(),
    sharpen=30,
)
TABLE_WIDTH = 100  # characters
OURS, PILGRAM, PILGRAM2, NUMPY, UNTOUCHED = "ours", "pilgram", "pilgram2", "NumPy float32", "untouched"


@dataclass(kw_only=True)
class Result:
    """What was measured of one contender, by look."""

    fidelity: dict[str, Difference] = field(default_factory=dict)
    cpu_ms: dict[str, float] = field(default_factory=dict)

    def mean(self) -> float:
        """Its mean difference over its looks."""
        return fmean(difference.mean for difference in self.fidelity.values())

    def over(self, other: "Result") -> float:
        """Its median CPU time as a multiple of another's, on the looks that both have."""
        both = self.cpu_ms.keys() & other.cpu_ms.keys()
        return median(self.cpu_ms[look] for look in both) / median(other.cpu_ms[look] for look in both)


def run(oracle: Path, inputs: Path) -> Mapping[str, float]:
    """Measure, print the tables, return the figures. A peer that cannot be had has none."""
    samples = read_oracle(oracle, BUILT_IN_LOOKS)
    if not samples:
        sys.exit(f"There is no PHOTO.jpg with a PHOTO-LOOK.jpg in {oracle}.")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        photos = sorted(inputs.glob("*.jpg")) or [_sample(Path(folder))]
        contenders = [stack.enter_context(contender) for contender in start_contenders()]
        results = {contender.name: Result() for contender in contenders}
        results[UNTOUCHED] = Result()
        judge(results, contenders, samples, Path(folder))
        measure(results, contenders, photos[0], Path(folder))
        job = stack.enter_context(_start("job", [sys.executable, "-m", "scripts.benches.peers.look_job"]))
        over_plain = over_plain_job(job, photos)
    compile_ms = {look: compilation_ms(look) for look in BUILT_IN_LOOKS}
    screen = Console(width=max(Console().width, TABLE_WIDTH))
    screen.print(fidelity_table(results), cost_table(results, compile_ms))
    return {**figures(results), "worst_compile_ms": max(compile_ms.values()), "over_plain_job": over_plain}


def start_contenders() -> list[Contender]:
    """Every contender that can be had."""
    module = "scripts.benches.peers.look_"
    commands = {OURS: [sys.executable, "-m", f"{module}ours"], NUMPY: [sys.executable, "-m", f"{module}numpy"]}
    python = install.python_peers()
    if python:
        commands |= {peer: [str(python), "-m", f"{module}pilgram", peer] for peer in (PILGRAM, PILGRAM2)}
    return [_start(name, command) for name, command in commands.items()]


def _start(name: str, command: Sequence[str]) -> Contender:
    """A contender with the environment of our renderers and one thread."""
    return Contender(name, command, {**os.environ, **TUNING})


def _sample(folder: Path) -> Path:
    """A 12-megapixel photo made by code, for want of real ones."""
    file = folder / "sample.jpg"
    file.write_bytes(sample_photo(3024, 4032))
    return file


def judge(
    results: Mapping[str, Result], contenders: Sequence[Contender], samples: Sequence[Sample], folder: Path
) -> None:
    """How far each contender's looks are from the oracle's."""
    found: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    drawn = folder / "drawn.npy"
    for number, sample in enumerate(followed(samples, "Fidelity")):
        source = folder / f"{number}.npy"  # a name of its own: contenders keep pictures by name
        np.save(source, sample.source())
        found.setdefault((UNTOUCHED, sample.look), []).append(differences(sample.source(), sample.target()))
        for contender in contenders:
            request = {"look": sample.look, "picture": str(source), "out": str(drawn)}
            if contender.ask(request)["cpu_ms"] is not None:
                distances = differences(np.load(drawn), sample.target())
                found.setdefault((contender.name, sample.look), []).append(distances)
        source.unlink()
    for (name, look), parts in found.items():
        results[name].fidelity[look] = summary(parts)


def measure(results: Mapping[str, Result], contenders: Sequence[Contender], photo: Path, folder: Path) -> None:
    """The CPU milliseconds of every look, the median of the rounds."""
    picture = folder / "picture.npy"
    with Image.open(photo) as opened:
        np.save(picture, np.asarray(ImageOps.fit(opened.convert("RGB"), SIZE, Image.Resampling.LANCZOS)))
    times: dict[tuple[str, str], list[float]] = {}
    for turn in followed(range(WARM_UP + ROUNDS), "Cost"):
        for look in BUILT_IN_LOOKS:
            for contender in contenders:
                request = {"look": look, "picture": str(picture), "out": None}
                contender.ask(request)  # warms the caches, as steady work does
                cpu_ms = contender.ask(request)["cpu_ms"]
                if turn >= WARM_UP and cpu_ms is not None:
                    times.setdefault((contender.name, look), []).append(cpu_ms)
    for (name, look), rounds in times.items():
        results[name].cpu_ms[look] = median(rounds)


def over_plain_job(job: Contender, photos: Iterable[Path]) -> float:
    """The job with a look as a multiple of the job without: the median of neighbouring pairs, averaged over all."""
    ratios = []
    for photo in photos:
        for look in JOB_LOOKS:
            requests = ({"photo": str(photo), "look": None}, {"photo": str(photo), "look": look})
            pairs = [[job.ask(request)["cpu_ms"] for request in requests] for _ in range(WARM_UP + JOB_ROUNDS)]
            ratios.append(median(edited / plain for plain, edited in pairs[WARM_UP:]))
    return geometric_mean(ratios)


def compilation_ms(look: str) -> float:
    """The CPU milliseconds from a recipe with the look and the whole edit tray to its program."""
    recipe, times = Recipe(look=LookChoice(name=look, strength=80.0), adjustments=WHOLE_TRAY), []
    for _ in range(WARM_UP + COMPILATIONS):
        compile_recipe.cache_clear()
        start = time.process_time()
        compile_recipe(recipe)
        times.append(1000 * (time.process_time() - start))
    return median(times[WARM_UP:])


def fidelity_table(results: Mapping[str, Result]) -> Table:
    """A row a look: how far off each contender is."""
    judged = [name for name in (OURS, PILGRAM, PILGRAM2, UNTOUCHED) if name in results and results[name].fidelity]
    table = _table("Fidelity: CIEDE2000 to the oracle, mean and 95th percentile", judged)
    for look in BUILT_IN_LOOKS:
        table.add_row(look, *(_difference(results[name].fidelity.get(look)) for name in judged))
    table.add_section()
    table.add_row("all", *(_difference(_whole(results[name])) for name in judged))
    return table


def cost_table(results: Mapping[str, Result], compile_ms: Mapping[str, float]) -> Table:
    """A row a look: what each contender takes for it."""
    timed = [name for name in (OURS, PILGRAM, PILGRAM2, NUMPY) if name in results]
    columns = {**{name: results[name].cpu_ms for name in timed}, "our compiling": compile_ms}
    table = _table("Cost: CPU milliseconds at 1080 x 1350, one thread", columns)
    for look in BUILT_IN_LOOKS:
        table.add_row(look, *(f"{times[look]:.2f}" if look in times else "" for times in columns.values()))
    table.add_section()
    table.add_row("median", *(f"{median(times.values()):.2f}" for times in columns.values()))
    return table


def _table(title: str, headings: Iterable[str]) -> Table:
    table = Table(title=title)
    table.add_column("look", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _difference(difference: Difference | None) -> str:
    return f"{difference.mean:.2f} {difference.p95:5.2f}" if difference else ""


def _whole(result: Result) -> Difference:
    return Difference(mean=result.mean(), p95=fmean(difference.p95 for difference in result.fidelity.values()))


def figures(results: Mapping[str, Result]) -> dict[str, float]:
    """The figures of a run by name."""
    ours = results[OURS]
    found = {
        "mean_de2000": ours.mean(),
        "worst_de2000": max(difference.mean for difference in ours.fidelity.values()),
        "p95_de2000": _whole(ours).p95,
        "untouched_de2000": results[UNTOUCHED].mean(),
        "median_ms": median(ours.cpu_ms.values()),
        "worst_ms": max(ours.cpu_ms.values()),
        "over_numpy_median": results[NUMPY].over(ours),
    }
    peers = [peer for peer in (PILGRAM, PILGRAM2) if peer in results]
    found |= {f"{peer}_de2000": results[peer].mean() for peer in peers if results[peer].fidelity}
    return found | {f"over_{peer}_median": results[peer].over(ours) for peer in peers}
