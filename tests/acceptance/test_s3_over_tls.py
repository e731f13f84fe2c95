"""The object store over TLS, as on AWS: boto3 signs and sends otherwise there than over plain HTTP."""

import dataclasses
import shutil
import socket
import ssl
import subprocess
import threading
import zlib
from contextlib import suppress

import pytest
import urllib3

from jobs.errors import StoreUnavailable
from jobs.originals import Originals
from jobs.s3 import connect_s3
from pipeline.s3 import S3Store
from pipeline.services import StoredObject


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def pump(source, sink):
    """Carry bytes one way until either end closes."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class TlsFront:
    """Takes TLS on a port of localhost and passes what is in it to another port."""

    def __init__(self, port, certificate):
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, plain):
        with suppress(OSError):  # also a client that does not trust us
            inside = self._context.wrap_socket(plain, server_side=True)
            behind = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=pump, args=(behind, inside), daemon=True).start()
            pump(inside, behind)

    def close(self):
        self._listener.close()


@pytest.fixture
def front(stack, certificate):
    front = TlsFront(stack.seaweedfs.port, certificate)
    yield front
    front.close()


@pytest.fixture
def settings(stack, front):
    return dataclasses.replace(stack.settings, s3_endpoint=f"https://localhost:{front.port}")


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))


def test_an_original_goes_in_and_a_rendition_comes_out(settings, certificate, trusted):
    source_key = Originals(settings).put(7, "over tls", b"an original")
    store = S3Store(connect_s3(settings), settings.s3_bucket)
    rendition = StoredObject(key="t/tls.jpg", data=b"pixels", content_type="image/jpeg", crc32=zlib.crc32(b"pixels"))

    store.write_all([rendition])

    assert store.read(source_key, 100) == b"an original"
    address = store.url("t/tls.jpg", 60)
    with urllib3.PoolManager(ca_certs=str(certificate[0])) as http:
        assert http.request("GET", address).data == b"pixels"


def test_a_store_whose_certificate_nobody_vouches_for_is_not_talked_to(settings, monkeypatch):
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setattr("pipeline.s3.PAUSES_SECONDS", ())

    with pytest.raises(StoreUnavailable):
        S3Store(connect_s3(settings), settings.s3_bucket).read("o/1", 100)
