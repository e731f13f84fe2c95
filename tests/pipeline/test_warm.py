"""A warm process compiles nothing any more, and keeps to its one core."""

import cv2
from numba.core.dispatcher import Dispatcher

from filters import matrix_curve, resample
from pipeline.warm import warm


def test_every_kernel_that_python_calls_has_its_types_and_compiles_on_import_alone():
    for kernel in (resample._reduce, matrix_curve._convert):
        assert isinstance(kernel, Dispatcher)
        assert kernel.signatures
        assert not kernel._can_compile  # other types raise instead


def test_a_warm_process_has_one_thread_a_library():
    warm()

    assert cv2.getNumThreads() == 1
