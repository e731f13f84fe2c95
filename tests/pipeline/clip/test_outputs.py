"""A result is named after its content, so that a playlist can name what it plays before anything is stored."""

import subprocess

from pipeline.clip.outputs import content_name, keep, keep_bytes


def sha256sum(file):
    """What coreutils say of the file."""
    return subprocess.run(["sha256sum", file], capture_output=True, check=True, text=True).stdout.split()[0]


def test_a_file_is_named_after_its_content(tmp_path):
    file = tmp_path / "480p.mp4"
    file.write_bytes(bytes(range(256)) * 9000)

    assert content_name(file) == f"{sha256sum(file)[:32]}.mp4"


def test_what_is_kept_is_moved_and_nothing_of_it_stays_behind(tmp_path):
    file, out = tmp_path / "x.m3u8", tmp_path / "out"
    file.write_text("#EXTM3U\n")
    out.mkdir()

    name = keep(file, out)

    assert not file.exists()
    assert (out / name).read_text() == "#EXTM3U\n"
    assert content_name(out / name) == name


def test_bytes_are_kept_under_the_name_that_their_file_has(tmp_path):
    name = keep_bytes(b"WEBVTT\n", "vtt", tmp_path)

    assert name == content_name(tmp_path / name)
