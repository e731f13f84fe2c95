"""A headless browser, and the server on loopback that it is pointed at."""

import contextlib
import json
import mimetypes
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".js": "text/javascript"}
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
PATIENCE_SECONDS = 300


class Site(ThreadingHTTPServer):
    """The files of some folders, by byte ranges too, and one report that a page gives."""

    daemon_threads = True

    def __init__(self, *folders: Path) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.folders = folders
        self.report: Any = None
        self.reported = threading.Event()
        self.ranges: list[str] = []  # that were asked for

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Visit(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        """A file, or the part of it that is asked for; the report's picture once the report is there."""
        name = self.path.lstrip("/")
        if name == "reported.svg":
            self.server.reported.wait(PATIENCE_SECONDS)
            return self._answer(HTTPStatus.OK, PICTURE, "image/svg+xml")
        files = [folder / name for folder in self.server.folders if "/" not in name and (folder / name).is_file()]
        if not files:
            return self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
        data, kind = files[0].read_bytes(), TYPES.get(files[0].suffix) or mimetypes.guess_type(name)[0]
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            self.server.ranges.append(asked[0])
            first, last = int(asked[1]), int(asked[2] or len(data) - 1)
            span = {"Content-Range": f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"}
            return self._answer(HTTPStatus.PARTIAL_CONTENT, data[first : last + 1], kind, span)
        return self._answer(HTTPStatus.OK, data, kind)

    def do_POST(self) -> None:
        """The report."""
        self.server.report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(HTTPStatus.NO_CONTENT, b"", "text/plain")
        self.server.reported.set()

    def log_message(self, *_: object) -> None:
        """Nothing: the test tells what matters."""

    def _answer(self, status: int, data: bytes, kind: str | None, headers: Mapping[str, str] | None = None) -> None:
        about = {"Content-Type": kind or "application/octet-stream", "Content-Length": str(len(data))}
        self.send_response(status)
        for name, value in {**about, "Accept-Ranges": "bytes", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a player drops what it no longer wants
            self.wfile.write(data)


@contextlib.contextmanager
def serving(*folders: Path) -> Iterator[Site]:
    """A site of these folders, the first with a name winning, while the context lasts."""
    with Site(*folders) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        try:
            yield site
        finally:
            site.reported.set()
            site.shutdown()


def find_browser() -> str | None:
    """Debian's Chromium, if it is installed."""
    return shutil.which("chromium")


def photograph(browser: str, address: str, screenshot: Path, profile: Path) -> None:
    """Open a page and take a picture of it once it is loaded, without reaching anything but this machine."""
    options = [
        "--headless=new",
        "--no-sandbox",  # root's Chromium has none, and the page is our own
        "--disable-gpu",
        "--mute-audio",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--autoplay-policy=no-user-gesture-required",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--window-size=540,960",
        f"--user-data-dir={profile}",
        f"--screenshot={screenshot}",
    ]
    log = profile / "said.txt"
    with log.open("w") as said:
        command = [browser, *options, address]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        try:
            assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()[-3000:]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
