"""What is to be made of a clip, as values."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import CLIP_LADDERS, Limits
from config.presets import StripPreset
from filters.recipe import Cut
from jobs.errors import Rejected
from pipeline.clip.arguments import decode_arguments, measure_arguments, transcode_arguments
from pipeline.clip.filters import bring_home
from pipeline.clip.loudness import Level
from pipeline.clip.model import Sound, Source, Video
from pipeline.clip.plan import (
    Frames,
    Span,
    count_frames,
    frame_rate,
    plan_batches,
    plan_rungs,
    plan_span,
    plan_sprites,
    rung_size,
)
from pipeline.clip.probe import probe

LADDER = CLIP_LADDERS["standard"]
VIDEO = Video(
    index=0,
    codec="h264",
    pixel_format="yuv420p",
    matrix="bt709",
    primaries="bt709",
    transfer="bt709",
    full_range=False,
    interlaced=False,
    alpha=False,
    ends=10.0,
)
SOURCE = Source(
    file=Path("/job/original"),
    demuxer="mov",
    width=1080,
    height=1920,
    rotation=90,
    seconds=10.0,
    frames_per_second=30.0,
    video=VIDEO,
    sound=Sound(index=1, codec="aac", channels=2, sample_rate=44100, ends=10.0),
    loops=False,
)
WHOLE = Span(start=0.0, seconds=10.0)
PLAIN = Level(lufs=-14.0)


def sizes(rungs):
    return [(rung.preset.name, rung.width, rung.height) for rung in rungs]


def transcode(source=SOURCE, span=WHOLE, ladder=LADDER, level=PLAIN, *, preview=True, strip=True, edited=None):
    rungs = plan_rungs(source.width, source.height, ladder.rungs)
    return transcode_arguments(
        source, span, rungs, ladder, Limits(), level=level, preview=preview, strip=strip, edited=edited
    )


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


def test_rungs_go_by_the_short_side_and_none_is_enlarged():
    assert sizes(plan_rungs(1920, 1080, LADDER.rungs)) == [
        ("1080p", 1920, 1080),
        ("720p", 1280, 720),
        ("480p", 854, 480),
    ]
    assert sizes(plan_rungs(1080, 1920, LADDER.rungs))[0] == ("1080p", 1080, 1920)
    assert sizes(plan_rungs(960, 540, LADDER.rungs)) == [("720p", 960, 540), ("480p", 854, 480)]


def test_of_presets_that_come_to_one_size_the_least_is_kept():
    assert sizes(plan_rungs(320, 180, LADDER.rungs)) == [("480p", 320, 180)]


@pytest.mark.parametrize(("matrix", "told"), [("bt709", False), (None, False), ("smpte170m", True)])
def test_the_scaler_is_told_no_matrix_to_go_to_that_it_is_in_lest_it_copy_every_frame(matrix, told):
    chain = bring_home(replace(SOURCE, video=replace(VIDEO, matrix=matrix)), SOURCE.width, SOURCE.height)

    assert any("out_color_matrix=bt709" in step for step in chain) is told


def test_each_rung_is_made_of_the_next_larger_and_what_is_small_of_the_smallest_that_will_do():
    graph = option(transcode(), "-filter_complex")
    steps = dict(re.findall(r"\[(s\d|b\d)\]([^;]*)", graph))

    assert steps["s0"] == "null,split=2[v0][s1]"
    assert re.fullmatch(r"scale=720:1280:.*split=2\[v1\]\[s2\]", steps["s1"])
    assert re.fullmatch(r"scale=480:854:.*split=3\[v2\]\[b0\]\[b1\]", steps["s2"])
    assert (steps["b0"][-9:], steps["b1"][-7:]) == ("[preview]", "[strip]")


def test_what_is_small_is_never_made_of_something_smaller():
    ladder = replace(LADDER, rungs=(LADDER.rungs[0], replace(LADDER.rungs[2], name="240p", short_side=240)))
    graph = option(transcode(ladder=ladder), "-filter_complex")

    assert "[s0]null,split=3[v0][s1][b0]" in graph  # a preview of 320 pixels
    assert re.search(r"\[s1\]scale=240:\d+:flags=lanczos,setsar=1,split=2\[v1\]\[b1\]", graph)


def test_another_codec_is_another_rung():
    assert [rung.preset.name for rung in plan_rungs(320, 180, CLIP_LADDERS["hevc"].rungs)] == ["480p", "720p-hevc"]


@given(width=st.integers(1, 9000), height=st.integers(1, 9000))
def test_sides_are_even_and_keep_their_proportion(width, height):
    for rung in plan_rungs(width, height, LADDER.rungs):
        assert rung.width % 2 == rung.height % 2 == 0
        assert min(rung.width, rung.height) >= 2
        assert min(rung.width, rung.height) <= rung.preset.short_side
        share = max(rung.width / width, rung.height / height)
        assert abs(rung.width - width * share) <= 2 + 2 * width / height
        assert abs(rung.height - height * share) <= 2 + 2 * height / width


@pytest.mark.parametrize(
    ("cut", "span"),
    [
        (Cut(), Span(start=0.0, seconds=10.0)),
        (Cut(start=2.5), Span(start=2.5, seconds=7.5)),
        (Cut(start=2.5, end=4.0), Span(start=2.5, seconds=1.5)),
        (Cut(end=60.0), Span(start=0.0, seconds=10.0)),
    ],
)
def test_a_cut_keeps_what_it_says_within_the_clip(cut, span):
    assert plan_span(SOURCE, cut) == span


@pytest.mark.parametrize("cut", [Cut(start=10.0), Cut(start=30.0, end=40.0), Cut(start=9.95)])
def test_a_cut_that_leaves_nothing_is_a_bad_recipe(cut):
    with pytest.raises(Rejected) as refused:
        plan_span(SOURCE, cut)

    assert refused.value.code == "bad_recipe"


@pytest.mark.parametrize(
    ("width", "height", "short", "made"),
    [(435, 331, 1080, (434, 330)), (443, 331, 1080, (442, 330)), (427, 240, 240, (426, 240)), (1, 1, 480, (2, 2))],
)
def test_an_odd_side_loses_a_pixel_rather_than_gain_one(width, height, short, made):
    assert rung_size(width, height, short) == made


def test_a_clip_of_one_frame_is_kept_whole():
    assert plan_span(replace(SOURCE, seconds=1 / 30), Cut()) == Span(start=0.0, seconds=1 / 30)


@pytest.mark.parametrize(
    ("own", "made"),
    [(29.97002997, Fraction(30000, 1001)), (23.976023976, Fraction(24000, 1001)), (25.0, 25), (7.5, 15), (1.0, 10)],
)
def test_the_frame_rate_is_the_clips_own_up_to_the_ladders(own, made):
    assert frame_rate(replace(SOURCE, frames_per_second=own), LADDER) == made


@pytest.mark.parametrize(
    ("own", "made"),
    [
        *((48.0, 24), (50.0, 25), (60.0, 30), (100.0, 25), (120.0, 30), (240.0, 30)),
        (59.94005994, Fraction(30000, 1001)),
        (119.88011988, Fraction(30000, 1001)),
        *((30.01, 30), (40.0, 30), (47.95, 30), (66.0, 30)),  # too few would be left
    ],
)
def test_of_more_every_so_manieth_picture_is_kept_if_enough_are_left(own, made):
    assert frame_rate(replace(SOURCE, frames_per_second=own), LADDER) == made


@pytest.mark.parametrize(("own", "every"), [(50, 2), (60, 2), (100, 4), (120, 4)])
def test_pictures_that_are_kept_are_evenly_apart(own, every, ffmpeg, tmp_path):
    shades = f"color=black:s=64x48:r={own}:d=0.5,geq=lum='16+2*N':cb=128:cr=128"  # each a grey of its own
    ffmpeg("-f", "lavfi", "-i", shades, "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", tmp_path / "clip.mp4")
    source = probe(tmp_path / "clip.mp4", Limits())
    rate = frame_rate(source, LADDER)

    arguments = decode_arguments(source, plan_span(source, Cut()), 64, 48, rate, Limits())
    frames = np.frombuffer(ffmpeg(*arguments), np.uint8).reshape(-1, 48 * 3 // 2, 64)

    steps = np.diff(frames[:, 0, 0].astype(int))
    assert len(frames) == own // every // 2
    np.testing.assert_allclose(steps[:-1], 2 * every, atol=1)


def test_what_loops_is_played_at_the_ladders_rate_because_each_picture_has_a_delay_of_its_own():
    assert frame_rate(replace(SOURCE, frames_per_second=3.3, loops=True), LADDER) == 30


def test_frames_fill_the_span_and_there_is_always_one():
    assert count_frames(WHOLE, Fraction(30000, 1001)) == 300
    assert count_frames(Span(start=0.0, seconds=0.01), Fraction(10)) == 1


def test_there_is_one_picture_on_the_strip_for_each_second_until_there_are_too_many():
    short = plan_sprites(1080, 1920, 300, Fraction(30), StripPreset())
    long = plan_sprites(1080, 1920, 18_000, Fraction(30), StripPreset())

    assert (short.count, short.every, short.width, short.height) == (10, 30, 160, 284)
    assert (long.count, long.every, long.seconds_apart) == (100, 180, 6.0)


@pytest.mark.parametrize(("width", "height"), [(128, 8192), (8192, 128), (2, 16384), (720, 1280), (1280, 720)])
def test_a_strip_of_any_shape_fits_a_jpeg(width, height):
    preset = StripPreset()
    sprites = plan_sprites(width, height, 18_000, Fraction(30), preset)
    rows = -(-sprites.count // preset.columns)

    assert 0 < rows * sprites.height <= 65_500
    assert 0 < sprites.width <= preset.width
    assert abs(sprites.width * height - sprites.height * width) <= max(width, height)  # in shape, to a pixel


def test_one_run_makes_everything_unless_something_is_mandatory():
    (batch,) = plan_batches(1080, 1920, LADDER, ())

    assert (sizes(batch.rungs)[0][0], batch.preview, batch.strip) == ("1080p", True, True)
    assert (batch.begins, batch.ends) == (0.0, 1.0)


def test_what_is_mandatory_goes_first_with_the_preview():
    first, rest = plan_batches(1080, 1920, LADDER, ("480p",))

    assert [rung.preset.name for rung in first.rungs] == ["480p"]
    assert [rung.preset.name for rung in rest.rungs] == ["1080p", "720p"]
    assert (first.preview, first.strip, rest.preview, rest.strip) == (True, False, False, True)
    assert 0 < first.ends == rest.begins < 0.2


def test_a_mandatory_rung_that_comes_to_the_size_of_another_is_that_other():
    first, _ = plan_batches(960, 540, LADDER, ("1080p",))

    assert [rung.preset.name for rung in first.rungs] == ["720p"]


def test_everything_mandatory_is_one_run():
    assert len(plan_batches(1080, 1920, LADDER, ("480p", "720p", "1080p"))) == 1


def test_the_original_is_opened_in_its_own_container_only_and_may_name_no_other_file():
    arguments = transcode()
    opened = arguments[: arguments.index("-i") + 2]

    assert option(opened, "-f") == "mov"
    assert opened[-1] == "/job/original"
    assert option(opened, "-protocol_whitelist") == "file"
    assert "concat" not in option(opened, "-format_whitelist")
    assert "hls" not in option(opened, "-format_whitelist")


def test_a_frame_is_decoded_once_and_each_rung_encoded_once():
    arguments = transcode()

    assert arguments.count("-i") == 1
    assert option(arguments, "-filter_complex").count("[0:0]") == 1
    assert [arguments.count(f"-c:v:{place}") for place in range(4)] == [
        2,
        1,
        1,
        0,
    ]  # the preview has a first stream too
    assert arguments.count("aac") == 1


def test_keyframes_are_every_two_seconds_in_every_rung():
    arguments = transcode()

    for place in range(3):
        assert option(arguments, f"-g:v:{place}") == option(arguments, f"-keyint_min:v:{place}") == "60"
        assert option(arguments, f"-sc_threshold:v:{place}") == "0"


def test_nothing_of_the_originals_metadata_is_taken_over():
    arguments = transcode()

    assert arguments.count("-map_metadata") == arguments.count("-map_chapters") == 2  # rungs, preview
    assert "fflags=+bitexact" in " ".join(arguments)


def test_a_cut_enters_where_there_is_an_index_and_drops_what_comes_before_where_there_is_none():
    span = Span(start=2.5, seconds=1.5)
    indexed, stream = transcode(span=span), transcode(replace(SOURCE, demuxer="mpegts"), span=span)

    assert option(indexed, "-ss") == "2.500000"
    assert indexed.index("-noaccurate_seek") < indexed.index("-ss") < indexed.index("-i")
    assert "-ss" not in stream
    assert option(stream, "-itsoffset") == "-2.500000"
    for arguments in (indexed, stream):
        assert "fps=30:start_time=0,trim=end_frame=45," in option(arguments, "-filter_complex")
        assert "[0:1]atrim=start=0," in option(arguments, "-filter_complex")


def test_sound_that_only_primes_its_decoder_does_not_put_the_clock_forward():
    primed = replace(SOURCE, lead_seconds=0.023)

    assert option(transcode(primed), "-itsoffset") == "-0.023000"
    assert option(transcode(primed, Span(start=1.0, seconds=2.0)), "-ss") == "1.023000"


def test_the_last_picture_stands_while_the_sound_goes_on_but_not_for_pictures_that_are_promised():
    graph = option(transcode(replace(SOURCE, video=replace(VIDEO, ends=8.0))), "-filter_complex")

    assert "tpad=stop_mode=clone:stop_duration=2.25" in graph
    assert "trim=end_frame=300" in graph
    assert "stop_duration=0.25" in option(transcode(), "-filter_complex")


def test_a_muted_clip_has_no_stream_of_sound():
    arguments = transcode(level=None)

    assert "aac" not in arguments
    assert "[0:1]" not in option(arguments, "-filter_complex")
    assert r"select=\'v:0\'" in arguments[arguments.index("tee") + 1]


def test_edited_frames_come_as_they_are_encoded_and_the_sound_from_the_original():
    edited = Frames(width=1080, height=1920, rate=Fraction(30))
    arguments = transcode(edited=edited)

    assert arguments[arguments.index("rawvideo") : arguments.index("pipe:0") + 1] == [
        *("rawvideo", "-pix_fmt", "yuv420p", "-s", "1080x1920", "-r", "30", "-i", "pipe:0")
    ]
    assert "[1:1]" in option(arguments, "-filter_complex")
    assert transcode(edited=edited, level=None).count("-i") == 1


def test_each_codec_has_its_own_encoder_and_apple_its_tag():
    hevc, av1 = transcode(ladder=CLIP_LADDERS["hevc"]), transcode(ladder=CLIP_LADDERS["av1"])

    assert {"libx264", "libx265"} <= set(hevc)
    assert "hvc1" in hevc
    assert {"libx264", "libsvtav1"} <= set(av1)


def test_one_frame_is_asked_for_when_one_is_wanted():
    arguments = decode_arguments(SOURCE, Span(start=3.0, seconds=7.0), 540, 960, 30.0, Limits(), first_only=True)

    assert option(arguments, "-frames:v") == "1"
    assert arguments[-1] == "pipe:1"


def test_listening_decodes_no_picture():
    graph = option(measure_arguments(SOURCE, WHOLE, Limits(), PLAIN), "-filter_complex")

    assert graph.startswith("[0:1]")
    assert "[0:0]" not in graph
