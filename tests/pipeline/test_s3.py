"""The store on S3 when the server behaves badly: a scripted one, whose replies each test writes out."""

import threading
import time
import zlib
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest

from config import Settings
from jobs.errors import Rejected, StoreUnavailable
from jobs.s3 import connect_s3
from pipeline import s3
from pipeline.openfile import PIECE_BYTES, OpenFile, opened_file, opened_folder
from pipeline.s3 import S3Store
from pipeline.services import StoredObject

PHOTO = StoredObject(key="m/1/a.jpg", data=b"pixels", content_type="image/jpeg", crc32=zlib.crc32(b"pixels"))


def checksum(data):
    return {s3.CHECKSUM: b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}


class Script:
    """A server that gives its replies in order, the last for ever, and keeps what it was sent."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.requests = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                script.requests.append((self.path, dict(self.headers), body))
                status, headers, body, claimed = script.next_reply()
                self.send_response_only(status)  # with no Date but the one that a test gives
                for name, value in {**headers, "Content-Length": str(claimed)}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.headers["Content-Length"] = "0"
                self.do_PUT()

            def do_HEAD(self):
                self.do_GET()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next_reply(self):
        status, headers, body, *claimed = self.replies[0] if len(self.replies) == 1 else self.replies.pop(0)
        return status, headers, body, claimed[0] if claimed else len(body)

    def store(self):
        settings = Settings(
            database_url="",
            gearman_servers=(),
            s3_bucket="bucket",
            s3_endpoint=f"http://127.0.0.1:{self.server.server_port}",
            s3_access_key="access",
            s3_secret_key="secret",
        )
        return S3Store(connect_s3(settings), "bucket")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_a_server_that_is_busy_is_asked_again():
    with Script((503, {}, b"slow down"), (500, {}, b""), (200, checksum(b"pixels"), b"")) as script:
        script.store().write_all([PHOTO])

        assert [body for _, _, body in script.requests] == [b"pixels"] * 3


def test_a_server_that_stays_busy_is_asked_five_times_and_its_words_are_passed_on():
    with Script((503, {}, b"slow down")) as script:
        with pytest.raises(StoreUnavailable, match=r"m/1/a\.jpg: 503: slow down"):
            script.store().write_all([PHOTO])

        assert len(script.requests) == 5


@pytest.mark.parametrize("hours", [-1, 1])
def test_who_is_refused_because_of_its_clock_signs_again_by_the_stores(hours):
    theirs = datetime.now(UTC) + timedelta(hours=hours)
    refusal = (403, {"Date": format_datetime(theirs, usegmt=True)}, b"RequestTimeTooSkewed")
    with Script(refusal, (200, checksum(b"pixels"), b"pixels")) as script:
        assert script.store().read("o/1", 100) == b"pixels"

        again, _, _ = script.requests[1]
        assert f"X-Amz-Date={theirs:%Y%m%dT%H}" in again


def absent(code):
    return 404, {}, f"<Error><Code>{code}</Code></Error>".encode()


def test_only_an_object_that_is_not_there_costs_an_upload_its_job():
    with Script(absent("NoSuchKey")) as script, pytest.raises(Rejected) as rejected:
        script.store().read("o/1", 3)

    assert rejected.value.code == "missing_original"


@pytest.mark.parametrize("code", ["NoSuchBucket", "SomethingElse"])
def test_a_bucket_that_is_not_there_is_an_outage(code):
    with Script(absent(code)) as script, pytest.raises(StoreUnavailable, match=code):
        script.store().read("o/1", 100)


@pytest.mark.parametrize(("code", "kind"), [("NoSuchKey", Rejected), ("NoSuchBucket", StoreUnavailable)])
def test_an_answer_without_words_is_asked_for_some(code, kind):
    with Script((404, {}, b""), absent(code)) as script, pytest.raises(kind):
        script.store().size("o/1")

    assert [headers.get("Range") for _, headers, _ in script.requests] == [None, "bytes=0-0"]


def test_an_object_that_has_come_meanwhile_is_asked_for_later():
    with Script((404, {}, b""), (206, {}, b"p")) as script, pytest.raises(StoreUnavailable, match="the store has it"):
        script.store().size("o/1")


def test_a_refusal_is_not_repeated():
    with Script((403, {}, b"AccessDenied")) as script:
        with pytest.raises(StoreUnavailable, match="403: AccessDenied"):
            script.store().read("o/1", 100)

        assert len(script.requests) == 1


def test_a_body_that_is_cut_short_is_fetched_again():
    with Script((200, {}, b"pix", 6), (200, checksum(b"pixels"), b"pixels")) as script:
        assert script.store().read("o/1", 100) == b"pixels"


def test_a_body_that_is_cut_short_is_fetched_into_the_file_again_from_its_start():
    with Script((200, {}, b"wrong", 6), (503, {}, b"busy"), (200, checksum(b"pix"), b"pix")) as script:
        file = BytesIO()

        assert script.store().fetch("o/1", 100, file) == 3
        assert file.getvalue() == b"pix"


def test_no_more_than_a_byte_beyond_the_limit_gets_into_the_file():
    with Script((200, {}, b"x" * 5_000_000)) as script:
        file = BytesIO()
        with pytest.raises(Rejected):
            script.store().fetch("o/1", 1_500_000, file)

        assert len(file.getvalue()) == 1_500_001


def test_a_fetched_body_that_does_not_match_its_checksum_is_unavailable():
    with Script((200, checksum(b"pixels"), b"pixel5")) as script, pytest.raises(StoreUnavailable, match="checksum"):
        script.store().fetch("o/1", 100, BytesIO())


def test_a_file_is_sent_again_from_its_start_with_its_length(tmp_path):
    file = tmp_path / "made"
    file.write_bytes(b"pixels")
    with Script((503, {}, b"busy"), (200, checksum(b"pixels"), b"")) as script:
        with opened_folder(tmp_path) as folder, opened_file("made", folder) as data:
            script.store().write_all([replace(PHOTO, data=data)])

        assert [body for _, _, body in script.requests] == [b"pixels"] * 2
        assert all("Transfer-Encoding" not in headers for _, headers, _ in script.requests)


def test_a_file_that_has_become_shorter_is_given_up_soon(tmp_path):
    file = tmp_path / "made"
    file.write_bytes(b"pixels")
    with (
        Script((200, checksum(b"pixels"), b"")) as script,
        opened_folder(tmp_path) as folder,
        opened_file("made", folder) as data,
    ):
        file.write_bytes(b"pix")
        with pytest.raises(StoreUnavailable, match="no reply"):
            script.store().write_all([replace(PHOTO, data=data)])


def test_what_a_files_callback_raises_ends_the_writing_within_a_piece_and_is_raised(tmp_path):
    class CancelledError(Exception):
        pass

    def cancel():
        calls.append(True)
        if len(calls) == 3:
            raise CancelledError

    calls = []
    (tmp_path / "made").write_bytes(bytes(5 * PIECE_BYTES))
    with (
        Script((200, checksum(b"pixels"), b"")) as script,
        opened_folder(tmp_path) as folder,
        opened_file("made", folder) as data,
    ):
        with pytest.raises(CancelledError):
            script.store().write_all([replace(PHOTO, data=replace(data, on_piece=cancel))])

        assert len(calls) == 3


def test_who_has_failed_to_write_reads_no_file_any_more(tmp_path):
    file, began, read = tmp_path / "made", threading.Event(), []

    class SlowFile(OpenFile):
        def pieces(self):
            began.set()
            time.sleep(0.5)
            yield from super().pieces()
            read.append(True)

    class FailingFile(OpenFile):
        def pieces(self):
            began.wait(10)
            raise ZeroDivisionError

    file.write_bytes(b"pixels")
    with Script((200, checksum(b"pixels"), b"")) as script, file.open("rb") as opened:
        known = {"descriptor": opened.fileno(), "size": 6}
        objects = [replace(PHOTO, data=FailingFile(**known)), replace(PHOTO, data=SlowFile(**known))]
        with pytest.raises(ZeroDivisionError):
            script.store().write_all(objects)

        assert read


def test_a_body_that_does_not_match_its_checksum_is_not_returned():
    with Script((200, checksum(b"pixels"), b"pixel5")) as script, pytest.raises(StoreUnavailable, match="checksum"):
        script.store().read("o/1", 100)


def test_a_checksum_of_checksums_is_not_taken_for_one_of_the_bytes():
    with Script((200, {s3.CHECKSUM: "AAAAAA==-2"}, b"pixels")) as script:
        assert script.store().read("o/1", 100) == b"pixels"


def test_an_object_that_was_stored_otherwise_than_sent_is_not_taken_for_stored():
    with Script((200, checksum(b"pixel5"), b"")) as script, pytest.raises(StoreUnavailable, match="checksum"):
        script.store().write_all([PHOTO])


def test_an_object_whose_checksum_the_store_does_not_confirm_is_not_taken_for_stored():
    with Script((200, {}, b"")) as script, pytest.raises(StoreUnavailable, match="did not confirm"):
        script.store().write_all([PHOTO])


def test_a_server_that_is_away_is_unavailable_and_no_signature_gets_into_the_message(monkeypatch):
    monkeypatch.setattr(s3, "PAUSES_SECONDS", (0.01,))
    with Script((200, {}, b"")) as script:
        store = script.store()
    with pytest.raises(StoreUnavailable, match="no reply") as unavailable:
        store.read("o/1", 100)
    assert "Signature" not in str(unavailable.value)


def test_the_checksum_and_the_immortality_of_an_object_are_part_of_the_signature():
    with Script((200, checksum(b"pixels"), b"")) as script:
        script.store().write_all([PHOTO])

    (path, headers, _) = script.requests[0]
    assert "X-Amz-SignedHeaders=cache-control%3Bcontent-type%3Bhost%3Bx-amz-checksum-crc32" in path
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
