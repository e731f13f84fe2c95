"""The way of frames through our own kernels: sizes, what is decided once, and that every end is clean."""

import signal
import threading
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import numpy as np
import psutil
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config import Limits
from config.presets import ClipLadder, ClipPreset
from filters.compile import compile_recipe
from filters.geometry import edited_size
from filters.planes import frame_bytes, rgb_of
from filters.program import Program
from filters.recipe import Adjustments, Crop, Geometry, LookChoice, Recipe
from jobs.errors import Rejected, Unavailable
from pipeline.clip.ffmpeg import EncoderDied
from pipeline.clip.frames import decoded_size, edit_frames, edited
from pipeline.clip.plan import Frames, Span, rung_size
from pipeline.clip.probe import probe
from pipeline.clip.render import render_clip
from pipeline.services import Edits
from tests.pipeline.clip.making import panned, play, record, scene

LIMITS = Limits()
RATE = 10
LOOK = compile_recipe(Recipe(look=LookChoice(name="clarendon")))
KEPT = ("-c:v", "copy", "-f", "rawvideo", "frames.yuv")
DROPPED = ("-f", "null", "-")


def edit(folder, file, program=LOOK, to=DROPPED, *, poster=None, report=lambda share: None):
    """Edit a clip at its own size; how many frames there were."""
    source = probe(file, LIMITS)
    width, height = rung_size(*edited_size(source.height, source.width, program.geometry)[::-1], 1080)
    frames = Frames(width=width, height=height, rate=Fraction(RATE))
    taken = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(RATE), "-i", "pipe:0")
    return edit_frames(
        source,
        Span(start=0.0, seconds=source.seconds),
        program,
        frames,
        (*taken, *to),
        LIMITS,
        folder=folder,
        poster=scene(source.height, source.width) if poster is None else poster,
        report=report,
    )


def kept(ffmpeg, folder, height, width):
    """The frames that `KEPT` leaves, in RGB."""
    layout = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}")
    return play(ffmpeg, folder / "frames.yuv", height, width, *layout)


def end(name):
    """What kills the process among our children whose command has `name` in it."""

    def kill(_):
        for child in psutil.Process().children():
            if name in " ".join(child.cmdline()):
                child.send_signal(signal.SIGKILL)

    return kill


@pytest.fixture(scope="session")
def long(ffmpeg, tmp_path_factory):
    """Six seconds, of which pipes and buffers hold a part only."""
    return record(ffmpeg, tmp_path_factory.mktemp("long") / "clip.mkv", panned(240, 320, 10) * 6)


def running_ffmpegs():
    """Those that we started."""
    return [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No test may leave a process, an open file or a thread behind."""
    files, threads = psutil.Process().num_fds(), set(threading.enumerate())
    yield
    assert not running_ffmpegs()
    assert psutil.Process().num_fds() <= files
    assert set(threading.enumerate()) <= threads


sides = st.integers(2, 4000)
crops = st.tuples(*[st.floats(0, 0.6), st.floats(0.05, 0.4)] * 2).map(
    lambda part: Crop(left=part[0], width=part[1], top=part[2], height=part[3])
)
geometries = st.builds(
    Geometry,
    rotate=st.sampled_from([0, 90, 180, 270]),
    flip=st.sampled_from(["none", "horizontal"]),
    straighten=st.sampled_from([0.0, 0.0, 10.0]),
    crop=st.one_of(st.just(Crop()), crops),
)


@given(sides, sides, geometries)
def test_no_more_is_decoded_than_there_is_and_enough_to_draw_the_frame(height, width, geometry):
    frame = edited_size(height, width, geometry)
    drawn = rung_size(*frame[::-1], 480)[::-1]
    assume(drawn[0] <= frame[0] and drawn[1] <= frame[1])  # an odd side is made even, perhaps upwards

    decoded = decoded_size((height, width), geometry, drawn)

    reached = edited_size(*decoded, geometry)
    for place, side in enumerate((height, width)):
        assert decoded[place] <= side
        assert reached[place] >= drawn[place] - 1


def test_a_frame_that_is_only_turned_is_decoded_at_the_size_it_is_drawn_at():
    assert decoded_size((3840, 2160), Geometry(), (1920, 1080)) == (1920, 1080)
    assert decoded_size((3840, 2160), Geometry(rotate=270), (1080, 1920)) == (1920, 1080)


def test_a_small_crop_is_decoded_whole_and_a_large_one_with_a_fifth_of_headroom():
    small, large = Crop(left=0.4, top=0.4, width=0.25, height=0.25), Crop(width=0.5, height=0.5)

    assert decoded_size((2160, 3840), Geometry(crop=small), (540, 960)) == (2160, 3840)
    assert decoded_size((2160, 3840), Geometry(crop=large), (540, 960)) == (1296, 2304)


@pytest.mark.parametrize("size", [(2, 2), (2, 40), (40, 2), (5, 7), (31, 64), (101, 57)])
@pytest.mark.parametrize("geometry", [Geometry(), Geometry(rotate=90), Geometry(crop=Crop(width=0.5, height=0.9))])
def test_tiny_and_odd_sizes(tmp_path, ffmpeg, size, geometry):
    file = record(ffmpeg, tmp_path / "clip.mkv", panned(*size, 3))
    program = Program(geometry=geometry, steps=LOOK.steps)
    width, height = rung_size(*edited_size(*size, geometry)[::-1], 1080)

    assert edit(tmp_path, file, program, KEPT) == 3
    assert kept(ffmpeg, tmp_path, height, width).shape == (3, height, width, 3)


def test_one_frame(tmp_path, ffmpeg):
    file = record(ffmpeg, tmp_path / "clip.mkv", [scene(36, 64)])

    assert edit(tmp_path, file, to=KEPT) == 1
    assert len(kept(ffmpeg, tmp_path, 36, 64)) == 1


def test_frames_come_in_order_and_none_is_lost(tmp_path, ffmpeg):
    tones = [20 + 3 * n for n in range(60)]
    file = record(ffmpeg, tmp_path / "clip.mkv", [np.full((36, 64, 3), tone, np.uint8) for tone in tones])

    assert edit(tmp_path, file, Program(), KEPT) == 60
    np.testing.assert_allclose(kept(ffmpeg, tmp_path, 36, 64)[:, 18, 32].mean(axis=1), tones, atol=1)


def test_a_frame_that_repeats_the_one_before_is_drawn_once():
    one, other = (np.random.default_rng(seed).bytes(frame_bytes(6, 4)) for seed in (1, 2))
    drawn = []

    def draw(pixels):
        drawn.append(pixels.copy())
        return 255 - pixels

    frames = map(bytearray, (one, one, other, other, other, one))
    results = [frame.copy() for frame in edited(frames, (6, 4), draw, (6, 4))]

    assert len(drawn) == 3
    np.testing.assert_array_equal(drawn[1], rgb_of(other, 6, 4))
    assert [np.array_equal(*pair) for pair in pairwise(results)] == [True, False, True, True, False]
    np.testing.assert_array_equal(results[0], results[5])


def test_automatic_tone_is_the_posters_and_does_not_flicker(tmp_path, ffmpeg):
    """Something dark passes through a room: what stays keeps its tone, which a tone of each frame's own would lift."""
    room = scene(96, 128) // 3 + 120
    frames = [room.copy() for _ in range(6)]
    for place in (2, 3, 4):
        frames[place][:, : 16 * place] = 8
    file = record(ffmpeg, tmp_path / "clip.mkv", frames)
    lux = compile_recipe(Recipe(adjustments=Adjustments(lux=100)))

    edit(tmp_path, file, lux, KEPT, poster=room)

    made, stays = kept(ffmpeg, tmp_path, 96, 128), np.s_[:, 100:]
    tones = [frame[stays].mean() for frame in made]
    assert max(tones) - min(tones) < 1
    assert abs(tones[0] - lux.apply(room)[stays].mean()) < 1
    own = [lux.apply(frame)[stays].mean() for frame in frames]
    assert max(own) - min(own) > 5


def test_progress_rises_to_the_end(tmp_path, long):
    shares = []

    edit(tmp_path, long, report=shares.append)

    assert shares == sorted(shares)
    assert len(shares) == 6
    assert shares[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["clip.mkv", "pipe:0"], ids=["decoder", "encoder"])
def test_a_process_that_is_killed_is_told_of(tmp_path, long, name):
    with pytest.raises(EncoderDied, match="SIGKILL"):
        edit(tmp_path, long, report=end(name))


def test_an_encoder_that_cannot_write_says_so_at_once(tmp_path, long):
    with pytest.raises((Rejected, Unavailable), match="No such file"):
        edit(tmp_path, long, to=("-c:v", "copy", "-f", "rawvideo", "missing/frames.yuv"))


def test_an_encoder_may_have_had_enough(tmp_path, ffmpeg, long):
    """As one that cuts its outputs would: what it made is whole."""
    edit(tmp_path, long, to=("-frames:v", "3", *KEPT))

    assert len(kept(ffmpeg, tmp_path, 240, 320)) == 3


def test_an_error_while_frames_are_on_their_way_ends_both_processes(tmp_path, long):
    def cancel(_):
        assert len(running_ffmpegs()) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edit(tmp_path, long, report=cancel)


def test_an_error_in_a_kernel_ends_both_processes(tmp_path, long):
    class Broken:
        def apply(self, pixels):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        edit(tmp_path, long, Program(steps=(Broken(),)))


def test_a_clip_that_breaks_off_gives_fewer_frames_than_it_states(tmp_path, ffmpeg):
    tags = ("-pix_fmt", "yuv420p", "-color_range", "tv", "-colorspace", "bt709")
    card = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=6")
    ffmpeg(*card, "-c:v", "libx264", "-g", "10", "-bf", "0", *tags, "-movflags", "+faststart", tmp_path / "whole.mp4")
    whole = (tmp_path / "whole.mp4").read_bytes()
    broken = tmp_path / "clip.mp4"
    broken.write_bytes(whole[: len(whole) * 2 // 3])

    assert 30 < edit(tmp_path, broken) < 50


def test_a_clip_without_a_frame_that_can_be_decoded_is_rejected(tmp_path, ffmpeg):
    card = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=6")
    ffmpeg(*card, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", tmp_path / "whole.mp4")
    whole = (tmp_path / "whole.mp4").read_bytes()
    broken = tmp_path / "clip.mp4"
    broken.write_bytes(whole[: whole.index(b"mdat") + 100])

    with pytest.raises(Rejected) as rejection:
        edit(tmp_path, broken)

    assert rejection.value.code == "corrupt_media"


def test_memory_does_not_grow_with_the_clips_length(tmp_path, ffmpeg):
    """Ten minutes at ten frames a second."""
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=600")
    ffmpeg(*picture, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", tmp_path / "clip.mkv")
    peaks = []

    def measure(share):
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()

    tracemalloc.start()
    try:
        assert edit(tmp_path, tmp_path / "clip.mkv", report=measure) == 6000
    finally:
        tracemalloc.stop()
    assert max(peaks[300:]) < max(peaks[1:100]) + 50_000


def test_a_sharpened_rung_is_the_same_whether_it_is_made_first_or_with_the_others(tmp_path, ffmpeg):
    rungs = tuple(ClipPreset(name=name, short_side=side, kbps=5000) for name, side in (("large", 96), ("small", 48)))
    ladder = ClipLadder(rungs=rungs, strip=None)
    edits = Edits(recipe=Recipe(adjustments=Adjustments(sharpen=100)))
    made = []
    for mandatory in ((), ("small",)):
        folder = tmp_path / f"{len(mandatory)} first"
        (folder / "out").mkdir(parents=True)
        record(ffmpeg, folder / "clip.mkv", panned(96, 128, 3)).rename(folder / "original")
        clip = render_clip(folder, ladder, LIMITS, edits, mandatory, lambda share: None, lambda part: None)
        made.append({file.name: file.file for file in clip.files})

    assert made[0]["small"] == made[1]["small"]
    assert made[0]["large"] == made[1]["large"]
