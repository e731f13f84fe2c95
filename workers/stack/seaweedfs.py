"""SeaweedFS: a real object store for development and tests, on this machine alone."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from workers.stack import programs
from workers.stack.server import Server

BUCKET = "darkroom"
PARTS = ("s3", "filer", "master", "volume", "admin")  # all in one process
PROBE_KEY = "stack/probe"


class SeaweedFS(Server):
    """The S3 server."""

    name = "seaweedfs"
    start_seconds = 60

    @property
    def port(self) -> int:
        """Where it speaks S3, on 127.0.0.1."""
        return self.plan.s3_port

    @property
    def endpoint(self) -> str:
        """The address for S3 clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The credentials that it accepts, and a bound on its memory (without one it takes 600 MB)."""
        return {
            **super().environment,
            "AWS_ACCESS_KEY_ID": self.plan.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.plan.s3_secret_key,
            "GOMEMLIMIT": "400MiB",
            "GOGC": "50",
        }

    def prepare(self) -> None:
        """Make its data directory."""
        self.runs_as.own(self.home / "data")

    @property
    def executable(self) -> Path:
        """The program that runs it."""
        return programs.find("weed")

    def arguments(self) -> Sequence[str | Path]:
        """In the foreground, keeping to itself: telemetry and 0.0.0.0 are its defaults."""
        return [
            *("-logtostderr=true", "mini", f"-dir={self.home / 'data'}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
            *("-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            *("-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false"),
            *("-master.resumeState=false", "-master.electionTimeout=1s"),
            # Relative to its home: the path of a Unix socket may have 107 characters only.
            *("-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"),
            *(f"-{part}.port={port}" for part, port in self._part_ports.items()),
            *(f"-{part}.port.grpc={port + 1}" for part, port in self._part_ports.items()),
        ]

    def stop(self) -> None:
        """End it, and clear away the sockets that it leaves under fixed names."""
        super().stop()
        for part, port in self._part_ports.items():
            with suppress(PermissionError):  # another user's
                Path(f"/tmp/seaweedfs-{part}-grpc-{port + 1}.sock").unlink(missing_ok=True)  # noqa: S108

    def probe(self) -> str:
        """Store an object and remove it again, in the bucket that the first probe makes."""
        try:
            answer = self._put()
        except self._client.exceptions.NoSuchBucket:
            self._client.create_bucket(Bucket=BUCKET)
            answer = self._put()
        self._client.delete_object(Bucket=BUCKET, Key=PROBE_KEY)
        return str(answer["ResponseMetadata"]["HTTPHeaders"]["server"]).split()[-1]  # "SeaweedFS 8000GB 4.48"

    @property
    def _part_ports(self) -> dict[str, int]:
        """Where its parts listen; the port after each is for gRPC."""
        return {part: self.port + 2 * place for place, part in enumerate(PARTS)}

    def _put(self) -> Any:
        return self._client.put_object(Bucket=BUCKET, Key=PROBE_KEY, Body=b"ready", ContentType="text/plain")

    @cached_property
    def _client(self) -> Any:
        import boto3  # noqa: PLC0415 - slow to import, and the commands that only look need it late
        from botocore.config import Config  # noqa: PLC0415

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.plan.s3_access_key,
            aws_secret_access_key=self.plan.s3_secret_key,
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
        )
