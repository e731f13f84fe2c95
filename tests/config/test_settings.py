"""What settings are taken, and how a wrong one is refused."""

from pathlib import Path

import pytest

from config import MisconfiguredError, Settings

NO_FILE = Path("/nowhere/darkroom.env")
GIVEN = {
    "DARKROOM_DATABASE_URL": "postgresql://darkroom:hidden@127.0.0.1:6432/darkroom",
    "DARKROOM_GEARMAN_SERVERS": "127.0.0.1:4730",
    "DARKROOM_S3_BUCKET": "media",
}


def load(**changes: str) -> Settings:
    return Settings.load({**GIVEN, **{f"DARKROOM_{name}": text for name, text in changes.items()}}, NO_FILE)


def test_a_setting_is_read_as_its_type():
    settings = load(GEARMAN_SERVERS="one:4730, two:4731", LEASE_SECONDS="2.5", HANDS_JOBS="7", LIMIT_PIXELS="99")

    assert settings.gearman_servers == ("one:4730", "two:4731")
    assert (settings.lease_seconds, settings.hands_jobs, settings.limits.pixels) == (2.5, 7, 99)


def test_the_environment_goes_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = tmp_path / "darkroom.env"
    in_file = GIVEN | {"DARKROOM_LEASE_SECONDS": "7", "DARKROOM_DRAIN_SECONDS": "8"}
    file.write_text("# local\n" + "".join(f"{name}={value}\n" for name, value in in_file.items()))

    settings = Settings.load({"DARKROOM_LEASE_SECONDS": "9"}, file)

    assert (settings.s3_bucket, settings.lease_seconds, settings.drain_seconds) == ("media", 9.0, 8.0)
    assert settings.hands_jobs == Settings.hands_jobs


def test_everything_that_is_missing_is_named():
    with pytest.raises(MisconfiguredError, match="DARKROOM_DATABASE_URL, DARKROOM_S3_BUCKET not set"):
        Settings.load({"DARKROOM_GEARMAN_SERVERS": "127.0.0.1:4730"}, NO_FILE)


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "-1", "0", "1e999"])
@pytest.mark.parametrize("name", ["LEASE_SECONDS", "DRAIN_SECONDS", "CONNECT_TIMEOUT_SECONDS"])
def test_a_time_is_a_number_above_0(name, text):
    with pytest.raises(MisconfiguredError, match=f"DARKROOM_{name} must be a number above 0, not '{text}'"):
        load(**{name: text})


@pytest.mark.parametrize("text", ["2.5", "nan", "-1", "0", "50 MB"])
@pytest.mark.parametrize("name", ["HANDS_JOBS", "LIMIT_PHOTO_BYTES"])
def test_a_count_is_a_whole_number_above_0(name, text):
    with pytest.raises(MisconfiguredError, match=f"DARKROOM_{name} must be a whole number above 0, not '{text}'"):
        load(**{name: text})


@pytest.mark.parametrize("text", ["127.0.0.1:abc", "127.0.0.1", ":4730", "one:4730,two", "one:0", "one:65536", ","])
def test_a_job_server_is_a_host_and_a_port(text):
    with pytest.raises(MisconfiguredError, match="DARKROOM_GEARMAN_SERVERS must be host:port"):
        load(GEARMAN_SERVERS=text)


@pytest.mark.parametrize(
    "text", ["postgresql://u:p@h:6432/db", "postgres:///db", "host=h password=p dbname=db", "postgresql://h1:1,h2:2/db"]
)
def test_a_database_is_named_in_either_of_postgresqls_ways(text):
    assert load(DATABASE_URL=text).database_url == text


@pytest.mark.parametrize("text", ["postgres//u:hidden@h/db", "postgresql://u:hidden@h:port/db", "hidden"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATIONS_URL"])
def test_a_mistyped_database_is_refused_without_its_password(name, text):
    with pytest.raises(MisconfiguredError, match=f"DARKROOM_{name} must be postgresql://") as refusal:
        load(**{name: text})

    assert "hidden" not in str(refusal.value)
    assert refusal.value.__cause__ is refusal.value.__context__ is None


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    garbled = tmp_path / "darkroom.env"
    garbled.write_bytes(b"\xff\xfe")

    for file in (garbled, Path("/proc/self/mem")):  # the kernel refuses to read this one, even to root
        with pytest.raises(MisconfiguredError, match=f"{file} cannot be read"):
            Settings.load({}, file)


def test_printed_settings_hold_no_secret():
    settings = load(MIGRATIONS_URL="postgresql://o:hidden@h/db", S3_SECRET_KEY="hidden", EVENTS_SECRET="hidden")

    assert "hidden" not in repr(settings)


def test_the_sandbox_is_allowed_to_be_less_unless_it_is_required():
    assert load().sandbox == "allowed"
    assert load(SANDBOX="required").sandbox == "required"


def test_a_sandbox_of_any_other_kind_is_refused():
    with pytest.raises(MisconfiguredError, match="DARKROOM_SANDBOX must be allowed or required, not 'off'"):
        load(SANDBOX="off")
