"""How `scripts/run` stands beside another of the same folder."""

import threading

from rich.console import Console

from scripts import first_run


def test_a_second_run_in_a_folder_waits_for_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(first_run, "LOCAL_STACK", tmp_path / "var" / "darkroom.env")
    order = []

    def run(name, begun, may_end):
        with first_run.alone(Console(quiet=True)):
            order.append(f"{name} begins")
            begun.set()
            may_end.wait()
            order.append(f"{name} ends")

    events = [threading.Event() for _ in range(3)]
    runs = [
        threading.Thread(target=run, args=(name, begun, events[2])) for name, begun in zip("ab", events, strict=False)
    ]
    runs[0].start()
    events[0].wait()
    runs[1].start()

    assert not events[1].wait(0.5)
    events[2].set()
    for thread in runs:
        thread.join()
    assert order == ["a begins", "a ends", "b begins", "b ends"]
