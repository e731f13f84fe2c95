"""What is known of a clip before anything of it is decoded, and what is refused there."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from config import Limits
from jobs.errors import Rejected
from pipeline.clip.extents import Extent
from pipeline.clip.probe import choose_rate, iso_moment, probe
from tests.pipeline.clip.making import with_matrix

LIMITS = Limits()
H264 = ("-c:v", "libx264", "-preset", "ultrafast")


def pictures(size="320x180", rate=30, seconds=2):
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}")


def tone(seconds=2):
    return ("-f", "lavfi", "-i", f"sine=d={seconds}")


@pytest.fixture
def made(ffmpeg, tmp_path):
    """Make a clip of the arguments, and probe it."""

    def make(*arguments, name="clip.mp4", limits=LIMITS):
        ffmpeg(*arguments, tmp_path / name)
        return probe(tmp_path / name, limits)

    return make


def refused(file, limits=LIMITS):
    with pytest.raises(Rejected) as error:
        probe(file, limits)
    return error.value.code


def test_a_plain_clip(made):
    source = made(*pictures(), *tone(), *H264, "-c:a", "aac")

    assert (source.demuxer, source.format) == ("mov", "mp4")
    assert (source.width, source.height, source.rotation) == (320, 180, 0)
    assert source.seconds == pytest.approx(2.0, abs=0.03)
    assert source.frames_per_second == 30
    assert (source.video.codec, source.sound.codec, source.loops) == ("h264", "aac", False)


CONTAINERS = [
    ("mov", "prores", "mov"),
    ("mkv", "libx264", "mkv"),
    ("webm", "libvpx", "webm"),
    ("ts", "libx264", "ts"),
    ("avi", "mjpeg", "avi"),
    ("3gp", "h263", "3gp"),
]


@pytest.mark.parametrize(("extension", "codec", "name"), CONTAINERS)
def test_length_and_rate_are_known_in_every_container(extension, codec, name, made):
    source = made(*pictures("352x288", 25, 3), "-c:v", codec, "-g", "25", name=f"clip.{extension}")

    assert source.format == name
    assert source.seconds == pytest.approx(3.0, abs=0.05)
    assert source.frames_per_second == pytest.approx(25.0, abs=0.01)


def test_a_wrong_extension_does_not_matter(made):
    assert made(*pictures(), *H264, "-f", "mp4", name="clip.gif").format == "mp4"


@pytest.mark.parametrize(("matrix", "turned"), [(90, 270), (180, 180), (270, 90)])
def test_the_picture_is_as_large_as_it_is_seen(matrix, turned, ffmpeg, tmp_path):
    ffmpeg(*pictures(), *H264, tmp_path / "flat.mp4")
    one = 1 << 16
    turns = {90: (0, -one, one, 0), 180: (-one, 0, 0, -one), 270: (0, one, -one, 0)}[matrix]
    with_matrix(tmp_path / "flat.mp4", *turns)

    source = probe(tmp_path / "flat.mp4", LIMITS)

    assert source.rotation == turned
    assert (source.width, source.height) == ((320, 180) if matrix == 180 else (180, 320))


def test_pixels_that_are_no_squares_are_counted_as_seen(made):
    source = made(*pictures("720x576"), "-vf", "setsar=64/45", *H264)

    assert (source.width, source.height) == (1024, 576)


def test_a_cover_is_no_clip(ffmpeg, tmp_path):
    Image.fromarray(np.zeros((500, 500, 3), np.uint8)).save(tmp_path / "cover.jpg")
    inputs = ("-i", tmp_path / "cover.jpg", *tone())
    maps = ("-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac", "-disposition:v", "attached_pic")
    ffmpeg(*inputs, *maps, tmp_path / "song.m4a")

    assert refused(tmp_path / "song.m4a") == "no_video"


def test_the_clip_is_chosen_beside_its_cover(ffmpeg, tmp_path):
    Image.fromarray(np.zeros((1500, 1500, 3), np.uint8)).save(tmp_path / "cover.jpg")
    inputs = ("-i", tmp_path / "cover.jpg", *pictures(), *tone())
    maps = ("-map", "0", "-map", "1", "-map", "2", "-c:v:0", "copy", "-c:v:1", "libx264", "-preset:v:1", "ultrafast")
    ffmpeg(*inputs, *maps, "-c:a", "aac", "-disposition:v:0", "attached_pic", tmp_path / "clip.mp4")

    source = probe(tmp_path / "clip.mp4", LIMITS)

    assert (source.width, source.height) == (320, 180)


def test_of_two_tracks_the_larger_is_chosen_unless_it_hardly_moves(made):
    maps = ("-map", "0", "-map", "1", *H264, "-disposition:v", "default")

    assert made(*pictures("320x180"), *pictures("640x360"), *maps).width == 640
    assert made(*pictures("320x180"), *pictures("640x360", rate=1), *maps).width == 320


def test_the_default_track_goes_before_a_larger_one(made):
    maps = ("-map", "0", "-map", "1", *H264, "-disposition:v:0", "default", "-disposition:v:1", "0")

    assert made(*pictures("320x180"), *pictures("640x360"), *maps, name="clip.mkv").width == 320


def test_sound_alone_is_refused_with_that_reason(ffmpeg, tmp_path):
    ffmpeg(*tone(), "-c:a", "aac", tmp_path / "sound.mp4")

    assert refused(tmp_path / "sound.mp4") == "no_video"


def test_a_recording_without_its_index_is_truncated(ffmpeg, tmp_path):
    ffmpeg(*pictures(), *H264, tmp_path / "clip.mp4")
    whole = (tmp_path / "clip.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: whole.index(b"moov") - 4])

    assert refused(tmp_path / "cut.mp4") == "truncated_clip"


def test_a_matroska_that_breaks_off_is_truncated(ffmpeg, tmp_path):
    ffmpeg(*pictures(seconds=4), *H264, "-g", "30", tmp_path / "clip.mkv")
    whole = (tmp_path / "clip.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 6 // 10])

    assert refused(tmp_path / "cut.mkv") == "truncated_clip"


def test_nothing_and_nonsense_are_refused(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "nonsense").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 50)

    assert refused(tmp_path / "empty") == "empty_file"
    assert refused(tmp_path / "nonsense") == "corrupt_header"


def test_a_playlist_in_a_clips_clothes_reads_no_other_file(ffmpeg, tmp_path):
    ffmpeg(*pictures(), *H264, tmp_path / "secret.ts")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n")

    assert refused(tmp_path / "list.mp4") == "unknown_format"


LIMITED = [
    ("clip_bytes", "too_many_bytes", lambda file: file.stat().st_size),
    ("clip_seconds", "too_many_seconds", lambda _: 2),
    ("clip_long_side", "side_too_long", lambda _: 320),
    ("clip_short_side", "too_many_pixels", lambda _: 180),
    ("clip_streams", "too_many_streams", lambda _: 2),
    ("clip_frames", "too_many_frames", lambda _: 60),
    ("clip_frames_per_second", "too_many_frames_per_second", lambda _: 30),
]
STORED = {
    "avi": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "mp4": ("-c:v", "mjpeg", "-c:a", "aac"),
    "mkv": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "ts": ("-c:v", "mpeg2video", "-bf", "0", "-c:a", "mp2"),
}


@pytest.mark.parametrize("extension", STORED)
@pytest.mark.parametrize(("limit", "code", "size"), LIMITED, ids=[limit for limit, *_ in LIMITED])
def test_each_limit_holds_at_its_number_and_refuses_one_more(limit, code, size, extension, ffmpeg, tmp_path):
    if extension == "ts" and limit in ("clip_seconds", "clip_frames_per_second"):
        pytest.skip("a transport stream does not say when its last picture ends")
    file = tmp_path / f"clip.{extension}"
    ffmpeg(*pictures(), *tone(1.9), *STORED[extension], file)
    most = size(file)

    probe(file, replace(LIMITS, **{limit: most}))
    assert refused(file, replace(LIMITS, **{limit: most - 1})) == code


@pytest.mark.parametrize("size", ["320x180", "180x320"])
def test_a_frame_may_lie_either_way(size, made):
    made(*pictures(size), *H264, limits=replace(LIMITS, clip_long_side=320, clip_short_side=180))


@pytest.mark.parametrize(("codec", "extension"), [("flv1", "avi"), ("wmv2", "mkv"), ("huffyuv", "avi"), ("vc2", "mov")])
def test_what_no_phone_or_browser_writes_is_an_unknown_codec(codec, extension, ffmpeg, tmp_path):
    ffmpeg(*pictures(), "-c:v", codec, "-strict", "-2", tmp_path / f"clip.{extension}")

    assert refused(tmp_path / f"clip.{extension}") == "unknown_codec"


@pytest.mark.parametrize("extension", ["flv", "wmv", "mpg", "nut", "mxf"])
def test_what_no_phone_or_browser_writes_is_an_unknown_format(extension, ffmpeg, tmp_path):
    ffmpeg(
        *pictures("352x288", 25, 1),
        *(("-c:v", "mpeg2video") if extension == "mxf" else ()),
        tmp_path / f"clip.{extension}",
    )

    assert refused(tmp_path / f"clip.{extension}") == "unknown_format"


def test_a_gif_with_too_many_pictures_is_refused_before_ffmpeg_sees_it(made, tmp_path):
    made(*pictures(rate=10), name="a.gif", limits=replace(LIMITS, frames=20))

    assert refused(tmp_path / "a.gif", replace(LIMITS, frames=19)) == "too_many_frames"


def test_interlacing_range_and_alpha_are_noticed(made):
    interlaced = made(
        *pictures("720x576", 50), "-vf", "format=yuv420p,tinterlace=interleave_top", "-c:v", "mpeg2video",
        "-flags", "+ildct+ilme", name="a.ts",
    )  # fmt: skip
    full = made(*pictures(), "-pix_fmt", "yuvj420p", *H264, name="b.mp4")
    clear = made(*pictures(), "-vf", "format=yuva420p", "-c:v", "libvpx", "-auto-alt-ref", "0", name="c.webm")

    assert (interlaced.video.interlaced, full.video.interlaced) == (True, False)
    assert (full.video.full_range, interlaced.video.full_range) == (True, False)
    assert (clear.video.alpha, full.video.alpha) == (True, False)


def test_a_picture_at_another_angle_than_a_quarter_is_left_as_it_is(ffmpeg, tmp_path):
    ffmpeg(*pictures(), *H264, tmp_path / "flat.mp4")
    with_matrix(tmp_path / "flat.mp4", 52339, 39440, -39440, 52339)  # 37 degrees

    source = probe(tmp_path / "flat.mp4", LIMITS)

    assert (source.rotation, source.mirrored, source.width) == (0, False, 320)


def test_absurd_pixels_are_refused(ffmpeg, tmp_path):
    ffmpeg(*pictures(), "-vf", "setsar=1/255", *H264, tmp_path / "thin.mp4")

    assert refused(tmp_path / "thin.mp4") == "corrupt_header"


def test_more_pictures_than_any_camera_takes_are_refused(ffmpeg, tmp_path):
    ffmpeg("-f", "lavfi", "-i", "color=gray:s=16x16:r=1000:d=2", *H264, tmp_path / "quick.mp4")

    assert refused(tmp_path / "quick.mp4") == "too_many_frames_per_second"


def test_an_index_in_free_space_is_none(ffmpeg, tmp_path):
    ffmpeg(*pictures(), *H264, tmp_path / "clip.mp4")
    (tmp_path / "free.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes().replace(b"moov", b"free"))

    assert refused(tmp_path / "free.mp4") == "truncated_clip"


def test_a_gif_loops_and_one_of_a_single_picture_is_a_photo(made, tmp_path):
    assert made(*pictures(rate=10), name="a.gif").loops

    Image.fromarray(np.zeros((7, 5, 3), np.uint8)).save(tmp_path / "b.gif")
    assert refused(tmp_path / "b.gif") == "photo_not_clip"


def test_when_and_with_what_it_was_taken_is_known_and_not_where(made):
    source = made(
        *pictures(), *H264, "-movflags", "use_metadata_tags",
        *("-metadata", "com.apple.quicktime.creationdate=2021-03-04T05:06:07+0200"),
        *("-metadata", "com.apple.quicktime.make=Apple", "-metadata", "com.apple.quicktime.model=iPhone 12"),
        *("-metadata", "com.apple.quicktime.location.ISO6709=+48.8577+002.2950/"), name="a.mov",
    )  # fmt: skip

    assert (source.taken_at, source.make, source.model) == ("2021-03-04T05:06:07+02:00", "Apple", "iPhone 12")
    assert "48.85" not in repr(source)


@pytest.mark.parametrize("written", ["", "yesterday", "1904-01-01T00:00:00.000000Z", "1970-01-01T00:00:00Z"])
def test_a_clock_that_was_never_set_tells_no_time(written):
    assert iso_moment(written) is None


def test_sound_that_goes_on_lengthens_the_clip(made):
    source = made(*pictures(seconds=2), *tone(5), *H264, "-c:a", "aac")

    assert source.seconds == pytest.approx(5.0, abs=0.05)
    assert source.video.ends == pytest.approx(2.0, abs=0.01)


def test_sound_that_primes_its_decoder_counts_for_nothing(made):
    source = made(*pictures(), *tone(), "-c:v", "libvpx", "-c:a", "libopus", name="a.webm")

    assert source.seconds == pytest.approx(2.0, abs=0.03)
    assert 0 <= source.lead_seconds < 0.03


def test_a_recording_in_fragments_is_as_long_as_all_of_them(made):
    flags = ("-g", "30", "-movflags", "+frag_keyframe+empty_moov+default_base_moof")
    source = made(*pictures(seconds=5), *H264, *flags)

    assert source.seconds == pytest.approx(5.0, abs=0.1)


def test_a_rate_that_only_says_how_the_clock_ticks_is_counted():
    stream = {"avg_frame_rate": "1000/1"}

    assert choose_rate(stream, Extent(start=0.0, end=2.0, packets=24, rate=12.0), "matroska", 240) == 12.0


def test_a_rate_is_never_nothing():
    still = Extent(start=0.0, end=60.0, packets=1, rate=1 / 60)

    assert choose_rate({"avg_frame_rate": "0/0"}, still, "matroska", 240) == pytest.approx(1 / 60)
    assert choose_rate({"avg_frame_rate": "0/0"}, replace(still, rate=0.0), "matroska", 240) > 0
