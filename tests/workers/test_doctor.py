import re
import resource
import shutil
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config import Settings
from jobs.migrate import Step
from workers import doctor
from workers.doctor import Verdict
from workers.sandbox import GRANTED, NAMES
from workers.stack import programs

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
GIB = 1 << 30
SETUP = Path(__file__).resolve().parents[2] / "setup.cfg"


@pytest.fixture
def closed_port():
    with socket.socket() as bound:  # bound but not listening: connections are refused, and nobody else takes it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def verdicts(findings) -> dict[str, Verdict]:
    return {finding.name: finding.verdict for finding in findings}


def test_every_dependency_of_the_application_is_checked():
    section = re.search(r"^install_requires =\n((?:    .*\n)+)", SETUP.read_text(), re.MULTILINE)[1]

    assert set(doctor.MODULES) == set(re.findall(r"^    ([\w-]+)", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (doctor.python((3, 10, 14)), FAIL),
        (doctor.python((3, 11, 0)), OK),
        (doctor.python((4, 0, 0)), OK),
        (doctor.open_files(256), WARN),
        (doctor.open_files(1024), OK),
        (doctor.open_files(resource.RLIM_INFINITY), OK),
        (doctor.disk(100 << 20), FAIL),
        (doctor.disk(2 * GIB), WARN),
        (doctor.disk(50 * GIB), OK),
        (doctor.memory(300 << 20), FAIL),
        (doctor.memory(800 << 20), WARN),
        (doctor.memory(2 * GIB), OK),
        (doctor.clock(0.3), OK),
        (doctor.clock(-60), WARN),
        (doctor.package("click", {}), OK),
        (doctor.package("click", {"click": "0.1"}), WARN),
        (doctor.memory_files(), OK),
    ],
)
def test_each_measure_is_judged_by_its_limits(finding, verdict):
    assert finding.verdict is verdict


def test_a_bad_finding_always_has_a_remedy_and_a_good_one_never():
    findings = doctor.check_all(None)

    assert len(findings) > 20
    assert all((finding.remedy is None) == (finding.verdict is OK) for finding in findings)


def test_a_dependency_in_another_version_is_told_with_both():
    finding = doctor.package("click", {"click": "0.1"})

    assert finding.found.endswith("tested with 0.1")


def test_a_dependency_that_cannot_be_imported_fails(monkeypatch):
    monkeypatch.setitem(doctor.MODULES, "click", "no_such_module")

    finding = doctor.package("click", {})

    assert finding.verdict is FAIL
    assert "no_such_module" in finding.found


def test_a_missing_program_is_no_failure_but_says_what_to_install(monkeypatch):
    monkeypatch.setitem(programs.INSTALL, "no-such-program", "apt-get install something")

    finding = doctor.program("no-such-program")

    assert (finding.verdict, finding.remedy) == (WARN, "apt-get install something")


def test_an_ffmpeg_that_lacks_what_clips_take_is_told_with_what_it_lacks(monkeypatch, tmp_path):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' V....D libx264  H.264'\n")
    program.chmod(0o755)
    monkeypatch.setattr(programs, "find", lambda _: program)

    finding = doctor.ffmpeg("encoders", {"libx264", "aac", "av1"})

    assert (finding.verdict, finding.found) == (WARN, "lacks aac, av1")


def test_without_ffmpeg_photos_are_still_made(monkeypatch):
    monkeypatch.setattr(programs, "SEARCH_PATH", "/nonexistent")
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)

    assert doctor.ffmpeg("filters", {"scale"}).verdict is WARN


def test_scratch_space_is_judged_by_what_is_to_stay_free_of_it(tmp_path):
    free_bytes = shutil.disk_usage(tmp_path).free

    assert doctor.scratch(tmp_path / "scratch", free_bytes * 2).verdict is FAIL
    assert doctor.scratch(tmp_path / "scratch", max(1, free_bytes - GIB)).verdict is WARN
    assert not (tmp_path / "scratch").exists()


def test_scratch_space_where_others_may_write_fails(tmp_path):
    tmp_path.chmod(0o777)

    assert "DARKROOM_SCRATCH_DIR" in doctor.scratch(tmp_path, 1).found


def test_without_settings_the_machine_is_checked_and_the_missing_settings_are_told():
    found = verdicts(doctor.check_all(None))

    assert found["settings"] is FAIL
    assert "postgresql" not in found


def test_each_part_of_the_sandbox_is_tried_and_told(whole_sandbox):
    found = {finding.name: finding for finding in doctor.sandbox()}

    assert list(found) == [f"sandbox: {name}" for name in NAMES]
    assert all(finding.verdict is OK for finding in found.values()), found


def test_a_part_that_is_lacking_is_a_warning_with_the_kernels_word_and_a_remedy(monkeypatch):
    granted = dict.fromkeys(NAMES, GRANTED) | {"users": "No space left on device"}
    monkeypatch.setattr(doctor, "tried_sandbox", lambda: (granted, ""))

    (bad,) = [finding for finding in doctor.sandbox() if finding.verdict is not OK]

    assert (bad.name, bad.verdict, bad.found) == ("sandbox: users", WARN, "lacking: No space left on device")
    assert "user.max_user_namespaces" in bad.remedy


def test_a_part_that_is_lacking_where_all_are_required_fails(monkeypatch):
    granted = dict.fromkeys(NAMES, GRANTED) | {"users": "No space left on device"}
    monkeypatch.setattr(doctor, "tried_sandbox", lambda: (granted, ""))
    monkeypatch.setattr(doctor, "servers", lambda settings: [])
    settings = Settings(database_url="", gearman_servers=(), s3_bucket="", sandbox="required")

    found = {finding.name: finding for finding in doctor.check_all(settings)}

    assert found["sandbox: users"].verdict is FAIL
    assert "No worker starts without it" in found["sandbox: users"].remedy
    assert found["sandbox: calls"].verdict is OK


def test_a_sandbox_that_takes_for_ever_to_be_tried_is_told(monkeypatch, tmp_path):
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nexec sleep 600\n")
    endless.chmod(0o755)
    monkeypatch.setattr(doctor.sys, "executable", str(endless))
    monkeypatch.setattr(doctor, "TRIAL_SECONDS", 0.5)

    (bad, *_) = doctor.sandbox()

    assert (bad.verdict, bad.found) == (WARN, "lacking: could not be tried: no answer within 0.5 s")


def test_a_sandbox_that_cannot_be_tried_is_told_with_the_reason(monkeypatch):
    monkeypatch.setattr(doctor.sys, "executable", "/bin/false")

    assert {finding.verdict for finding in doctor.sandbox()} == {WARN}


@pytest.mark.server
def test_a_whole_stack_is_found_well(stack):
    stack.up()

    assert set(verdicts(doctor.servers(stack.settings)).values()) == {OK}


@pytest.mark.server
def test_what_does_not_answer_fails_and_the_rest_is_still_checked(stack, closed_port):
    stack.up()
    nowhere = f"127.0.0.1:{closed_port}"
    settings = replace(stack.settings, gearman_servers=(nowhere, *stack.settings.gearman_servers))

    found = verdicts(doctor.servers(settings))

    assert found.pop(f"gearman {nowhere}") is FAIL
    assert set(found.values()) == {OK}


@pytest.mark.server
def test_an_unreachable_database_is_one_failure_that_hides_the_password(stack, closed_port):
    url = f"postgresql://darkroom:hidden@127.0.0.1:{closed_port}/darkroom"

    findings = list(doctor.servers(replace(stack.settings, database_url=url)))

    bad = [finding for finding in findings if finding.verdict is not OK]
    assert [finding.name for finding in bad] == ["postgresql"]
    assert "hidden" not in bad[0].found


@pytest.mark.parametrize(
    "url", ["postgresql://darkroom:hidden@pool:6432/darkroom", "host=pool port=6432 user=darkroom password=hidden"]
)
def test_a_database_is_named_by_host_and_port_alone_however_its_address_is_written(url):
    settings = Settings(database_url=url, gearman_servers=(), s3_bucket="media")

    assert doctor.host(settings) == "pool:6432"


def test_pending_migrations_are_named():
    steps = [
        Step(name="0001_a.sql", sha256="", applied_at=datetime.now(UTC)),
        Step(name="0002_b.sql", sha256="", applied_at=None),
    ]

    finding = doctor.migrations(steps)

    assert (finding.verdict, finding.found) == (FAIL, "pending: 0002_b.sql")
    assert doctor.migrations(steps[:1]).verdict is OK


@pytest.mark.server
def test_a_bucket_that_is_not_there_fails_with_what_to_do(stack):
    findings = doctor.servers(replace(stack.settings, s3_bucket="nobodys"))

    bad = [finding for finding in findings if finding.verdict is not OK]
    assert [finding.name for finding in bad] == ["bucket nobodys"]
    assert "create the bucket" in bad[0].found


def test_a_mistyped_setting_is_told_with_the_name_that_may_have_been_meant():
    known = {
        "DARKROOM_LEASE_SECONDS": "15",
        "DARKROOM_LIMIT_PIXELS": "7",
        "DARKROOM_DIR": "/x",
        "DARKROOM_FAILPOINTS": "",
    }
    assert list(doctor.strange_settings(known | {"HOME": "/"})) == []

    (near,) = doctor.strange_settings(known | {"DARKROOM_LIMIT_PIXLES": "7"})
    (far,) = doctor.strange_settings({"DARKROOM_QQQQQQQQQQQQQQQQQ": "7"})

    assert (near.name, near.verdict) == ("DARKROOM_LIMIT_PIXLES", WARN)
    assert near.remedy == "Perhaps DARKROOM_LIMIT_PIXELS was meant."
    assert (far.verdict, "README" in far.remedy) == (WARN, True)


def test_the_doctor_looks_for_mistyped_settings():
    assert verdicts(doctor.check_all(None, {"DARKROOM_SANDBOXX": "required"}))["DARKROOM_SANDBOXX"] is WARN
