"""A clip's way from the original to all that is played of it."""

import hashlib
import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from config import CLIP_LADDERS, Limits
from filters.recipe import Adjustments, Crop, Cut, Geometry, Recipe
from jobs.errors import Rejected
from pipeline.clip.allowance import allowed
from pipeline.clip.probe import probe
from pipeline.clip.render import render_clip
from pipeline.services import Edits
from tests.pipeline.clip.making import with_matrix

STANDARD = CLIP_LADDERS["standard"]
LADDER = replace(STANDARD, rungs=tuple(replace(rung, speed="ultrafast") for rung in STANDARD.rungs))
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-pix_fmt", "yuv420p")
CARD = ("-f", "lavfi", "-i", "testsrc2=s=960x540:r=30:d=3")
TONE = ("-f", "lavfi", "-i", "sine=d=3:r=48000")
COUNTER = ("-f", "lavfi", "-i", "nullsrc=s=64x64:r=30:d=3,geq=lum='30+2*N':cb=128:cr=128,format=yuv420p")


class Job:
    """One render in a folder of its own."""

    def __init__(self, folder, original):
        self.folder = folder
        self.reported, self.parts = [], []
        (folder / "out").mkdir(parents=True)
        (folder / "original").write_bytes(original.read_bytes())

    def render(self, recipe=None, mandatory=(), ladder=LADDER, limits=Limits()):  # noqa: B008 - it is frozen
        self.clip = render_clip(
            self.folder,
            ladder,
            limits,
            Edits(recipe=recipe or Recipe()),
            mandatory,
            self.reported.append,
            self.parts.append,
        )
        return self.clip

    def path(self, name):
        return next(self.folder / "out" / file.file for file in self.clip.files if file.name == name)

    def tones(self, name):
        """The mean grey of every frame of a rendition."""
        command = ["ffmpeg", "-v", "error", "-i", self.path(name), "-vf", "scale=1:1:flags=area,format=gray"]
        frames = subprocess.run([*command, "-f", "rawvideo", "pipe:1"], capture_output=True, check=True).stdout
        return np.frombuffer(frames, np.uint8).astype(int)

    def probe(self, name, entries):
        command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", self.path(name)]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.fixture
def job(ffmpeg, tmp_path):
    """A job whose original ffmpeg makes of the arguments."""

    def make(*arguments, name="made.mp4"):
        ffmpeg(*arguments, tmp_path / name)
        return Job(tmp_path / f"job-{name}", tmp_path / name)

    return make


def names(clip):
    return {file.name for file in clip.files}


def test_everything_is_there_named_after_its_content_and_nothing_else(job):
    plain = job(*CARD, *TONE, *FAST, "-c:a", "aac")
    clip = plain.render()

    rungs = {"720p", "480p"}
    stills = {preset.name for preset in LADDER.poster}
    assert names(clip) == {*rungs, "720p.m3u8", "480p.m3u8", "master", "preview", "strip", "strip.vtt", *stills}
    for file in clip.files:
        content = (plain.folder / "out" / file.file).read_bytes()
        assert file.file.partition(".")[0] == hashlib.sha256(content).hexdigest()[:32]
    assert {path.name for path in plain.folder.iterdir()} == {"original", "out"}
    assert {path.name for path in (plain.folder / "out").iterdir()} == {file.file for file in clip.files}


def test_the_facts_tell_what_it_was(job):
    clip = job(*CARD, *TONE, *FAST, "-c:a", "aac").render()

    assert (clip.width, clip.height) == (960, 540)
    assert clip.facts["seconds"] == pytest.approx(3.0, abs=0.05)
    assert (clip.facts["format"], clip.facts["video_codec"], clip.facts["audio_codec"]) == ("mp4", "h264", "aac")
    assert (clip.facts["has_sound"], clip.facts["loops"], clip.facts["hdr"]) == (True, False, None)
    assert {"thumbhash", "blurhash", "phash", "dominant", "poster_seconds"} <= clip.facts.keys()
    assert json.loads(json.dumps(dict(clip.facts))) == dict(clip.facts)


def test_progress_never_goes_back_and_comes_to_an_end(job):
    plain = job(*CARD, *FAST)
    plain.render(mandatory=("480p",))

    assert plain.reported == sorted(plain.reported)
    assert plain.reported[0] > 0
    assert plain.reported[-1] == pytest.approx(1.0, abs=0.02)


def test_what_is_mandatory_comes_first_and_can_be_played(job):
    plain = job(*CARD, *FAST)
    clip = plain.render(mandatory=("480p",))
    (part,) = plain.parts

    stills = {preset.name for preset in LADDER.poster}
    assert names(part) == {"480p", "480p.m3u8", "master", "preview", *stills}
    assert names(clip) == names(part) | {"720p", "720p.m3u8", "strip", "strip.vtt"}
    kept = {file.name: file.file for file in clip.files}
    assert all(kept[file.name] == file.file for file in part.files if file.name != "master")
    master = next(plain.folder / "out" / file.file for file in part.files if file.name == "master").read_text()
    assert kept["480p.m3u8"] in master
    assert kept["720p.m3u8"] not in master


def test_the_same_original_gives_the_same_files(job):
    one, other = (
        job(*CARD, *TONE, *FAST, "-c:a", "aac", name="a.mp4"),
        job(*CARD, *TONE, *FAST, "-c:a", "aac", name="b.mp4"),
    )

    assert [file.file for file in one.render().files] == [file.file for file in other.render().files]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.webm"])
def test_a_cut_begins_and_ends_at_its_frame(name, job):
    codec = ("-c:v", "libvpx", "-b:v", "3M") if name == "a.webm" else FAST
    whole = job(*COUNTER, *codec, "-g", "45", "-colorspace", "bt709", "-color_range", "tv", name=name)
    whole.render(Recipe(cut=Cut(start=0.7, end=1.7)))

    tones = whole.tones("480p")
    drawn = (30 + 2 * np.arange(21, 51) - 16) * 255 / 219
    assert len(tones) == 30
    assert abs(tones - drawn).max() < 2  # a frame's neighbour is 2.3 levels away


# Grey 40 for two seconds, 100 for five, 200 for two; nothing is stored while nothing moves.
SCREEN = (
    "-f", "lavfi", "-i",
    ("color=black:s=64x64:r=30:d=9,geq=lum='16+if(lt(T,2),40,if(lt(T,7),100,200))*219/255':cb=128:cr=128,"
     "select='lt(t,2.01)+gte(t,6.99)'"), "-fps_mode", "vfr",
)  # fmt: skip


@pytest.mark.parametrize("edits", [{}, {"geometry": Geometry(flip="horizontal")}])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.webm"])
@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [(3.0, 6.0, [(100, 3.0)]), (4.0, 8.0, [(100, 3.0), (200, 1.0)]), (1.0, 5.0, [(40, 1.0), (100, 3.0)])],
)
def test_a_cut_where_a_picture_stands_still_shows_that_picture(start, end, shown, name, edits, job):
    codec = ("-c:v", "libvpx", "-b:v", "3M") if name == "a.webm" else FAST
    still = job(*SCREEN, *codec, "-colorspace", "bt709", "-color_range", "tv", name=name)
    clip = still.render(Recipe(cut=Cut(start=start, end=end), **edits))

    tones = still.tones("480p")
    rate = len(tones) / (end - start)
    for tone, seconds in shown:
        assert np.count_nonzero(abs(tones - tone) < 4) == pytest.approx(seconds * rate, abs=1.5)
    assert start - 0.01 <= clip.facts["poster_seconds"] <= end
    poster = np.asarray(Image.open(still.path("w320")).convert("L")).mean()
    assert min(abs(poster - tone) for tone, _ in shown) < 5


def test_where_a_clip_moves_it_keeps_its_motion_however_long_it_stood_still(job):
    moving = "testsrc2=s=64x64:r=30:d=9,select='lt(t,2)+gte(t,7)'"
    screen = job("-f", "lavfi", "-i", moving, "-fps_mode", "vfr", *FAST)
    clip = screen.render()

    assert clip.facts["frames_per_second"] < 15
    assert len(screen.tones("480p")) == pytest.approx(270, abs=1)


def test_a_cut_after_the_last_picture_shows_it_while_the_sound_goes_on(job):
    tail = job("-f", "lavfi", "-i", "testsrc2=s=64x64:r=30:d=1", *TONE, *FAST, "-c:a", "aac")
    tail.render(Recipe(cut=Cut(start=1.5, end=2.5)))

    assert len(tail.tones("480p")) == pytest.approx(30, abs=1)
    assert len(np.unique(tail.tones("480p"))) <= 2


def test_a_clip_whose_sound_breaks_off_is_refused(job, tmp_path, ffmpeg):
    """Its pictures lie before its sound, so that all of them are there."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=30:d=1", *FAST, tmp_path / "pictures.mp4")
    noise = ("-f", "lavfi", "-i", "anoisesrc=d=10:r=48000:a=0.2", "-c:v", "copy", "-c:a", "aac")
    whole = job("-i", tmp_path / "pictures.mp4", *noise, "-movflags", "+faststart")
    data = (whole.folder / "original").read_bytes()
    (whole.folder / "original").write_bytes(data[: len(data) * 7 // 10])

    with pytest.raises(Rejected, match=r"the last \d\.\d s of its sound") as refused:
        whole.render()

    assert refused.value.code == "truncated_clip"


@pytest.mark.parametrize(("rate", "seconds"), [("1", 3.45), ("2", 3.2)])
def test_a_clip_of_few_pictures_is_as_long_as_it_was(rate, seconds, job):
    slow = job(
        "-f", "lavfi", "-i", f"testsrc2=s=64x64:r={rate}:d=5", "-f", "lavfi", "-i", "sine=d=5:r=48000",
        "-t", str(seconds), *FAST, "-c:a", "aac", "-bf", "0",
    )  # fmt: skip
    clip = slow.render()

    made = slow.probe("480p", "stream=duration")["streams"]
    assert [float(stream["duration"]) for stream in made] == pytest.approx([clip.facts["seconds"]] * 2, abs=0.1)


def test_a_sound_too_short_to_measure_keeps_the_true_peak(job):
    loud = ("-f", "lavfi", "-i", "aevalsrc='0.99*sin(440*2*PI*t)|0.99*sin(440*2*PI*t)':d=0.3:s=48000")
    short = job("-f", "lavfi", "-i", "testsrc2=s=64x64:r=30:d=0.3", *loud, *FAST, "-c:a", "pcm_s16le", name="a.mov")
    short.render()

    said = subprocess.run(
        ["ffmpeg", "-i", short.path("480p"), "-af", "ebur128=peak=true", "-f", "null", "-"],
        capture_output=True, check=True, text=True,
    ).stderr  # fmt: skip
    assert float(said.rpartition("Peak:")[2].split()[0]) <= -1.5


@pytest.mark.parametrize("turn", [(0, 1, -1, 0), (-1, 0, 0, 1), (0.8, 0.6, -0.6, 0.8)])
def test_a_turned_clip_without_sound_is_turned_once(turn, job):
    plain = job(*CARD, *FAST)
    with_matrix(plain.folder / "original", *(int(65536 * number) for number in turn))
    plain.render()

    for name in ("480p", "preview"):
        (stream,) = plain.probe(name, "stream=width,height:stream_side_data=rotation")["streams"]
        assert stream.get("side_data_list", []) == []
        assert (stream["width"] < stream["height"]) == (turn[0] == 0)


def test_what_a_screen_is_told_of_hdr_is_not_taken_over(job):
    bright = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:max-cll=1000,400:repeat-headers=1"
    mastered = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    hdr = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-preset", "ultrafast")
    clip = job(*CARD, *hdr, "-x265-params", f"{bright}:{mastered}:log-level=error").render()

    assert clip.facts["hdr"] == "pq"
    assert {"480p", "preview"} <= names(clip)


def test_a_muted_clip_has_no_sound(job):
    plain = job(*CARD, *TONE, *FAST, "-c:a", "aac")
    clip = plain.render(Recipe(cut=Cut(mute=True)))

    assert not clip.facts["has_sound"]
    assert [stream["codec_type"] for stream in plain.probe("480p", "stream=codec_type")["streams"]] == ["video"]


def test_silence_is_sound(job):
    silent = job(*CARD, "-f", "lavfi", "-i", "anullsrc=d=3", *FAST, "-c:a", "aac", "-shortest")
    clip = silent.render()

    assert clip.facts["has_sound"]
    assert clip.facts["loudness_lufs"] is None
    assert len(silent.probe("480p", "stream=codec_type")["streams"]) == 2


def test_an_edit_is_drawn_on_every_frame_and_on_the_poster(job):
    plain = job(*COUNTER, *FAST, "-colorspace", "bt709", "-color_range", "tv")
    plain.render()
    before, still = plain.tones("480p"), np.asarray(Image.open(plain.path("w1080"))).mean()
    bright = job(*COUNTER, *FAST, "-colorspace", "bt709", "-color_range", "tv", name="other.mp4")
    bright.render(Recipe(adjustments=Adjustments(brightness=50)))

    assert len(bright.tones("480p")) == len(before) == 90
    assert (bright.tones("480p") > before + 5)[5:60].all()
    assert np.asarray(Image.open(bright.path("w1080"))).mean() > still + 5


def test_a_turned_and_cropped_clip_has_the_edited_frames_size(job):
    plain = job(*CARD, *TONE, *FAST, "-c:a", "aac")
    clip = plain.render(Recipe(geometry=Geometry(rotate=90, crop=Crop(width=0.5, height=0.5))))
    sizes = {file.name: (file.width, file.height) for file in clip.files}

    assert (clip.width, clip.height) == (960, 540)
    assert sizes["480p"] == (270, 480)
    assert sizes["w1080"] == (270, 480)


def test_a_clip_that_breaks_off_is_refused(job, tmp_path):
    whole = job(*CARD, *FAST, "-movflags", "+faststart")
    data = (whole.folder / "original").read_bytes()
    (whole.folder / "original").write_bytes(data[: len(data) // 2])

    with pytest.raises(Rejected) as refused:
        whole.render()

    assert refused.value.code == "truncated_clip"
    assert whole.parts == []


def test_a_few_broken_bytes_at_its_end_cost_a_clip_nothing(job):
    whole = job(*CARD, *FAST, "-movflags", "+faststart")
    data = bytearray((whole.folder / "original").read_bytes())
    data[-2000:] = b"\x55" * 2000
    (whole.folder / "original").write_bytes(data)

    assert whole.render().facts["seconds"] == pytest.approx(3.0, abs=0.01)
    assert len(whole.tones("480p")) == 90


def test_the_last_picture_stands_while_the_sound_goes_on(job):
    plain = job("-f", "lavfi", "-i", "testsrc2=s=64x64:r=30:d=1", *TONE, *FAST, "-c:a", "aac")
    plain.render()

    assert len(plain.tones("480p")) == pytest.approx(90, abs=1)


def test_pictures_that_begin_after_the_sound_are_kept_in_time(ffmpeg, job):
    late = ("-f", "lavfi", "-itsoffset", "1", "-i", "color=white:s=64x64:r=30:d=2")
    plain = job(*late, *TONE, *FAST, "-c:a", "aac", name="late.mkv")
    plain.render()

    assert len(plain.tones("480p")) == pytest.approx(90, abs=2)


def test_120_frames_a_second_become_30_of_the_same_length(job):
    quick = job("-f", "lavfi", "-i", "testsrc2=s=128x72:r=120:d=2", *FAST)
    clip = quick.render()

    assert clip.facts["frames_per_second"] == 120
    assert len(quick.tones("480p")) == 60


def test_uneven_frames_become_even_ones_of_the_same_length(job):
    gap = ("-vf", "select='lt(t,1)+gte(t,2)'", "-fps_mode", "vfr")
    plain = job(*CARD, *gap, *FAST)
    plain.render()
    told = plain.probe("480p", "packet=duration_time:format=duration")

    assert float(told["format"]["duration"]) == pytest.approx(3.0, abs=0.05)
    assert len({packet["duration_time"] for packet in told["packets"]}) == 1


def test_a_clip_whose_size_changes_on_the_way_keeps_the_size_of_its_beginning(ffmpeg, tmp_path):
    """As a recorded call does. Transport streams are joined by laying one behind the other."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=2", *FAST, tmp_path / "large.ts")
    small = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", *FAST, "-output_ts_offset", "2")
    ffmpeg(*small, tmp_path / "small.ts")
    (tmp_path / "both.ts").write_bytes((tmp_path / "large.ts").read_bytes() + (tmp_path / "small.ts").read_bytes())
    both = Job(tmp_path / "job", tmp_path / "both.ts")
    clip = both.render()

    assert {(file.width, file.height) for file in clip.files if file.name == "480p"} == {(640, 360)}
    assert len(both.tones("480p")) == 120


def test_a_single_frame_is_a_clip(job):
    clip = job("-f", "lavfi", "-i", "testsrc2=s=64x64:r=30", "-frames:v", "1", *FAST).render()

    assert clip.facts["seconds"] == pytest.approx(1 / 30, abs=0.01)


@pytest.mark.parametrize("size", ["16x1024", "1024x16"])
def test_a_clip_of_an_extreme_shape_has_its_strip(size, job):
    thin = job("-f", "lavfi", "-i", f"testsrc2=s={size}:r=10:d=3", *FAST)
    thin.render()
    sheet = Image.open(thin.path("strip"))

    assert max(sheet.size) <= 3 * 640


def test_an_animated_webp_plays_as_long_as_its_pictures_last(tmp_path):
    pictures = [Image.new("RGBA", (101, 75), (0, 0, 0, 0)) for _ in range(8)]
    for place, picture in enumerate(pictures):
        ImageDraw.Draw(picture).rectangle((5 * place, 10, 5 * place + 30, 40), fill=(200, 0, 0, 255))
    pictures[0].save(
        tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=[200] * 4 + [50] * 4, lossless=True
    )
    animation = Job(tmp_path / "job", tmp_path / "a.webp")
    clip = animation.render()

    assert (clip.facts["format"], clip.facts["loops"], clip.facts["seconds"]) == ("webp", True, 1.0)
    assert len(animation.tones("480p")) == 30
    corner = np.asarray(Image.open(animation.path("w320")).convert("RGB"))[-3:, -3:]
    assert corner.min() > 250  # what can be seen through is white


def test_a_gif_is_a_clip_that_loops(job):
    clip = job("-f", "lavfi", "-i", "testsrc2=s=101x75:r=10:d=2", name="a.gif").render()

    assert (clip.facts["format"], clip.facts["loops"], clip.facts["has_sound"]) == ("gif", True, False)
    assert clip.facts["seconds"] == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("name", ["hevc", "av1"])
def test_other_codecs_are_made_beside_h264_in_the_same_run(name, job):
    plain = job("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=3", *FAST)
    fast = replace(
        CLIP_LADDERS[name], rungs=tuple(replace(rung, speed=SPEEDS[rung.codec]) for rung in CLIP_LADDERS[name].rungs)
    )
    clip = plain.render(ladder=fast)
    (other,) = [file.name for file in clip.files if file.content_type == "video/mp4" and name in file.name]

    assert plain.probe(other, "stream=codec_name")["streams"][0]["codec_name"] == name
    assert len(plain.tones(other)) == 90
    assert plain.path(f"{other}.m3u8").name in plain.path("master").read_text()


SPEEDS = {"h264": "ultrafast", "hevc": "ultrafast", "av1": "12"}


@pytest.mark.parametrize("look", [Recipe(), Recipe(adjustments=Adjustments(brightness=10))], ids=["plain", "edited"])
def test_frames_are_counted_while_they_are_decoded_whatever_the_container_claimed(look, job, monkeypatch):
    clip = job(*COUNTER, *FAST)
    monkeypatch.setattr("pipeline.clip.render.open_clip", lambda file, _: probe(file, Limits()))

    clip.render(look, limits=Limits(clip_frames=90))
    with pytest.raises(Rejected) as refused:
        clip.render(look, limits=Limits(clip_frames=80))  # the last quarter of a second may be missing

    assert refused.value.code == "too_many_frames"


def test_a_longer_clip_has_more_time():
    limits = Limits()

    short, long, longest = (allowed(limits, seconds) for seconds in (0, 10, 600))

    assert (short.clip_cpu_seconds, short.clip_wall_seconds) == (60, 600)
    assert (long.clip_cpu_seconds, long.clip_wall_seconds) == (60 + 200, 600 + 600)
    assert (longest.clip_cpu_seconds, longest.clip_wall_seconds) == (limits.clip_cpu_seconds, limits.clip_wall_seconds)
