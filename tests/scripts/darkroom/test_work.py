"""How many workers of which kind the command line asks for, and what it ends with if none could begin."""

import pytest
from click.testing import CliRunner

from scripts.darkroom.app import App
from scripts.darkroom.main import darkroom
from workers.exits import UNABLE


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What a command asks a head or a supervisor for; no server is needed."""
    told: list[list[str]] = []
    monkeypatch.setattr("scripts.darkroom.work.App.export_settings", lambda app: None)
    for process in ("head", "supervisor"):
        monkeypatch.setattr(f"scripts.darkroom.work.{process}.main", lambda words: told.append(words) or 0)

    def ask(*words):
        result = CliRunner().invoke(darkroom, ["--dir", str(tmp_path), *words])
        assert result.exit_code == 0, result.output
        return told.pop()

    return ask


def test_a_pool_has_as_many_workers_of_each_kind_as_it_is_asked_for(asked):
    assert asked("pool", "--photo", "3", "--clip", "2") == ["--photo", "3", "--clip", "2"]
    assert asked("pool", "--photo", "0", "--clip", "0") == ["--photo", "0", "--clip", "0"]
    assert asked("pool") == ["--photo", "1", "--clip", "1"]


def test_a_worker_is_for_photos_unless_it_is_asked_to_be_for_clips(asked):
    assert asked("worker") == ["--function", "photo"]
    assert asked("worker", "--function", "clip") == ["--function", "clip"]


@pytest.mark.parametrize("process", ["worker", "pool", "sweep", "relay", "janitor"])
def test_a_process_that_cannot_begin_for_a_setting_says_so_to_whoever_would_restart_it(process, tmp_path):
    app = App(directory=tmp_path, environ={"DARKROOM_SANDBOX": "maybe"})

    result = CliRunner().invoke(darkroom.commands[process], [], obj=app)

    assert result.exit_code == UNABLE
    assert "DARKROOM_SANDBOX must be allowed or required, not 'maybe'" in result.output


@pytest.mark.parametrize(
    ("words", "started"),
    [
        ((), {"photo": 4, "clip": 1}),
        (("--clip", "0"), {"photo": 4, "clip": 0}),
        (("--workers", "0"), None),
        (("--workers", "0", "--clip", "2"), {"photo": 0, "clip": 2}),
    ],
)
def test_up_starts_a_clip_worker_beside_photo_workers_unless_told_otherwise(monkeypatch, tmp_path, words, started):
    calls = []

    class Stack:
        pool = type("Pool", (), {"running": False, "start": lambda self, **counts: calls.append(counts)})()
        open = classmethod(lambda cls, directory: cls())

        def up(self):
            pass

    monkeypatch.setattr("scripts.darkroom.local.Stack", Stack)
    monkeypatch.setattr("scripts.darkroom.local.look", lambda app: None)
    monkeypatch.setattr("scripts.darkroom.local.print_overview", lambda overview, as_json: None)
    words = words if "--workers" in words else ("--workers", "4", *words)

    result = CliRunner().invoke(darkroom, ["--dir", str(tmp_path), "up", *words])

    assert result.exit_code == 0, result.output
    assert calls == ([started] if started else [])
