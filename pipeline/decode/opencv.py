"""OpenCV's decoders: faster than Pillow's for WebP and PNG, and whole 16-bit samples."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.decode.corrupt import corrupt, translating_complaints
from pipeline.headers.header import Header

cv2.setNumThreads(1)  # workers are processes: a photo gets one core
cv2.utils.logging.setLogLevel(
    cv2.utils.logging.LOG_LEVEL_SILENT
)  # what it would print for a bad photo is raised as Rejected


def decode_with_opencv(data: bytes | memoryview, header: Header) -> NDArray[Any]:
    """All samples of the first frame: (h, w) or (h, w, 3 or 4), uint8 or uint16, BGR(A), EXIF orientation untouched.

    Raises:
        Rejected: `corrupt_media`.
        MemoryError: there is no room for the picture.
    """
    with translating_complaints(header):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        # OpenCV swallows its own out-of-memory error: if that is what happened, it happens again here.
        np.empty((header.height, header.width, 4), np.uint16)
        raise corrupt(header, "the decoder gave up")
    return pixels
