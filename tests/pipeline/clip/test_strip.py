"""A strip's sheet and its track, read back by another decoder and by a parser of the test's own."""

import re

import cv2
import numpy as np
import pytest

from config.presets import StripPreset
from pipeline.clip.strip import clock, lay_out, make_strip, strip_track

PRESET = StripPreset(columns=4, quality=90)


def sprites(count, height=18, width=32):
    """Plain pictures, each of a grey of its own, with a brighter upper half."""
    greys = np.linspace(20, 200, count).astype(np.uint8)
    pictures = np.repeat(greys, height * width * 3).reshape(count, height, width, 3)
    pictures[:, : height // 2] += 40
    return pictures


def cues(track):
    """Begin and end in milliseconds, file, and left, top, width and height of each cue."""
    found = re.findall(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n", track)
    return [(ms(begin), ms(end), file, *map(int, box)) for begin, end, file, *box in found]


def ms(time):
    hours, minutes, seconds = time.split(":")
    return round(1000 * (int(hours) * 3600 + int(minutes) * 60 + float(seconds)))


def opened(encoded):
    return cv2.imdecode(np.frombuffer(encoded.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize(("count", "size"), [(1, (18, 32)), (3, (18, 96)), (4, (18, 128)), (10, (54, 128))])
def test_a_sheet_has_as_many_rows_as_it_needs(count, size):
    sheet = make_strip(sprites(count), PRESET)

    assert opened(sheet).shape[:2] == size == (sheet.height, sheet.width)
    assert (sheet.name, sheet.content_type, sheet.extension) == ("strip", "image/jpeg", "jpg")


@pytest.mark.parametrize(("height", "width"), [(18, 32), (57, 32), (5, 7)])
def test_each_cue_shows_its_own_picture(height, width):
    pictures = sprites(10, height, width)
    sheet = lay_out(pictures, PRESET.columns)
    track = strip_track("x.jpg", pictures, PRESET, seconds_apart=1.0, seconds=10.0)

    for picture, (_, _, _, left, top, wide, high) in zip(pictures, cues(track), strict=True):
        np.testing.assert_array_equal(sheet[top : top + high, left : left + wide], picture)


def test_a_sheet_comes_through_its_encoder():
    pictures = sprites(7, 32, 48)
    sheet = opened(make_strip(pictures, PRESET)).astype(int)

    for place, picture in enumerate(pictures):
        row, column = divmod(place, 4)
        shown = sheet[row * 32 : row * 32 + 32, column * 48 : column * 48 + 48]
        assert np.abs(shown - picture).mean() < 3


def test_what_stays_empty_is_black():
    assert not lay_out(sprites(5), 4)[18:, 32:].any()


def test_cues_follow_each_other_without_a_gap_to_the_clips_end():
    found = cues(strip_track("x.jpg", sprites(4), PRESET, seconds_apart=1.001, seconds=3.5))

    assert [begin for begin, *_ in found] == [0, 1001, 2002, 3003]
    assert [end for _, end, *_ in found] == [1001, 2002, 3003, 3500]
    assert {file for _, _, file, *_ in found} == {"x.jpg"}


def test_a_track_is_webvtt():
    track = strip_track("x.jpg", sprites(2), PRESET, seconds_apart=1.0, seconds=2.0)

    assert track == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nx.jpg#xywh=0,0,32,18\n"
        "\n00:00:01.000 --> 00:00:02.000\nx.jpg#xywh=32,0,32,18\n"
    )


@pytest.mark.parametrize("seconds", [0, 0.9994, 59.9996, 61.5, 3599.9999, 3600, 36_000.25])
def test_a_time_is_to_the_nearest_millisecond(seconds):
    written = clock(seconds)

    assert re.fullmatch(r"\d\d:[0-5]\d:[0-5]\d\.\d{3}", written)
    assert abs(ms(written) - 1000 * seconds) <= 0.5
