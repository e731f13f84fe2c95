"""Animated WebP as ffmpeg gets it: the same pictures, each once, for as long as it is shown."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageSequence

from config import Limits
from jobs.errors import Rejected
from pipeline.clip.apng import apng_chunks, delay
from pipeline.clip.probe import probe
from pipeline.clip.webp import UNFOLDED, probe_webp

LIMITS = Limits()


@pytest.fixture
def animation(tmp_path):
    """A lossless WebP of arrays, and when each is shown for how many milliseconds."""

    def make(pictures, milliseconds):
        first, *rest = [Image.fromarray(picture) for picture in pictures]
        file = tmp_path / "original"
        first.save(file, "WEBP", save_all=True, append_images=rest, duration=milliseconds, lossless=True, exact=True)
        return file

    return make


def noise(count, height=75, width=101, channels=4):
    return list(np.random.default_rng(1).integers(0, 256, (count, height, width, channels), np.uint8))


def shown(file, pixels, *options):
    command = ["ffmpeg", "-v", "error", "-f", "apng", "-i", file, *options, "-pix_fmt", pixels, "-f", "rawvideo", "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize(("channels", "mode", "pixels"), [(3, "RGB", "rgb24"), (4, "RGBA", "rgba")])
def test_every_picture_is_the_same_to_the_bit(channels, mode, pixels, animation):
    file = animation(noise(5, channels=channels), [40] * 5)
    source = probe_webp(file, LIMITS)

    with Image.open(file) as webp:
        pictures = [np.asarray(picture.convert(mode)) for picture in ImageSequence.Iterator(webp)]
    assert shown(source.file, pixels, "-fps_mode", "passthrough") == np.stack(pictures).tobytes()
    assert source.video.alpha == (channels == 4)


def test_each_picture_is_shown_for_its_own_time(animation):
    pictures = noise(4, channels=3)
    milliseconds = [200, 50, 5, 650]  # one of up to 10 ms stands for 100
    source = probe_webp(animation(pictures, milliseconds), LIMITS)

    seen = np.frombuffer(shown(source.file, "rgb24", "-vf", "fps=20"), np.uint8).reshape(-1, 75, 101, 3)

    assert source.seconds == pytest.approx(1.0)
    assert [next(n for n, one in enumerate(pictures) if (one == frame).all()) for frame in seen] == (
        [0] * 4 + [1] + [2] * 2 + [3] * 13
    )


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 1.0), (10, 1.0), (11, 0.11), (40, 0.4)])
def test_a_png_plays_as_long_as_a_webp_of_the_same_delays(milliseconds, seconds, tmp_path):
    pieces = apng_chunks([(picture, milliseconds) for picture in noise(10, channels=3)], 10)
    (tmp_path / "clip.png").write_bytes(b"".join(pieces))

    assert probe(tmp_path / "clip.png", LIMITS).seconds == pytest.approx(seconds, abs=0.011)


def test_a_show_of_slides_takes_no_more_room_than_its_pictures(animation, tmp_path):
    pictures = noise(10, height=300, width=300, channels=3)
    source = probe_webp(animation(pictures, [20_000] * 10), LIMITS)

    assert source.seconds == pytest.approx(200)
    assert (tmp_path / UNFOLDED).stat().st_size < 1.1 * sum(picture.nbytes for picture in pictures)


def test_more_pictures_than_a_file_may_hold_are_refused(animation):
    file = animation(noise(5), [100] * 5)

    with pytest.raises(Rejected) as refused:
        probe_webp(file, replace(LIMITS, clip_file_bytes=60_000))

    assert refused.value.code == "too_many_bytes"


def test_a_webp_larger_than_a_photo_may_be_is_refused(animation):
    file = animation(noise(3), [100] * 3)

    with pytest.raises(Rejected) as refused:
        probe_webp(file, replace(LIMITS, photo_bytes=10_000))

    assert refused.value.code == "too_many_bytes"


def test_more_time_than_a_clip_may_take_is_refused(animation):
    with pytest.raises(Rejected) as refused:
        probe_webp(animation(noise(3, channels=3), [300_000] * 3), LIMITS)

    assert refused.value.code == "too_many_seconds"


@pytest.mark.parametrize("milliseconds", [11, 40, 65_535, 65_540, 600_000])
def test_a_delay_is_its_time_in_two_small_numbers(milliseconds):
    numerator, denominator = delay(milliseconds)

    assert numerator / denominator == pytest.approx(milliseconds / 1000)
    assert max(numerator, denominator) < 1 << 16
