"""What a clip's container says of itself, read by our own parsers before any program of ffmpeg's sees it."""

from pipeline.containers.claims import Claims, Track
from pipeline.containers.read import read_claims

__all__ = ["Claims", "Track", "read_claims"]
