"""The contenders of the looks' bench: the plain NumPy look is the same look, and the loop answers as it says."""

import io
import json
import sys

import numpy as np
import pytest

from filters.recipe import BUILT_IN_LOOKS
from scripts.benches.peers import look_numpy, look_ours
from scripts.benches.peers.serve_looks import serve_looks

PIXELS = np.random.default_rng(8).integers(0, 256, (45, 36, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
def test_plain_numpy_draws_what_the_kernels_draw(name):
    error = np.abs(look_numpy.find(name)(PIXELS).astype(int) - look_ours.find(name)(PIXELS))

    assert error.max() <= 2
    assert error.mean() < 0.3


def test_a_look_is_drawn_and_kept_and_one_that_is_unknown_is_null(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "in.npy", PIXELS)
    requests = [{"look": look, "picture": f"{tmp_path}/in.npy", "out": f"{tmp_path}/out.npy"} for look in ("no", "yes")]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(map(json.dumps, requests))))

    serve_looks({"yes": lambda pixels: 255 - pixels}.get, np.asarray, np.asarray)

    unknown, drawn = map(json.loads, capsys.readouterr().out.splitlines())
    assert unknown == {"cpu_ms": None}
    assert drawn["cpu_ms"] >= 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), 255 - PIXELS)
