"""The process that libFuzzer runs in: `python -m scripts.fuzzing.loop TARGET [libFuzzer's options] [FOLDER or FILE …]`.

With files it reads these and ends: so a finding is seen again.
"""

import sys

import atheris

with atheris.instrument_imports(include=["config", "filters", "jobs", "pipeline", "workers"]):
    from scripts.fuzzing.targets import TARGETS


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    program, name, *options = arguments
    atheris.Setup([program, *options], TARGETS[name].read)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
