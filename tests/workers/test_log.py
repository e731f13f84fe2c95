"""Log lines."""

import json
import logging

from workers.log import JsonLines, Log


def lines(caplog):
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


def test_an_event_is_one_json_object_with_its_facts_beside_it(caplog):
    caplog.set_level(logging.INFO)

    Log("head").info("job.done", job_id=7, seconds=0.25, reason="two\nlines")

    (line,) = lines(caplog)
    assert (line["level"], line["event"], line["job_id"], line["seconds"]) == ("info", "job.done", 7, 0.25)
    assert line["from"].startswith("workers.head:")
    assert "\n" not in JsonLines().format(caplog.records[0])


def test_what_json_does_not_know_is_written_as_text(caplog):
    Log("head").warning("odd", path={1, 2}, data=b"\xff")

    assert lines(caplog)[0]["data"] == "b'\\xff'"


def test_other_libraries_messages_look_the_same(caplog):
    logging.getLogger("somebody").warning("took %d s", 5)

    assert lines(caplog)[0]["event"] == "took 5 s"
