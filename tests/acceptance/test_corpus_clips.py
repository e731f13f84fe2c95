"""Real clips, from the original to all that is played: against ffprobe, and another reading of the same file."""

import csv
import json
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from config import CLIP_LADDERS, Limits
from jobs.errors import Rejected
from pipeline.clip.model import RenderedClip
from pipeline.clip.plan import LEAST_RATE
from pipeline.clip.render import render_clip
from pipeline.services import Edits

STANDARD = CLIP_LADDERS["standard"]
LADDER = replace(STANDARD, rungs=tuple(replace(rung, speed="ultrafast") for rung in STANDARD.rungs))
SIDE = 48  # pixels each way in which two pictures are compared
ALIKE, ALIKE_IN_HDR = 0.93, 0.75  # the least correlation of the same picture, read in two ways
AWAY = 9.0  # levels on average; the worst is 7.5, a frame beside the one that was meant, of a clip that moves
FEW_STILLS = 2
FEW_FRAMES = 0.2  # seconds
FLAT = 4.0  # levels of deviation below which there is nothing to compare
PLACES = re.compile(rb"\xa9xyz|loci|ISO6709|udta|uuid")  # in a file's description
TRACES = re.compile(rb"com\.apple\.quicktime|com\.android|ISO6709|SAMSUNG|GoPro|iPhone|Exif")  # anywhere


@dataclass
class Case:
    """A clip of the corpus and what it came to."""

    original: Path
    out: Path
    clip: RenderedClip

    def files(self, content_type):
        return [file for file in self.clip.files if file.content_type == content_type]

    def rungs(self):
        return [file for file in self.files("video/mp4") if file.name != "preview"]

    @property
    def middle(self):
        """A time at which there is a frame, also of a clip that has but one; of one with few, when it begins."""
        middle = self.clip.facts["seconds"] / 2 if self.clip.facts["seconds"] > FEW_FRAMES else 0.0
        rate = self.clip.facts["frames_per_second"]
        return middle if rate >= LEAST_RATE else int(middle * rate) / rate

    def path(self, name):
        return next(self.out / file.file for file in self.clip.files if file.name == name)


def listed(corpus):
    with (corpus / "clips.tsv").open() as table:
        return [row["file"] for row in csv.DictReader(table, delimiter="\t")]


def ffprobe(file, *options):
    command = ["ffprobe", "-v", "error", *options, "-of", "json", str(file)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def length(file):
    """Seconds that the sound and pictures of a file last."""
    told = ffprobe(file, "-show_entries", "stream=codec_type,start_time,duration:format=duration,start_time")
    ends = [
        float(stream["start_time"]) + float(stream["duration"])
        for stream in told["streams"]
        if stream["codec_type"] in ("audio", "video") and "duration" in stream
    ]
    begins = max(0.0, float(told["format"].get("start_time", 0)))
    return (max(ends) if ends else begins + float(told["format"]["duration"])) - begins


def small(file, seconds, stream="0:V:0"):
    """A frame in RGB as ffmpeg itself turns and converts it, small."""
    chain = f"[{stream}]scale=flags=accurate_rnd+full_chroma_int,format=rgb24,scale={SIDE}:{SIDE}:flags=area"
    command = ["ffmpeg", "-v", "error", "-ss", f"{seconds:.3f}", "-i", str(file), "-filter_complex", chain]
    frame = subprocess.run([*command, "-frames:v", "1", "-f", "rawvideo", "pipe:1"], capture_output=True, check=True)
    return np.frombuffer(frame.stdout, np.uint8).reshape(SIDE, SIDE, 3).astype(float)


def moving_stream(original):
    """The largest of the tracks that have more than a few stills, as ffmpeg names it."""
    streams = ffprobe(original, "-show_entries", "stream=index,codec_type,nb_frames,width")["streams"]
    videos = [stream for stream in streams if stream["codec_type"] == "video"]
    largest = max(
        videos, key=lambda stream: (int(stream.get("nb_frames", FEW_STILLS + 1)) > FEW_STILLS, stream["width"])
    )
    return f"0:{largest['index']}"


def correlation(one, other):
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def render(original, folder):
    (folder / "out").mkdir()
    (folder / "original").symlink_to(original)
    clip = render_clip(folder, LADDER, Limits(), Edits(), (), lambda _: None, lambda _: None)
    return Case(original=original, out=folder / "out", clip=clip)


@pytest.fixture(scope="module")
def cases(corpus, tmp_path_factory):
    """Every clip with pictures, rendered once."""
    rendered = {}
    for name in listed(corpus):
        folder = tmp_path_factory.mktemp("clip")
        try:
            rendered[name] = render(corpus / "clips" / name, folder)
        except Rejected as rejected:
            rendered[name] = rejected
    return rendered


@pytest.fixture(scope="module")
def clips(cases):
    return {name: case for name, case in cases.items() if isinstance(case, Case)}


def failures(clips, judge):
    """What the judge says of each clip, where it says anything."""
    return {name: verdict for name, case in clips.items() if (verdict := judge(case))}


def test_every_clip_is_taken_and_every_sound_alone_refused_as_such(corpus, cases):
    for name, case in cases.items():
        streams = ffprobe(corpus / "clips" / name, "-show_entries", "stream=codec_type")["streams"]
        if any(stream["codec_type"] == "video" for stream in streams):
            assert isinstance(case, Case), f"{name}: {case}"
        else:
            assert getattr(case, "code", None) == "no_video", name


def test_every_rung_decodes_completely_and_is_what_players_expect(clips):
    entries = "stream=codec_type,codec_name,pix_fmt,color_space,color_range,color_transfer,color_primaries"

    def judge(case):
        for file in case.rungs():
            path = case.out / file.file
            told = ffprobe(path, "-select_streams", "v", "-count_frames", "-show_entries", f"{entries},width,height,"
                           "sample_aspect_ratio,nb_read_frames,nb_read_packets")["streams"][0]  # fmt: skip
            tags = {told[name] for name in ("color_space", "color_transfer", "color_primaries")}
            if (told["pix_fmt"], tags, told["color_range"]) != ("yuv420p", {"bt709"}, "tv"):
                return told
            if (told["width"], told["height"]) != (file.width, file.height) or file.width % 2 or file.height % 2:
                return told
            if told["sample_aspect_ratio"] != "1:1" or int(told["nb_read_frames"]) == 0:
                return told
            whole = ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-map", "0", "-f", "null", "-"]
            done = subprocess.run(whole, capture_output=True, text=True, check=False)
            if done.returncode or done.stderr:
                return done.stderr
        return None

    assert failures(clips, judge) == {}


def test_every_rung_is_as_long_as_its_original(clips):
    def judge(case):
        own = case.clip.facts["seconds"]
        lengths = [own, *(length(case.out / file.file) for file in case.rungs())]
        stated = length(case.original)
        subtitled = "nasa_13013.mp4" in case.original.name  # ffprobe counts its last caption
        away = [abs(seconds - stated) for seconds in lengths]
        return None if max(away) <= 0.1 or subtitled else (stated, lengths)

    assert failures(clips, judge) == {}


def test_every_rung_shows_the_same_upright_picture_in_its_colours(clips):
    """Against ffmpeg's own conversion, which shows HDR as it is stored."""

    def judge(case):
        reference = small(case.original, case.middle, moving_stream(case.original))
        hdr = case.clip.facts["hdr"] is not None
        for file in case.rungs():
            seen = small(case.out / file.file, case.middle)
            alike = reference.std() <= FLAT or correlation(seen, reference) >= (ALIKE_IN_HDR if hdr else ALIKE)
            if not alike or (not hdr and abs(seen - reference).mean() > AWAY):
                return file.name, correlation(seen, reference), abs(seen - reference).mean()
        return None

    assert failures(clips, judge) == {}


def test_keyframes_are_at_the_same_times_in_all_rungs_every_two_seconds(clips):
    def judge(case):
        times = []
        for file in case.rungs():
            options = ("-select_streams", "v", "-skip_frame", "nokey", "-show_entries", "frame=pts_time")
            times.append([float(frame["pts_time"]) for frame in ffprobe(case.out / file.file, *options)["frames"]])
        apart = np.diff([*times[0], case.clip.facts["seconds"]])
        even = all(own == pytest.approx(times[0], abs=0.001) for own in times)
        return None if even and times[0][0] == 0 and max(apart) < 2.2 else times

    assert failures(clips, judge) == {}


def test_its_playlists_play_all_of_it(clips):
    """Each rung's, and the master as a player reads it."""
    options = ("-allowed_extensions", "ALL", "-count_frames", "-select_streams", "v:0")

    def judge(case):
        for file in case.rungs():
            frames = [
                ffprobe(path, *options[2 if path.suffix == ".mp4" else 0 :], "-show_entries", "stream=nb_read_frames")
                for path in (case.out / file.file, case.path(f"{file.name}.m3u8"))
            ]
            if frames[0]["streams"] != frames[1]["streams"]:
                return frames
        variants = ffprobe(
            case.path("master"), "-allowed_extensions", "ALL", "-show_entries", "stream=width,codec_type"
        )
        widths = {stream["width"] for stream in variants["streams"] if stream["codec_type"] == "video"}
        return None if widths == {file.width for file in case.rungs()} else widths

    assert failures(clips, judge) == {}


def test_nothing_of_the_maker_or_the_place_is_left(clips):
    def judge(case):
        contents = {file.name: (case.out / file.file).read_bytes() for file in case.clip.files}
        described = {name: data.partition(b"mdat")[0] for name, data in contents.items()}
        return [
            name for name, data in contents.items() if TRACES.search(data) or PLACES.search(described[name])
        ] or None

    assert failures(clips, judge) == {}


def test_what_stands_beside_is_there(clips):
    def judge(case):
        names = {file.name for file in case.clip.files}
        beside = {"master", "preview", "strip", "strip.vtt", *(preset.name for preset in LADDER.poster)}
        preview = ffprobe(case.path("preview"), "-show_entries", "stream=codec_type,width,height:format=duration")
        alone = [stream["codec_type"] for stream in preview["streams"]] == ["video"]
        seconds = float(preview["format"]["duration"])
        wanted = min(LADDER.preview.seconds, case.clip.facts["seconds"])
        return None if beside <= names and alone and abs(seconds - wanted) < 0.1 else (names, preview)

    assert failures(clips, judge) == {}


def test_there_is_a_stream_of_sound_where_the_facts_say_so(clips):
    def judge(case):
        streams = ffprobe(case.out / case.rungs()[0].file, "-show_entries", "stream=codec_name,channels,sample_rate")
        sounds = [stream for stream in streams["streams"] if "channels" in stream]
        right = all((s["codec_name"], s["channels"], s["sample_rate"]) == ("aac", 2, "48000") for s in sounds)
        return None if right and bool(sounds) == case.clip.facts["has_sound"] else streams

    assert failures(clips, judge) == {}
