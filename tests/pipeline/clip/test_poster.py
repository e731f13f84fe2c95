"""The frame that stands for a clip: which one it is, and that it is the one that another reading of the clip shows."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from config import Limits
from filters.recipe.model import Cut
from jobs.errors import Rejected
from pipeline.clip.plan import Span, plan_span
from pipeline.clip.poster import (
    LEAST_KEYFRAMES,
    MOST_KEYFRAMES,
    choose_poster,
    keyframe_arguments,
    read_times,
    score,
    starts,
    stretch_arguments,
    take_frame,
)
from pipeline.clip.probe import probe

LIMITS = Limits()
HALF = 0.5 / 30  # of a frame
BT709 = ("-pix_fmt", "yuv420p", "-color_range", "tv", "-colorspace", "bt709")
BT709 = (*BT709, "-color_primaries", "bt709", "-color_trc", "bt709")
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", *BT709)
SLIDES = "color=black:s=64x48:r=10:d=6,geq=lum='16+(40+60*floor(T/2))*219/255':cb=128:cr=128"  # 40, 100, 160


def scene(seed=3, size=64):
    """A sharp picture: plain patches of all tones with edges between them."""
    patches = np.random.default_rng(seed).integers(25, 230, (size // 8, size // 8))
    return np.kron(patches, np.ones((8, 8))).astype(np.uint8)


def blurred(tones):
    return cv2.GaussianBlur(tones, (0, 0), 2.5)


def mixed(tones, other, share):
    return (tones * (1 - share) + other * share).astype(np.uint8)


BLACK, WHITE = np.zeros((64, 64), np.uint8), np.full((64, 64), 255, np.uint8)


def best(*frames, shares=None):
    """The place of the frame that scores most."""
    return int(np.argmax(score(np.stack(frames), np.array(shares or [0.0] * len(frames)))))


@pytest.mark.parametrize(
    "worse",
    [
        BLACK,
        WHITE,
        np.full((64, 64), 118, np.uint8),
        blurred(scene()),
        mixed(scene(), BLACK, 0.6),
        mixed(scene(), WHITE, 0.6),
        mixed(scene(), scene(4), 0.5),  # in the middle of a dissolve
        np.clip(scene().astype(int) * 3, 0, 255).astype(np.uint8),  # washed out
        (scene() // 12),
    ],
)
def test_a_clear_picture_is_better_even_at_the_end(worse):
    assert best(worse, worse, scene(), shares=[0.0, 0.5, 1.0]) == 2


def test_of_equal_pictures_the_earlier_is_better():
    assert best(scene(), scene(), scene(), shares=[0.9, 0.1, 0.5]) == 1


def test_a_little_sharper_is_not_worth_the_whole_clip():
    soft = cv2.GaussianBlur(scene(), (0, 0), 0.5)

    assert best(soft, scene(), shares=[0.0, 1.0]) == 0


@pytest.mark.parametrize("tones", [BLACK, WHITE])
def test_where_nothing_can_be_seen_the_first_is_taken(tones):
    assert best(tones, tones) == 0


@pytest.fixture
def clip(ffmpeg, tmp_path):
    """A clip that ffmpeg makes of its test pictures with filters and encoder options, as it is probed."""

    def make(pictures, *options, name="clip.mp4", codec=FAST):
        file = tmp_path / name
        ffmpeg("-f", "lavfi", "-i", pictures, *options, *codec, file)
        return probe(file, LIMITS)

    return make


def chosen(source, tmp_path, cut=None):
    cut = cut or Cut()
    return choose_poster(source, plan_span(source, cut), cut, LIMITS, tmp_path)


def taken(source, seconds, tmp_path, width=None, height=None):
    return take_frame(source, seconds, width or source.width, height or source.height, LIMITS, tmp_path)


def test_the_frame_is_none_of_a_fade_from_black(clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=6,fade=in:0:60", "-g", 15)

    assert 1.5 <= chosen(source, tmp_path) <= 4
    assert taken(source, chosen(source, tmp_path), tmp_path).mean() > 80


@pytest.mark.parametrize("keyframes", [5, 300])
def test_one_clear_second_in_black_is_found_with_many_keyframes_and_with_one(keyframes, clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=4,drawbox=c=black:t=fill:enable='not(between(t,1,2))'", "-g", keyframes)

    assert 1 - HALF <= chosen(source, tmp_path) <= 2 + HALF


def test_the_time_is_in_seconds_of_the_original_where_it_is_cut(clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=4,drawbox=c=black:t=fill:enable='lt(t,2.99)'", "-g", 15)

    seconds = chosen(source, tmp_path, Cut(start=1.5, end=3.5))

    assert 2.99 <= seconds <= 3.5
    assert taken(source, seconds, tmp_path).mean() > 80


@pytest.mark.parametrize("name", ["clip.gif", "clip.ts", "clip.mkv", "clip.avi"])
def test_every_kind_of_container_has_its_frame(name, clip, tmp_path):
    codec = () if name.endswith("gif") else (*FAST, "-g", "12")
    source = clip("testsrc2=s=160x90:r=10:d=3,fade=in:0:10", name=name, codec=codec)

    seconds = chosen(source, tmp_path, Cut(start=0.2))

    assert 0.6 <= seconds <= 3
    assert taken(source, seconds, tmp_path).mean() > 60


def test_a_clip_of_keyframes_alone_is_looked_at_beyond_its_first_second(clip, tmp_path):
    source = clip(
        "testsrc2=s=320x180:r=30:d=4,fade=in:0:60", name="clip.mkv", codec=("-c:v", "ffv1", "-pix_fmt", "yuv420p")
    )

    assert chosen(source, tmp_path) >= 1.4


@pytest.mark.parametrize("frames", [1, 2])
def test_a_clip_of_one_frame_has_it(frames, clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30", "-frames:v", frames)

    seconds = chosen(source, tmp_path)

    assert 0 <= seconds < frames / 30
    assert taken(source, seconds, tmp_path).mean() > 80


def test_a_frame_of_no_length_stands_for_its_clip(clip, tmp_path):
    source = replace(clip("testsrc2=s=320x180:r=30", "-frames:v", 1), seconds=0.0)

    with np.errstate(all="raise"):
        assert chosen(source, tmp_path) == 0


def test_a_black_clip_has_its_first_frame(clip, tmp_path):
    source = clip("color=black:s=320x180:r=30:d=3", "-g", 15)

    assert chosen(source, tmp_path) == 0
    assert taken(source, 0.0, tmp_path).max() <= 2


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (Cut(cover=1.25), 1.25),
        (Cut(cover=0.5, start=1.0), 1.0),
        (Cut(cover=3.5, end=2.0), 2.0 - 1 / 30),
        (Cut(cover=4.0), 4.0 - 1 / 30),
        (Cut(cover=0.0), 0.0),
    ],
)
def test_a_time_that_was_asked_for_is_taken_within_what_is_kept(cut, expected, clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=4")

    assert chosen(source, tmp_path, cut) == pytest.approx(expected, abs=1e-6)


def test_a_time_after_the_clips_end_is_refused_with_the_range(clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=4")

    with pytest.raises(Rejected, match=r"4\.5 s .* from 0 to 4\.00 s") as rejection:
        chosen(source, tmp_path, Cut(cover=4.5))

    assert rejection.value.code == "bad_recipe"


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_the_frame_at_a_time_is_the_one_that_begins_then(name, clip, tmp_path):
    # Each frame is a grey of its own: frame n has luma 16 + 4n.
    source = clip("color=black:s=64x48:r=30:d=1.5,geq=lum='16+4*N':cb=128:cr=128", "-g", 12, name=name)

    for n in (0, 1, 7, 22, 43, 44):
        frame = taken(source, n / 30, tmp_path)
        assert frame.mean() == pytest.approx((4 * n) * 255 / 219, abs=1.5), n


def test_a_keyframe_is_entered_at_its_own_time_lest_all_from_the_one_before_be_decoded():
    assert starts(3.0) == (3.0, 2.5, 1.0, 0.0)
    assert starts(0.0) == (0.0,)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm", "clip.ts", "clip.gif"])
def test_a_picture_stands_until_the_next(name, clip, tmp_path):
    codec = {"clip.webm": ("-c:v", "libvpx", "-b:v", "1M"), "clip.gif": ()}.get(name, FAST)
    source = clip(f"{SLIDES},select='not(mod(n,20))'", "-fps_mode", "vfr", name=name, codec=codec)

    for seconds, slide in ((0.5, 0), (1.9, 0), (2.1, 1), (3.9, 1), (4.1, 2), (source.seconds - 0.1, 2)):
        assert taken(source, seconds, tmp_path).mean() == pytest.approx(40 + 60 * slide, abs=5), seconds


def test_no_picture_is_looked_at_that_the_cut_leaves_out(clip, tmp_path):
    pictures = "testsrc2=s=320x180:r=10:d=6,drawbox=c=gray:t=fill:enable='between(t,2,3.99)'"
    source = clip(pictures, "-g", 10)

    assert 2.0 <= chosen(source, tmp_path, Cut(start=2.0, end=3.9)) < 3.9


def test_the_time_of_a_chosen_picture_is_its_own_and_not_a_whole_frames(clip, tmp_path):
    three = "testsrc2=s=320x180:r=10:d=6,select='eq(n,0)+eq(n,13)+eq(n,36)'"
    pictures = f"{three},drawbox=c=black:t=fill:enable='not(between(t,1.2,1.4))'"
    source = clip(pictures, "-g", 1, "-fps_mode", "vfr")

    assert chosen(source, tmp_path) == pytest.approx(1.3, abs=0.001)


def test_after_the_last_frame_it_is_the_last(clip, tmp_path):
    source = clip("color=black:s=64x48:r=30:d=1.5,geq=lum='16+4*N':cb=128:cr=128")

    for seconds in (1.4999, 1.5, 9.0):
        assert taken(source, seconds, tmp_path).mean() == pytest.approx(4 * 44 * 255 / 219, abs=3 * 4 * 255 / 219)


def test_where_the_sound_goes_on_it_is_still_the_last(clip, ffmpeg, tmp_path):
    clip("testsrc2=s=320x180:r=30:d=1", name="pictures.mp4")
    tone = ("-f", "lavfi", "-i", "sine=d=4", "-c:v", "copy", "-c:a", "aac")
    ffmpeg("-i", tmp_path / "pictures.mp4", *tone, tmp_path / "longer.mp4")
    source = probe(tmp_path / "longer.mp4", LIMITS)

    assert source.seconds > 3.5
    assert taken(source, 3.5, tmp_path).mean() > 80
    assert chosen(source, tmp_path, Cut(start=2.0)) >= 2.0


def test_a_frame_is_what_ffmpeg_shows_then_in_rgb(clip, ffmpeg, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=3", "-g", 20)
    ffmpeg("-ss", "1.7", "-i", source.file, "-frames:v", 1, "-vf", "format=gbrp", tmp_path / "theirs.png")
    theirs = cv2.imread(str(tmp_path / "theirs.png"))[..., ::-1].astype(int)

    ours = taken(source, 1.7, tmp_path).astype(int)

    assert ours.shape == (180, 320, 3)
    assert np.abs(ours - theirs).mean() < 2


def test_a_turned_clip_has_its_frame_upright(clip, ffmpeg, tmp_path):
    clip("color=black:s=64x48:r=30:d=1,drawbox=w=16:h=16:c=white:t=fill", name="flat.mp4")  # its upper left corner
    turned = tmp_path / "turned.mp4"
    ffmpeg("-i", tmp_path / "flat.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", turned)
    source = probe(turned, LIMITS)

    frame = taken(source, 0.5, tmp_path)

    assert frame.shape == (64, 48, 3)
    ffmpeg("-i", turned, "-frames:v", 1, tmp_path / "theirs.png")
    theirs = cv2.imread(str(tmp_path / "theirs.png"))
    assert theirs[-12:, :12].mean() > 240  # the upper left corner has come down
    assert np.abs(frame.astype(int) - theirs).mean() < 1


@pytest.mark.parametrize(("width", "height"), [(160, 90), (107, 61)])
def test_a_frame_that_is_taken_smaller_has_even_sides(width, height, clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=1,gblur=3")
    whole = taken(source, 0.5, tmp_path)

    small = taken(source, 0.5, tmp_path, width=width, height=height)

    assert small.shape == (height + height % 2, width + width % 2, 3)
    expected = cv2.resize(whole, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 2


def test_a_frame_of_a_clip_with_odd_sides_has_them(clip, ffmpeg, tmp_path):
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv444p", "-colorspace", "bt709")
    source = clip("testsrc2=s=320x180:r=30:d=1,gblur=2,format=yuv444p,scale=321:181,setsar=1", codec=codec)
    ffmpeg("-i", source.file, "-vf", "select='eq(n,15)',format=gbrp", "-frames:v", 1, tmp_path / "theirs.png")
    theirs = cv2.imread(str(tmp_path / "theirs.png"))[..., ::-1].astype(int)

    frame = taken(source, 0.5, tmp_path)

    assert frame.shape == (181, 321, 3)
    assert np.abs(frame.astype(int) - theirs).mean() < 2.5


def test_pictures_that_cannot_be_decoded_are_refused(clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=1")
    data = bytearray(source.file.read_bytes())
    at = data.index(b"mdat") + 4
    end = at - 8 + int.from_bytes(data[at - 8 : at - 4], "big")
    data[at:end] = bytes(end - at)
    source.file.write_bytes(data)

    with pytest.raises(Rejected) as rejection:
        taken(source, 0.5, tmp_path)

    assert rejection.value.code == "corrupt_media"


@pytest.mark.parametrize(
    ("width", "height", "count"), [(320, 180, MOST_KEYFRAMES), (1280, 720, 9), (3840, 2160, LEAST_KEYFRAMES)]
)
def test_fewer_keyframes_are_looked_at_of_larger_pictures(width, height, count, clip):
    source = clip(f"color=s={width}x{height}:r=1:d=1")

    arguments = keyframe_arguments(source, Span(start=0.0, seconds=60.0), LIMITS)

    assert arguments[arguments.index("-frames:v") + 1] == str(count)


def test_only_as_much_is_decoded_as_is_cheap(clip):
    source = replace(clip("color=s=1280x720:r=30:d=1"), seconds=600.0)

    arguments = stretch_arguments(source, Span(start=0.0, seconds=600.0), LIMITS)

    assert f"trim=start=0:end={120e6 / (1280 * 720 * 30):.6f}" in arguments[arguments.index("-filter_complex") + 1]


def test_nothing_is_left_in_the_folder(clip, tmp_path):
    source = clip("testsrc2=s=320x180:r=30:d=1")
    before = {*tmp_path.iterdir()}

    chosen(source, tmp_path)

    assert {*tmp_path.iterdir()} == before


def test_times_are_read_in_their_own_unit():
    text = "#software: x\n#tb 0: 1001/30000\n#media_type 0: video\n0, 0, 0, 1, 65536, 0xab\n0, 2, 30, 1, 65536, 0xcd\n"

    np.testing.assert_allclose(read_times(text), [0, 30 * 1001 / 30000])
