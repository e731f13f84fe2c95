"""What a frontend pays for `from jobs import Client`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LATE = ("numpy", "numba", "cv2", "PIL", "boto3", "botocore", "psycopg2", "gearman")
MAKE_A_CLIENT = """
import sys
from config import Settings
from jobs import Client
Client(Settings(database_url="postgresql://127.0.0.1:1/x", gearman_servers=("127.0.0.1:1",), s3_bucket="x"))
print(*sys.modules)
"""


def modules_after(script: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("script", ["import sys, jobs; print(*sys.modules)", MAKE_A_CLIENT])
def test_a_client_loads_no_image_library_and_no_servers_library(script):
    assert modules_after(script).isdisjoint(LATE)


def test_of_the_filters_a_client_loads_the_recipe_alone():
    loaded = modules_after("import sys, jobs; print(*sys.modules)")

    assert {name.split(".")[1] for name in loaded if name.startswith("filters.")} == {"recipe"}


def test_the_workers_loop_loads_no_image_library():
    loaded = modules_after("import sys, jobs.gearman, jobs.postgres, jobs.originals; print(*sys.modules)")

    assert loaded.isdisjoint({"numpy", "cv2", "PIL", "boto3"})
    assert "gearman" in loaded
