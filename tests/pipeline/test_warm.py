"""A warm process compiles nothing any more, and keeps to its one core."""

import importlib
import pkgutil
import subprocess
import sys

import cv2
from numba.core.dispatcher import Dispatcher

import filters
from filters.recipe import canonical, parse_recipe
from filters.recipe.fields import ADJUSTMENTS, RECIPE
from pipeline.warm import EVERY_KERNEL, warm


def kernels() -> dict[str, Dispatcher]:
    """Everything in `filters` that numba compiles, but for what it only writes into other kernels."""
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(filters.__path__, "filters.")]
    compiled = {f"{m.__name__}.{name}": value for m in modules for name, value in vars(m).items()}
    return {
        name: kernel
        for name, kernel in compiled.items()
        if isinstance(kernel, Dispatcher) and kernel.targetoptions.get("inline") != "always"
    }


def test_every_kernel_has_its_types_and_compiles_on_import_alone():
    assert {"filters.resample._reduce", "filters.matrix_curve._convert", "filters.flatten.flatten_on_white"} <= set(
        kernels()
    )
    for name, kernel in kernels().items():
        assert kernel.signatures, name
        assert not kernel._can_compile, name  # other types raise instead


def test_no_tool_is_left_cold():
    used = canonical(parse_recipe(EVERY_KERNEL))

    assert set(used) == set(RECIPE.members) - {"cut"}  # which leaves a frame as it is
    assert set(used["adjustments"]) == set(ADJUSTMENTS.members)


def test_warming_up_loads_every_kernel():
    warmed = "import sys; from pipeline.warm import warm; warm(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", warmed], check=True, capture_output=True, text=True).stdout.split()

    assert {name.rpartition(".")[0] for name in kernels()} <= set(loaded)


def test_a_warm_process_has_one_thread_a_library():
    warm()

    assert cv2.getNumThreads() == 1
