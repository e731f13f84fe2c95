"""What a run of faults makes of a fault that fails itself, of skips, and of frontends that nobody answers."""

import random
from argparse import Namespace
from contextlib import contextmanager
from itertools import count

import pytest

from jobs.errors import LedgerUnavailable
from scripts.faulting import __main__ as faults
from scripts.faulting import frontend as frontends
from scripts.faulting.figures import figures
from scripts.faulting.frontend import DONE, Frontend, Load
from scripts.faulting.model import INVARIANTS, Fault, NotHereError, Tally
from scripts.faulting.runner import happen

KEPT = Tally(fault="a", group="steps", acknowledged=3)
SKIPPED = Tally(fault="b", group="steps", skipped="no root")
BROKEN = Tally(fault="c", group="steps", lost=1)
STOCK = Tally(fault="everything once more", group=INVARIANTS)


class Lab:
    """A lab in which nothing runs."""

    begun = False

    @contextmanager
    def under_load(self, _photos, _clips):
        yield

    def staff(self):
        self.begun = True


def missing_at_once(_lab):
    raise NotHereError("no root")


def missing_half_way(lab):
    lab.staff()
    raise NotHereError("no route")


def out_of_hand(lab):
    lab.staff()
    raise ConnectionResetError("of the harness's own")


def fault(run):
    return Fault(name="a fault", group="steps", run=run)


def test_a_fault_that_is_not_to_be_had_here_is_skipped_with_its_reason():
    assert happen(fault(missing_at_once), Lab()) == ("no root", [])


def test_a_fault_that_is_given_up_once_there_were_workers_is_a_finding():
    assert happen(fault(missing_half_way), Lab()) == ("", ["given up half-way: no route"])


def test_what_the_harness_slips_on_is_a_finding_and_ends_no_run():
    assert happen(fault(out_of_hand), Lab()) == ("", ["ConnectionResetError: of the harness's own"])


@pytest.mark.parametrize(
    ("tallies", "allow_skips", "status"),
    [
        ([KEPT], False, 0),
        ([KEPT, SKIPPED], False, 1),
        ([KEPT, SKIPPED], True, 0),
        ([SKIPPED], True, 1),
        ([], True, 1),
        ([KEPT, BROKEN], True, 1),
    ],
)
def test_the_exit_status_is_0_only_if_something_was_tried_and_every_promise_kept(tallies, allow_skips, status):
    assert faults.status([*tallies, STOCK], allow_skips=allow_skips) == status


def test_what_was_skipped_is_told_with_its_reason_at_the_end(capsys):
    faults.report([KEPT, SKIPPED, STOCK], Namespace(json=None, seed=1, allow_skips=True))

    assert capsys.readouterr().out.splitlines()[-1] == "SKIPPED b: no root"


def test_a_loss_that_every_later_look_sees_again_is_counted_once():
    stock = Tally(fault="everything once more", group=INVARIANTS, lost=1)

    assert figures([BROKEN, KEPT, stock, stock])["lost"] == 1
    assert figures([KEPT, stock])["lost"] == 1


def test_orphans_are_those_that_a_sweep_has_left():
    left = Tally(fault="a", group="steps", orphans=4)
    stock = Tally(fault="everything once more", group=INVARIANTS, orphans=1, swept=3)

    assert figures([left])["orphans"] == 4
    assert (figures([left, stock])["orphans"], figures([left, stock])["orphans_swept"]) == (1, 3)


@pytest.mark.parametrize("names", [["typo"], ["kill after put", "typo"]])
def test_a_name_that_no_fault_has_is_an_error_beside_whatever_others(names):
    with pytest.raises(SystemExit) as left:
        faults.main(["--only", *names])

    assert left.value.code == 2


@pytest.mark.parametrize("words", [["--media", "nowhere"], ["--media", "empty"], ["--json", "nowhere/figures.json"]])
def test_what_cannot_be_judged_or_kept_is_an_error_before_anything_runs(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()

    with pytest.raises(SystemExit) as left:
        faults.main(words)

    assert left.value.code == 2
    assert repr(words[1]) in capsys.readouterr().err


class Silent:
    """A client whose ledger never answers."""

    def upload(self, *_):
        return "o/7/a"

    def submit(self, *_, **__):
        raise LedgerUnavailable("no answer")


class Mistaken(Silent):
    """One that fails in a way that nobody thought of."""

    def submit(self, *_, **__):
        raise KeyError("key")


def load_on(client):
    frontend = Frontend(client, count())
    load = Load(frontend, random.Random(1), photos=1, clips=0)
    load.go.set()
    load.start()
    load.join()
    return frontend


def test_a_submit_that_is_never_answered_is_a_mishap(monkeypatch):
    monkeypatch.setattr(frontends, "PATIENCE_SECONDS", 0.0)

    never, ended = load_on(Silent()).mishaps

    assert "was not answered" in never
    assert "LedgerUnavailable" in ended


def test_whatever_ends_a_load_early_is_a_mishap():
    assert load_on(Mistaken()).mishaps == ["the load ended early: KeyError: 'key'"]


def test_a_submit_of_the_faults_own_that_is_never_answered_is_a_mishap_too(monkeypatch):
    monkeypatch.setattr(frontends, "PATIENCE_SECONDS", 0.0)
    frontend = Frontend(Silent(), count())

    with pytest.raises(LedgerUnavailable):
        frontend.submit("o/7/a", DONE)

    assert len(frontend.mishaps) == 1
