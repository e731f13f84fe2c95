"""What a photo says of itself, read by our own parsers before any decoder sees it."""

from pipeline.headers.header import Capture, Format, Header
from pipeline.headers.read import read_header

__all__ = ["Capture", "Format", "Header", "read_header"]
