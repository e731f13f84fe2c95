"""Playlists against ffmpeg's own reading of them, and their numbers against the bytes and times they stand for."""

import json
import re
import subprocess
from fractions import Fraction

import pytest

from pipeline.clip.boxes import inner_boxes, top_boxes
from pipeline.clip.cmaf import Cmaf, Segment, read_cmaf
from pipeline.clip.codecs import codec_string
from pipeline.clip.playlists import Variant, master_playlist, media_playlist, peak_bandwidth, target_seconds
from pipeline.headers.boxes import Box
from pipeline.verify import UncleanRenditionError

RATE = Fraction(30000, 1001)
FRAMES = 150  # in five seconds
AV1_DEFAULTS = ".0.110.01.01.01.0"  # colour, BT.709 in limited range: what goes without saying


def probed(file, *options):
    """What ffprobe says, as data."""
    command = ["ffprobe", "-v", "error", "-of", "json", *options, str(file)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def packets(file, stream="v:0"):
    return probed(file, "-select_streams", stream, "-show_entries", "packet=pts_time,duration_time,flags")["packets"]


def pictures(ffmpeg, file):
    """A digest of each decoded picture, in order."""
    lines = ffmpeg("-i", file, "-map", "0:v:0", "-f", "framemd5", "-").decode().splitlines()
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


def parts(playlist):
    """Length in seconds, size and offset of each segment, as the text has them."""
    found = re.findall(r"#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)@(\d+)\n", playlist)
    return [(Fraction(seconds), int(size), int(at)) for seconds, size, at in found]


def played(file, folder):
    """The file's playlist, laid beside it under its name."""
    playlist = folder / f"{file.stem}.m3u8"
    playlist.write_text(media_playlist(read_cmaf(file), str(file)))
    return playlist


def clip(*segments, codecs=("avc1.64001f",)):
    """What is known of a file with segments of so many seconds and bytes."""
    at, laid = 1000, []
    for seconds, size in segments:
        laid.append(Segment(at=at, end=at + size, seconds=Fraction(seconds)))
        at += size
    return Cmaf(
        width=640,
        height=360,
        frames_per_second=Fraction(30),
        codecs=codecs,
        head_size=1000,
        segments=tuple(laid),
    )


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_ffmpeg_plays_through_a_playlist_every_picture_and_all_the_sound_of_the_file(codec, rungs, ffmpeg, tmp_path):
    playlist = played(rungs[codec], tmp_path)

    assert len(pictures(ffmpeg, playlist)) == FRAMES
    assert pictures(ffmpeg, playlist) == pictures(ffmpeg, rungs[codec])
    assert len(packets(playlist, "a:0")) == len(packets(rungs[codec], "a:0")) > 200


def test_each_segment_plays_by_itself_from_a_keyframe_for_as_long_as_it_says(rungs, ffmpeg, tmp_path):
    cmaf, data = read_cmaf(rungs["h264"]), rungs["h264"].read_bytes()

    for seconds, size, at in parts(media_playlist(cmaf, "x.mp4")):
        alone = tmp_path / f"{at}.mp4"
        alone.write_bytes(data[: cmaf.head_size] + data[at : at + size])
        shown = packets(alone)
        assert shown[0]["flags"].startswith("K")
        assert len(pictures(ffmpeg, alone)) == len(shown)
        assert float(seconds) == pytest.approx(len(shown) / RATE, abs=1e-6)


def test_lengths_add_up_to_the_clips_and_begin_where_its_keyframes_are(rungs):
    lengths = [seconds for seconds, *_ in parts(media_playlist(read_cmaf(rungs["h264"]), "x.mp4"))]
    keyframes = [float(packet["pts_time"]) for packet in packets(rungs["h264"]) if packet["flags"].startswith("K")]

    assert sum(lengths) == Fraction(round(FRAMES / RATE * 10**6), 10**6)
    assert [float(sum(lengths[:place])) for place in range(len(lengths))] == pytest.approx(keyframes, abs=2e-6)


def test_what_describes_the_clip_is_the_range_up_to_its_first_fragment_or_index(rungs):
    head = read_cmaf(rungs["h264"]).head_size

    assert rungs["h264"].read_bytes()[head + 4 : head + 8] == b"sidx"
    assert f'BYTERANGE="{head}@0"' in media_playlist(read_cmaf(rungs["h264"]), "x.mp4")


def test_a_playlist_has_what_its_version_asks_for(rungs):
    lines = media_playlist(read_cmaf(rungs["h264"]), "x.mp4").splitlines()

    assert lines[0] == "#EXTM3U"
    assert {"#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-PLAYLIST-TYPE:VOD"} <= {*lines}
    assert "#EXT-X-TARGETDURATION:2" in lines
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert lines.count("x.mp4") == 3


def test_a_fragment_that_begins_with_no_keyframe_belongs_to_the_segment_before(rungs, ffmpeg, tmp_path):
    file = tmp_path / "finer.mp4"
    flags = "+frag_keyframe+delay_moov+default_base_moof+skip_trailer"
    ffmpeg("-i", rungs["h264"], "-c", "copy", "-movflags", flags, "-frag_duration", "500000", file)

    assert sum(box.kind == b"moof" for box in top_boxes(file)) > 6
    assert [segment.seconds for segment in read_cmaf(file).segments] == [Fraction(60) / RATE] * 2 + [30 / RATE]
    assert len(pictures(ffmpeg, played(file, tmp_path))) == FRAMES


def test_what_ffmpegs_own_hls_writes_has_the_same_segments(rungs, ffmpeg, tmp_path):
    hls = ("-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4")
    hls = (*hls, "-hls_flags", "single_file", "-hls_segment_filename", tmp_path / "theirs.mp4")
    ffmpeg("-i", rungs["h264"], "-c", "copy", *hls, tmp_path / "theirs.m3u8")

    theirs = [float(seconds) for seconds, *_ in parts((tmp_path / "theirs.m3u8").read_text())]
    ours = [float(segment.seconds) for segment in read_cmaf(tmp_path / "theirs.mp4").segments]
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_clip_of_one_frame_is_one_segment(ffmpeg, rungs, tmp_path):
    file = tmp_path / "one.mp4"
    flags = "+frag_keyframe+delay_moov+default_base_moof+skip_trailer"
    ffmpeg("-i", rungs["h264"], "-frames:v", 1, "-an", "-c", "copy", "-movflags", flags, file)

    playlist = media_playlist(read_cmaf(file), "x.mp4")

    assert [seconds for seconds, *_ in parts(playlist)] == [Fraction("0.033367")]
    assert "#EXT-X-TARGETDURATION:1\n" in playlist


def test_the_master_says_of_each_rung_what_ffprobe_says(rungs):
    files = [Variant(playlist=f"{name}.m3u8", cmaf=read_cmaf(file)) for name, file in rungs.items()]
    stated = dict(re.findall(r"#EXT-X-STREAM-INF:(.*)\n(.*)\n", master_playlist(files)))

    assert {*stated.values()} == {"h264.m3u8", "hevc.m3u8", "av1.m3u8"}
    for attributes, name in stated.items():
        video = probed(rungs[name[:-5]], "-select_streams", "v:0", "-show_streams")["streams"][0]
        assert f"RESOLUTION={video['width']}x{video['height']}," in attributes
        assert f"FRAME-RATE={float(Fraction(video['r_frame_rate'])):.3f}," in attributes
        assert attributes.endswith("VIDEO-RANGE=SDR")


def test_ffmpeg_finds_every_rung_through_the_master(rungs, tmp_path):
    variants = [Variant(playlist=played(file, tmp_path).name, cmaf=read_cmaf(file)) for file in rungs.values()]
    master = tmp_path / "master.m3u8"
    master.write_text(master_playlist(variants))

    programs = probed(master, "-show_programs")["programs"]

    assert sorted(program["streams"][0]["codec_name"] for program in programs) == ["av1", "h264", "hevc"]
    assert {stream["codec_name"] for program in programs for stream in program["streams"][1:]} == {"aac"}


def test_bandwidths_are_those_of_the_bytes_that_are_fetched(rungs):
    cmaf = read_cmaf(rungs["hevc"])
    fetched = parts(media_playlist(cmaf, "x.mp4"))
    pairs = [(fetched[i][0] + fetched[i + 1][0], fetched[i][1] + fetched[i + 1][1]) for i in range(2)]
    near = [(seconds, size) for seconds, size, _ in fetched] + [pair for pair in pairs if pair[0] <= 3.001]

    master = master_playlist([Variant(playlist="x.m3u8", cmaf=cmaf)])

    average = 8 * sum(size for _, size, _ in fetched) / sum(seconds for seconds, *_ in fetched)
    peak = max(8 * size / seconds for seconds, size in near)
    assert int(re.search(r",AVERAGE-BANDWIDTH=(\d+)", master)[1]) == pytest.approx(float(average), rel=1e-5)
    assert int(re.search(r":BANDWIDTH=(\d+)", master)[1]) == pytest.approx(float(peak), rel=1e-5)


@pytest.mark.parametrize(
    ("segments", "peak"),
    [
        ([(2, 1000), (2, 3000), (2, 2000)], 12_000),
        ([(2, 1000), (2, 1000), ("1/10", 900)], 7_239),  # the last is too short to count by itself
        ([("1/10", 900)], 72_000),  # but not if there is nothing else
        ([(2, 1000), (1, 1000)], 8_000),
    ],
)
def test_the_peak_is_that_of_neighbours_about_as_long_as_the_target(segments, peak):
    assert peak_bandwidth(clip(*segments).segments) == peak


@pytest.mark.parametrize(("seconds", "target"), [("2", 2), ("2.002", 2), ("2.5", 3), ("2.499", 2), ("0.2", 1)])
def test_no_segment_is_longer_than_the_target_when_rounded(seconds, target):
    assert target_seconds(clip((seconds, 10), ("0.1", 10)).segments) == target


def test_the_lightest_rung_comes_first():
    variants = [Variant(playlist=f"{size}.m3u8", cmaf=clip((2, size))) for size in (9000, 200, 3000)]

    assert re.findall(r"^\d+\.m3u8", master_playlist(variants), re.MULTILINE) == ["200.m3u8", "3000.m3u8", "9000.m3u8"]


def entry_of(file):
    """The first sample entry of a file."""
    movie = next(box.body for box in top_boxes(file) if box.kind == b"moov")
    for kind in (b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        movie = next(box.body for box in inner_boxes(movie) if box.kind == kind)
    return next(inner_boxes(movie[8:]))


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_the_codecs_name_is_the_one_that_ffmpeg_writes_for_dash(codec, rungs, ffmpeg, tmp_path):
    ffmpeg("-i", rungs[codec], "-c", "copy", "-f", "dash", tmp_path / "x.mpd")
    video, sound = re.findall(r'codecs="([^"]+)"', (tmp_path / "x.mpd").read_text())

    assert read_cmaf(rungs[codec]).codecs == (video.removesuffix(AV1_DEFAULTS), sound)


def entry(kind, configuration, data):
    """A sample entry of pictures with nothing but its decoder's configuration."""
    return Box(kind, memoryview(bytes(78) + (8 + len(data)).to_bytes(4, "big") + configuration + data))


@pytest.mark.parametrize(
    ("kind", "configuration", "data", "name"),
    [
        (b"avc1", b"avcC", "01 64 00 28", "avc1.640028"),
        (b"hvc1", b"hvcC", "01 01 60000000 B00000000000 5D", "hvc1.1.6.L93.B0"),  # ISO/IEC 14496-15, E.3's kind
        (b"hvc1", b"hvcC", "01 22 20000000 900000000000 99", "hvc1.2.4.H153.90"),
        (b"hvc1", b"hvcC", "01 01 60000000 000000000000 5A", "hvc1.1.6.L90"),
        (b"av01", b"av1C", "81 04 0C 00", "av01.0.04M.08"),
        (b"av01", b"av1C", "81 08 8C 00", "av01.0.08H.08"),
    ],
)
def test_a_codecs_name_is_as_its_specification_has_it(kind, configuration, data, name):
    assert codec_string(entry(kind, configuration, bytes.fromhex(data))) == name


def test_the_levels_of_real_files_are_ffprobes(rungs):
    levels = {
        name: probed(file, "-select_streams", "v:0", "-show_entries", "stream=level")["streams"][0]["level"]
        for name, file in rungs.items()
    }
    named = {name: codec_string(entry_of(file)) for name, file in rungs.items()}

    assert int(named["h264"][-2:], 16) == levels["h264"]
    assert named["hevc"].split(".")[3] == f"L{levels['hevc']}"
    assert named["av1"] == f"av01.0.{levels['av1']:02d}M.08"


def test_a_codec_that_is_none_of_ours_is_refused():
    with pytest.raises(UncleanRenditionError, match="none that we make"):
        codec_string(entry(b"vp09", b"vpcC", bytes(12)))


def test_a_file_without_fragments_has_no_segments(plain):
    with pytest.raises(UncleanRenditionError, match="in fragments"):
        read_cmaf(plain)


def test_a_clip_that_does_not_begin_with_a_keyframe_is_refused(rungs, tmp_path):
    data, boxes = rungs["h264"].read_bytes(), top_boxes(rungs["h264"])
    first = next(box for box in boxes if box.kind == b"moof")
    second = [box for box in boxes if box.kind == b"moof"][1]
    late = bytearray(data[: first.at] + data[second.at :])
    flags = late.index(b"trun", first.at) + 16
    late[flags : flags + 4] = (0x01010000).to_bytes(4, "big")  # its first sample is no sync sample
    file = tmp_path / "late.mp4"
    file.write_bytes(late)

    with pytest.raises(UncleanRenditionError, match="keyframe"):
        read_cmaf(file)


def test_reading_a_file_takes_no_media_into_memory(rungs):
    held = sum(len(box.body) for box in top_boxes(rungs["h264"]))

    assert held < 10_000 < rungs["h264"].stat().st_size / 10
