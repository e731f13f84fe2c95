"""What a fuzzing run ends with: that nothing was found is worth something only if something was tried."""

from pathlib import Path

import pytest

from scripts.fuzzing.__main__ import Result, find_trouble, parser, status

QUIET = Result(target="ticket", runs=1000, findings=())
FOUND = Result(target="cube", runs=1000, findings=(Path("crash-1"),))
BROKEN = Result(target="recipe", runs=0, findings=(), trouble="the fuzzer tried no input")


@pytest.mark.parametrize(
    ("returncode", "runs", "new_findings", "trouble"),
    [
        (0, 1000, 0, ""),
        (77, 1000, 1, ""),
        (1, 0, 0, "the fuzzer ended with 1 and no finding"),
        (1, 1000, 0, "the fuzzer ended with 1 and no finding"),
        (0, 0, 0, "the fuzzer tried no input"),
    ],
)
def test_a_fuzzer_that_tried_nothing_or_fell_over_by_itself_is_in_trouble(returncode, runs, new_findings, trouble):
    assert find_trouble(returncode, runs, new_findings=new_findings) == trouble


@pytest.mark.parametrize(
    ("results", "code"), [([QUIET], 0), ([QUIET, FOUND], 1), ([QUIET, BROKEN], 2), ([BROKEN, FOUND], 1), ([], 2)]
)
def test_the_exit_status_is_0_only_if_every_target_was_fuzzed_without_a_finding(results, code):
    assert status(results) == code


def test_what_did_not_run_is_told(capsys):
    status([QUIET, BROKEN])

    assert capsys.readouterr().err == "recipe: the fuzzer tried no input\n"


def test_a_target_that_there_is_not_is_told_those_that_there_are(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["nope"])

    assert "'nope' is none of " in capsys.readouterr().err
