"""The `darkroom` command against real servers and workers, as a person or a program uses it."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from jobs.errors import StoreUnavailable
from jobs.s3 import connect_s3
from scripts.darkroom.main import darkroom
from scripts.sample import sample_photo

pytestmark = pytest.mark.server


@pytest.fixture
def run(staffed_stack):
    """Run a command on a stack with workers; returns its result."""
    return lambda *words: CliRunner().invoke(darkroom, ["--dir", str(staffed_stack.directory), *map(str, words)])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photo that no other test submits."""
    return write_photo(tmp_path / "photo.jpg", seed=zlib.crc32(tmp_path.name.encode()))


def write_photo(file: Path, *, seed: int) -> Path:
    """The sample, its size and so its bytes made different by `seed`."""
    pixels = sample_photo(height=20 + seed % 50, width=30 + seed // 50 % 50, orientation=6)
    file.write_bytes(pixels + str(seed).encode())
    return file


def read(result: Result) -> object:
    """What a successful command with --json printed."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_photo_is_submitted_waited_for_and_shown(run, photo):
    (submitted,) = read(run("submit", photo, "--owner", 7, "--wait", "--json"))

    shown = read(run("media", "show", submitted["media"]["media_id"], "--json"))

    assert submitted["job"]["state"] == "done"
    assert shown["media"]["state"] == "ready"
    assert [r["name"] for r in shown["media"]["renditions"]] == list(shown["urls"])


def test_ids_are_strings_in_json_because_they_exceed_what_a_double_can_count(run, photo):
    (submitted,) = read(run("submit", photo, "--owner", 7, "--json"))

    assert isinstance(submitted["job"]["job_id"], str)
    assert int(submitted["job"]["job_id"]) > 2**53


@pytest.mark.parametrize(("words", "says"), [(("--photo", "--clip"), "exclude each other"), (("--key", ""), "empty")])
def test_options_that_make_no_sense_are_refused_before_anything_is_stored(run, photo, words, says):
    refused = run("submit", photo, "--owner", 7, *words)

    assert refused.exit_code == 2
    assert says in refused.stderr


def test_who_submits_a_cancelled_file_again_is_told_how_to_run_it(photo, stack):
    def asked(*words):
        return CliRunner().invoke(darkroom, ["--dir", str(stack.directory), *map(str, words)])

    (submitted,) = read(asked("submit", photo, "--owner", 7, "--json"))
    asked("job", "cancel", submitted["job"]["job_id"])

    again = asked("submit", photo, "--owner", 7)
    fetched = asked("media", "fetch", submitted["job"]["media_id"])

    assert f"darkroom job retry {submitted['job']['job_id']}" in again.output
    assert fetched.exit_code == 1
    assert "no renditions" in fetched.stderr


def test_the_same_file_again_is_the_same_job(run, photo):
    first, again = (read(run("submit", photo, "--owner", 7, "--json")) for _ in range(2))

    assert first[0]["job"]["job_id"] == again[0]["job"]["job_id"]


def test_a_key_makes_a_job_of_its_own(run, photo):
    plain = read(run("submit", photo, "--owner", 7, "--json"))
    keyed = read(run("submit", photo, "--owner", 7, "--key", f"{photo}-second", "--json"))

    assert plain[0]["job"]["job_id"] != keyed[0]["job"]["job_id"]


def test_a_folder_is_searched_through(run, tmp_path):
    for number in range(3):
        (tmp_path / f"day{number}").mkdir()
        write_photo(tmp_path / f"day{number}" / "photo.jpg", seed=1000 + number)

    submitted = read(run("submit", tmp_path, "--owner", 8, "--wait", "--json"))

    assert [result["job"]["state"] for result in submitted] == ["done"] * 3


def test_an_object_on_s3_is_submitted_where_it_lies(run, staffed_stack, photo):
    settings = staffed_stack.settings
    connect_s3(settings).put_object(Bucket=settings.s3_bucket, Key="import/photo.jpg", Body=photo.read_bytes())

    (submitted,) = read(run("submit", f"s3://{settings.s3_bucket}/import/photo.jpg", "--owner", 7, "--wait", "--json"))

    assert submitted["job"]["state"] == "done"


def test_a_corrupt_photo_is_rejected_at_once_with_its_reason(run, tmp_path):
    file = tmp_path / "broken.jpg"
    file.write_bytes(sample_photo(60, 80)[:1500] + tmp_path.name.encode())

    result = run("submit", file, "--owner", 7, "--wait", "--json")
    (submitted,) = json.loads(result.stdout)

    assert result.exit_code == 1
    assert submitted["job"]["state"] == "rejected"
    assert submitted["job"]["code"] == "corrupt_media"
    assert submitted["job"]["attempts"] == 1
    assert run("submit", file, "--owner", 7).exit_code == 1  # the same job, which has ended


def test_a_wrong_path_says_where_it_was_looked_for(run, tmp_path):
    result = run("submit", tmp_path / "nothing.jpg", "--owner", 7)

    assert result.exit_code == 2
    assert "There is no file or folder" in result.output


def test_an_empty_file_is_refused_and_the_others_go_on(run, photo, tmp_path):
    (tmp_path / "empty.jpg").touch()

    result = run("submit", tmp_path / "empty.jpg", photo, "--owner", 7, "--json")
    refused, accepted = json.loads(result.stdout)

    assert result.exit_code == 1
    assert refused["error"].startswith("empty_file")
    assert accepted["job"] is not None


def test_one_file_that_cannot_be_handed_over_does_not_hide_what_became_of_the_others(
    run, photo, staffed_stack, monkeypatch
):
    def store(client, source, owner, key, function):
        if "second" in source:
            raise StoreUnavailable("the object store does not answer")
        return client.upload(owner, Path(source), key, function)

    monkeypatch.setattr("scripts.darkroom.submit.store", store)
    second = write_photo(photo.with_name("second [draft].jpg"), seed=2)

    result = run("submit", photo, second, "--owner", 7)

    assert result.exit_code == 3
    assert f"{photo}  job" in result.stdout
    assert "second [draft].jpg" in result.stdout


def test_a_job_is_listed_by_state_and_age_and_shown_with_its_attempts(run, photo):
    (submitted,) = read(run("submit", photo, "--owner", 7, "--wait", "--json"))
    job_id = submitted["job"]["job_id"]

    listed = read(run("job", "list", "--state", "done", "--since", "10m", "--json"))
    shown = read(run("job", "show", job_id, "--json"))

    assert job_id in [job["job_id"] for job in listed]
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["done"]
    assert shown["attempts"][0]["timings"]["decode_wall_ms"] > 0


def test_a_rejected_job_can_be_retried_and_ends_the_same(run, tmp_path):
    file = tmp_path / "text.jpg"
    file.write_text(f"not a photo {tmp_path.name}")
    (submitted,) = json.loads(run("submit", file, "--owner", 7, "--wait", "--json").stdout)
    job_id = submitted["job"]["job_id"]

    retried = run("job", "retry", job_id)
    waited = run("job", "wait", job_id, "--json")

    assert retried.exit_code == 0
    assert waited.exit_code == 1
    assert json.loads(waited.stdout)[0]["attempts"] == 2


def test_a_done_job_stays_done_when_it_is_cancelled(run, photo):
    (submitted,) = read(run("submit", photo, "--owner", 7, "--wait", "--json"))

    assert read(run("job", "cancel", submitted["job"]["job_id"], "--json"))["state"] == "done"


def test_an_unknown_job_has_an_exit_code_of_its_own(run):
    result = run("job", "show", 1)

    assert result.exit_code == 4
    assert "there is no job 1" in result.output


def test_renditions_are_fetched_into_a_folder(run, photo, tmp_path):
    (submitted,) = read(run("submit", photo, "--owner", 7, "--wait", "--json"))

    result = run("media", "fetch", submitted["media"]["media_id"], "-o", tmp_path / "out")

    assert result.exit_code == 0
    sizes = sorted(file.stat().st_size for file in (tmp_path / "out").iterdir())
    assert sizes == sorted(rendition["bytes"] for rendition in submitted["media"]["renditions"])


def test_a_media_is_made_anew_and_an_earlier_generation_published_again(run, photo):
    (submitted,) = read(run("submit", photo, "--owner", 7, "--wait", "--json"))
    media_id = submitted["media"]["media_id"]
    read(run("job", "wait", read(run("media", "reprocess", media_id, "--json"))["job_id"], "--json"))

    rolled = read(run("media", "rollback", media_id, "--to", 1, "--json"))
    history = read(run("media", "history", media_id, "--json"))

    assert rolled["generation"] == 3
    assert [record["generation"] for record in history] == [1, 2, 3]
    assert history[0]["renditions"] == history[2]["renditions"]


def test_a_photo_is_submitted_with_a_look_edited_again_made_anew_and_brought_back(run, photo):
    options = ("--look", "clarendon", "--strength", 80, "--edit", "warmth=20")
    (submitted,) = read(run("submit", photo, "--owner", 7, *options, "--wait", "--json"))
    media_id = submitted["media"]["media_id"]
    recipe = {"look": {"name": "clarendon", "strength": 80}, "adjustments": {"warmth": 20}}

    for words in (("edit", media_id, "--look", "juno"), ("reprocess", media_id)):
        read(run("job", "wait", read(run("media", *words, "--json"))["job_id"], "--json"))
    rolled = read(run("media", "rollback", media_id, "--to", 1, "--json"))
    history = read(run("media", "history", media_id, "--json"))

    juno = {"look": {"name": "juno"}}
    assert submitted["job"]["recipe"] == submitted["media"]["recipe"] == rolled["recipe"] == recipe
    assert [record["recipe"] for record in history] == [recipe, juno, juno, recipe]
    assert json.dumps(recipe["look"]) in run("media", "show", media_id).stdout
    assert run("media", "history", media_id).stdout.count("juno") == 2


def test_the_same_photo_with_another_recipe_is_another_job_on_the_same_original(run, photo):
    looks = ((), ("--look", "aden"), ("--look", "aden"), ("--look", "juno"))
    jobs = [read(run("submit", photo, "--owner", 7, *look, "--wait", "--json"))[0] for look in looks]

    assert len({result["job"]["job_id"] for result in jobs}) == 3
    assert len({result["media"]["source_key"] for result in jobs}) == 1


def test_an_unknown_look_is_refused_before_the_photo_is_stored(run, photo, monkeypatch):
    monkeypatch.setattr("scripts.darkroom.submit.store", None)

    result = run("submit", photo, "--owner", 7, "--look", "clarendn")

    assert result.exit_code == 4
    assert "did you mean clarendon" in result.output


def test_status_shows_every_server_the_queue_and_the_workers(run):
    overview = read(run("status", "--json"))

    assert {server["name"] for server in overview["servers"]} == {"gearmand", "postgres", "pgbouncer", "seaweedfs"}
    assert all(server["healthy"] and server["version"] for server in overview["servers"])
    assert overview["job_servers"][0]["queues"][0]["workers"] == 2
    assert any("workers.renderer" in process["command"] for process in overview["processes"])


def test_the_schema_is_up_to_date_after_up(run):
    steps = read(run("db", "status", "--json"))

    assert steps
    assert all(step["applied_at"] for step in steps)
    assert read(run("db", "migrate", "--json")) == []


def test_up_says_that_workers_which_run_stay_as_many_as_they_are(run):
    asked, unasked = run("up", "--workers", 1), run("up")

    assert asked.exit_code == unasked.exit_code == 0
    assert "`darkroom down` first" in asked.stderr
    assert "`darkroom down` first" not in unasked.stderr


def test_one_sweep_by_hand_ends_well(staffed_stack):
    command = [sys.executable, "-c", "from scripts.darkroom.main import run; run()", "--dir", staffed_stack.directory]

    ended = subprocess.run([*command, "sweep", "--once"], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr


def test_doctor_finds_nothing_amiss_with_a_running_stack(run):
    findings = read(run("doctor", "--json"))

    assert not [finding for finding in findings if finding["verdict"] == "fail"]


def commands(group=darkroom, name="darkroom"):
    """Every command below `group`, with its full name."""
    for part, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {part}")
        else:
            yield f"{name} {part}", command


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_explains_itself(name, command):
    options = [part for part in command.params if isinstance(part, click.Option)]

    assert command.help, name
    assert [option.name for option in options if not option.help] == []


def test_without_any_servers_the_error_says_how_to_start_some(tmp_path, monkeypatch, photo_alone):
    for name in ("DATABASE_URL", "GEARMAN_SERVERS", "S3_BUCKET"):
        monkeypatch.delenv(f"DARKROOM_{name}", raising=False)

    result = CliRunner().invoke(darkroom, ["--dir", str(tmp_path), "submit", str(photo_alone), "--owner", "7"])

    assert result.exit_code == 2
    assert "darkroom up" in result.output


@pytest.fixture
def photo_alone(tmp_path: Path) -> Path:
    """A photo, without any server."""
    return write_photo(tmp_path / "photo.jpg", seed=1)
