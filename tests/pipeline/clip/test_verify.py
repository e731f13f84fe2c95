"""The last look lets no file of a clip pass that carries anything but its pictures and its sound."""

import contextlib
import subprocess

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import CLIP_LADDERS, Limits
from config.presets import PhotoPreset
from jobs.errors import Rejected
from pipeline.clip.boxes import erase_leftovers, inner_boxes, top_boxes
from pipeline.clip.cmaf import read_cmaf
from pipeline.clip.model import ClipFile
from pipeline.clip.outputs import keep, keep_bytes
from pipeline.clip.playlists import Variant, master_playlist, media_playlist
from pipeline.clip.render import render_clip
from pipeline.clip.verify import verify_all
from pipeline.clip.verify_samples import X264, check_av1, check_h264, check_hevc
from pipeline.encode import encode
from pipeline.services import Edits
from pipeline.verify import UncleanRenditionError
from tests.pipeline.clip.making import with_matrix

SIZE = {"width": 322, "height": 180}
COPY = ("-c", "copy", "-fflags", "+bitexact")
FASTSTART = ("-movflags", "+faststart")
PLAYLIST = "application/vnd.apple.mpegurl"


def file_of(name, file, content_type, *, width=322, height=180):
    return ClipFile(name=name, file=file, width=width, height=height, content_type=content_type)


def verify_movie(data, out, **size):
    """Verify bytes as a clip's MP4."""
    name = keep_bytes(data, "mp4", out)
    verify_all(out, [file_of("480p", name, "video/mp4", **size)])


@pytest.fixture
def movie(rungs, tmp_path):
    """The bytes of a rung as it is kept."""
    file = tmp_path / "480p.mp4"
    file.write_bytes(rungs["h264"].read_bytes())
    erase_leftovers(file)
    return file.read_bytes()


@pytest.fixture
def remade(ffmpeg, plain, tmp_path):
    """What ffmpeg makes of a muted MP4 with further arguments, without what it writes about itself."""

    def make(*arguments):
        file = tmp_path / "made.mp4"
        ffmpeg("-i", plain, *arguments, file)
        erase_leftovers(file)
        return file.read_bytes()

    return make


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_rungs_of_every_codec_pass_once_their_user_data_is_erased(codec, rungs, tmp_path):
    file = tmp_path / "480p.mp4"
    file.write_bytes(rungs[codec].read_bytes())
    erase_leftovers(file)

    verify_all(tmp_path, [file_of("480p", keep(file, tmp_path), "video/mp4")])


def test_a_muted_preview_passes(plain, tmp_path):
    file = tmp_path / "preview.mp4"
    file.write_bytes(plain.read_bytes())
    erase_leftovers(file)

    verify_all(tmp_path, [file_of("preview", keep(file, tmp_path), "video/mp4")])


def test_what_ffmpeg_writes_about_itself_does_not_pass(rungs, tmp_path):
    with pytest.raises(UncleanRenditionError, match="udta"):
        verify_movie(rungs["h264"].read_bytes(), tmp_path)


def test_what_ffmpeg_writes_about_itself_is_erased_and_nothing_else_changes(rungs, ffmpeg, tmp_path):
    file, kept = rungs["h264"], tmp_path / "kept.mp4"
    told = ("-metadata", "title=my secret", "-metadata", "location=+52.5310+013.4040/")
    ffmpeg("-i", file, "-c", "copy", *told, "-movflags", "+frag_keyframe+delay_moov+default_base_moof", kept)
    before = kept.read_bytes()
    assert b"secret" in before
    assert b"Lavf" in before

    erase_leftovers(kept)

    assert len(kept.read_bytes()) == len(before)
    assert not [word for word in (b"secret", b"Lavf", b"+52", b"udta", b"ilst") if word in kept.read_bytes()]
    digests = [ffmpeg("-i", each, "-c", "copy", "-f", "streamhash", "-") for each in (file, kept)]
    assert digests[0] == digests[1]


def test_user_data_is_erased_of_movies_alone(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"\0\0\0\x08free")

    with pytest.raises(UncleanRenditionError, match="no movie"):
        erase_leftovers(tmp_path / "x.mp4")


def test_ffprobe_finds_no_tag_of_the_uploads_in_what_is_kept(movie, tmp_path):
    (tmp_path / "kept.mp4").write_bytes(movie)
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "default=nk=0"]

    said = subprocess.run([*command, tmp_path / "kept.mp4"], capture_output=True, check=True, text=True).stdout

    tags = {line.removeprefix("TAG:").split("=")[0] for line in said.splitlines() if line.startswith("TAG:")}
    assert tags <= {"major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id"} | {
        "encoder"
    }


def test_a_turned_picture_does_not_pass(movie, tmp_path):
    (tmp_path / "turned.mp4").write_bytes(movie)
    with_matrix(tmp_path / "turned.mp4", 0, 1 << 16, -1 << 16, 0)

    with pytest.raises(UncleanRenditionError, match="tkhd"):
        verify_movie((tmp_path / "turned.mp4").read_bytes(), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-metadata", "creation_time=2024-05-01T12:00:00Z"), "mvhd"),
        (("-metadata:s:v", "handler_name=Core Media at home"), "hdlr"),
        (("-metadata:s:v", "language=deu"), "mdhd"),
        (("-map", "0:v", "-map", "0:v"), "streams"),
    ],
)
def test_what_a_file_says_of_itself_or_asks_of_a_player_does_not_pass(arguments, why, remade, tmp_path):
    data = remade("-map", "0:v", *COPY, *FASTSTART, *(arguments[2:] if arguments[0] == "-map" else arguments))

    with pytest.raises(UncleanRenditionError, match=why):
        verify_movie(data, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-c:v", "libx264", "-pix_fmt", "yuv444p", "-preset", "ultrafast"), "avcC"),
        (("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-preset", "ultrafast", "-tag:v", "hvc1"), "hvcC"),
        (("-c:v", "libx265", "-preset", "ultrafast"), "hev1"),
        (("-c:v", "mpeg4"), "mp4v"),
        (("-c:v", "libx264", "-colorspace", "smpte170m", "-color_trc", "smpte170m", "-preset", "ultrafast"), "colr"),
        (("-c:v", "libx264", "-aspect", "2:1", "-preset", "ultrafast"), "pasp"),
    ],
)
def test_pictures_that_not_every_player_shows_do_not_pass(arguments, why, remade, tmp_path):
    flags = ("-fflags", "+bitexact", "-flags", "+bitexact", "-movflags", "+faststart+write_colr")
    data = remade("-t", "0.5", *arguments, *flags)

    with pytest.raises(UncleanRenditionError, match=why):
        verify_movie(data, tmp_path)


def test_sound_alone_does_not_pass(rungs, ffmpeg, tmp_path):
    ffmpeg("-i", rungs["h264"], "-vn", *COPY, *FASTSTART, tmp_path / "sound.mp4")
    erase_leftovers(tmp_path / "sound.mp4")

    with pytest.raises(UncleanRenditionError, match="streams"):
        verify_movie((tmp_path / "sound.mp4").read_bytes(), tmp_path)


def test_another_size_than_stated_does_not_pass(movie, tmp_path):
    with pytest.raises(UncleanRenditionError, match="322x180, not as stated"):
        verify_movie(movie, tmp_path, width=180, height=322)


@pytest.mark.parametrize(
    "more", [b"\0", b"<html>", bytes(8), b"\0\0\0\x08skip", b"\0\0\0\x0cuuid1234", b"\0\0\0\x0bfree\0h\0"]
)
def test_nothing_may_follow_a_movie(movie, more, tmp_path):
    with pytest.raises(UncleanRenditionError):
        verify_movie(movie + more, tmp_path)


@pytest.mark.parametrize("cut", [1, 8, 4000])
def test_a_movie_that_breaks_off_does_not_pass(movie, cut, tmp_path):
    with pytest.raises(UncleanRenditionError):
        verify_movie(movie[:-cut], tmp_path)


def test_bytes_that_are_part_of_no_sample_do_not_pass(movie, tmp_path):
    last = max(movie.rfind(b"mdat") - 4, 0)
    grown = int.from_bytes(movie[last : last + 4], "big") + 6
    hidden = movie[:last] + grown.to_bytes(4, "big") + movie[last + 4 :] + b"secret"

    with pytest.raises(UncleanRenditionError, match="samples"):
        verify_movie(hidden, tmp_path)


def test_bytes_that_are_part_of_no_sample_do_not_pass_in_a_plain_mp4_either(remade, tmp_path):
    movie = remade(*COPY, *FASTSTART)
    at = movie.index(b"mdat") - 4
    grown = int.from_bytes(movie[at : at + 4], "big") + 6
    verify_movie(movie, tmp_path)

    with pytest.raises(UncleanRenditionError, match="samples"):
        verify_movie(movie[:at] + grown.to_bytes(4, "big") + movie[at + 4 :] + b"secret", tmp_path)


def test_free_space_that_is_not_empty_does_not_pass(movie, tmp_path):
    at = movie.index(b"free") + 6

    with pytest.raises(UncleanRenditionError, match="free"):
        verify_movie(movie[:at] + b"!" + movie[at + 1 :], tmp_path)


@pytest.mark.parametrize("header", [b"mvhd", b"tkhd", b"mdhd"])
def test_no_header_tells_a_time(header, movie, tmp_path):
    at = movie.index(header) + 4 + 4 + 3  # of its creation, behind version and flags

    with pytest.raises(UncleanRenditionError, match=header.decode()):
        verify_movie(movie[:at] + b"\x01" + movie[at + 1 :], tmp_path)


def test_media_of_another_file_does_not_pass(movie, tmp_path):
    at = movie.index(b"url ") + 7

    with pytest.raises(UncleanRenditionError, match="dref"):
        verify_movie(movie[:at] + b"\0" + movie[at + 1 :], tmp_path)


def test_every_box_of_a_movie_fills_the_one_around_it(movie, tmp_path):
    at = movie.index(b"hdlr") - 4
    shorter = int.from_bytes(movie[at : at + 4], "big") - 1

    with pytest.raises(UncleanRenditionError):
        verify_movie(movie[:at] + shorter.to_bytes(4, "big") + movie[at + 4 :], tmp_path)


@given(st.integers(0, 1400), st.binary(min_size=1, max_size=6))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_over_a_movies_description_it_passes_or_is_unclean(movie, tmp_path, at, bytes_):
    with contextlib.suppress(UncleanRenditionError):
        verify_movie(movie[:at] + bytes_ + movie[at + len(bytes_) :], tmp_path)


@pytest.fixture
def published(rungs, tmp_path):
    """All files of a clip with one rung, in their folder: the rung, its playlist, the master, a sheet and its track."""
    source = tmp_path / "480p.mp4"
    source.write_bytes(rungs["h264"].read_bytes())
    erase_leftovers(source)
    rung = file_of("480p", keep(source, tmp_path), "video/mp4")
    cmaf = read_cmaf(tmp_path / rung.file)
    playlist = keep_bytes(media_playlist(cmaf, rung.file).encode(), "m3u8", tmp_path)
    master = keep_bytes(master_playlist([Variant(playlist=playlist, cmaf=cmaf)]).encode(), "m3u8", tmp_path)
    sheet = encode(np.zeros((90, 320, 3), np.uint8), PhotoPreset(name="strip", width=320))
    strip = file_of("strip", keep_bytes(sheet.data, "jpg", tmp_path), "image/jpeg", width=320, height=90)
    track = f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{strip.file}#xywh=160,0,160,90\n"
    return [
        rung,
        file_of("480p.m3u8", playlist, PLAYLIST),
        file_of("master", master, PLAYLIST),
        strip,
        file_of("strip.vtt", keep_bytes(track.encode(), "vtt", tmp_path), "text/vtt", width=320, height=90),
    ]


def test_all_that_is_made_of_a_clip_passes(published, tmp_path):
    verify_all(tmp_path, published)


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_no_file_may_lead_to_one_that_is_not_there(published, missing, tmp_path):
    with pytest.raises(UncleanRenditionError, match="not there"):
        verify_all(tmp_path, [file for place, file in enumerate(published) if place != missing])


def changed(published, place, folder, old, new):
    """The files, one of them with other text."""
    file = published[place]
    text = (folder / file.file).read_text()
    assert old in text
    extension = file.file.split(".")[1]
    name = keep_bytes(text.replace(old, new).encode(), extension, folder)
    return [*published[:place], file_of(file.name, name, file.content_type, width=file.width, height=file.height)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#EXT-X-ENDLIST\n", ""),
        ("#EXT-X-ENDLIST\n", "#EXT-X-ENDLIST\n# made at home\n"),
        ("#EXTM3U\n", "#EXTM3U\n#EXT-X-DATERANGE:ID=1\n"),
        ("#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:1"),
        ("#EXT-X-BYTERANGE:", "#EXT-X-BYTERANGE:9"),
        ("VOD", "EVENT"),
        (".mp4\n", ".mp4?who=me\n"),
        ('URI="', 'URI="https://elsewhere/'),
        ("\n", "\r\n"),
        ("2.002000", "2.0"),
        ("#EXTINF", "#EXTINF\0"),
    ],
)
def test_a_playlist_with_another_line_does_not_pass(published, old, new, tmp_path):
    with pytest.raises(UncleanRenditionError, match=r"480p\.m3u8"):
        verify_all(tmp_path, changed(published, 1, tmp_path, old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"),
        ("RESOLUTION=322x180", "RESOLUTION=640x360"),
        ("AVERAGE-BANDWIDTH=", "AVERAGE-BANDWIDTH=9"),
        (',mp4a.40.2"', ',mp4a.40.2",NAME="home"'),
        ("#EXT-X-VERSION:7", "#EXT-X-VERSION:6"),
    ],
)
def test_a_master_with_another_attribute_does_not_pass(published, old, new, tmp_path):
    with pytest.raises(UncleanRenditionError, match="master"):
        verify_all(tmp_path, changed(published, 2, tmp_path, old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WEBVTT\n", "WEBVTT\n\nNOTE made at home\n"),
        ("xywh=160", "xywh=161"),
        ("00:00:00.000", "00:00:02.000"),
        ("00:00:00.000", "0:00.000"),
        (",90\n", ",91\n"),
    ],
)
def test_a_track_that_says_more_or_leads_outside_does_not_pass(published, old, new, tmp_path):
    with pytest.raises(UncleanRenditionError, match=r"strip\.vtt"):
        verify_all(tmp_path, changed(published, 4, tmp_path, old, new))


def test_a_picture_with_metadata_does_not_pass(published, tmp_path):
    sheet = published[3]
    data = (tmp_path / sheet.file).read_bytes()
    told = data[:2] + b"\xff\xfe\x00\x06here" + data[2:]
    name = keep_bytes(told, "jpg", tmp_path)
    assert cv2.imdecode(np.frombuffer(told, np.uint8), cv2.IMREAD_COLOR).shape == (90, 320, 3)

    with pytest.raises(UncleanRenditionError, match="segment FEh"):
        verify_all(tmp_path, [file_of("strip", name, "image/jpeg", width=320, height=90)])


def test_a_type_that_is_none_of_ours_does_not_pass(tmp_path):
    with pytest.raises(UncleanRenditionError, match="text/html"):
        verify_all(tmp_path, [file_of("page", "x.html", "text/html")])


def test_the_fault_is_not_the_uploads():
    assert not issubclass(UncleanRenditionError, Rejected)


def test_boxes_within_a_movie_are_found_where_ffmpeg_put_them(movie, tmp_path):
    (tmp_path / "x.mp4").write_bytes(movie)
    boxes = top_boxes(tmp_path / "x.mp4")

    assert [box.kind for box in boxes][:4] == [b"ftyp", b"moov", b"sidx", b"sidx"]
    assert [box.kind for box in boxes][4:] == [b"moof", b"mdat"] * 3
    assert [box.kind for box in inner_boxes(boxes[1].body)] == [b"mvhd", b"trak", b"trak", b"mvex", b"free"]
    assert boxes[-1].end == len(movie)


NAMED = X264 + b"x264 - core 164 - options: crf=23.0\0"


def message(kind, payload):
    """A unit of H.264 with one message of SEI."""
    unit = bytes([6, kind, len(payload)]) + payload + b"\x80"
    return len(unit).to_bytes(4, "big") + unit


def hevc_message(kind, payload):
    unit = bytes([39 << 1, 1, kind, len(payload)]) + payload + b"\x80"
    return len(unit).to_bytes(4, "big") + unit


def av1_unit(kind, payload=b"1234"):
    return bytes([kind << 3 | 2, len(payload)]) + payload


SLICE, HEVC_SLICE = b"\0\0\0\5\x65abcd", b"\0\0\0\6\x26\1abcd"
CAPTIONS = bytes.fromhex("b500314741393403c1ff") + bytes(4)
CLEAN_SAMPLES = [
    (check_h264, SLICE),
    (check_h264, message(5, NAMED) + SLICE),
    (check_h264, message(1, b"time") + message(6, b"a") + SLICE),
    (check_hevc, hevc_message(0, b"wait") + HEVC_SLICE),
    (check_av1, av1_unit(2, b"") + av1_unit(1) + av1_unit(6)),
    (check_av1, av1_unit(6, b"1" * 100) + bytes([6 << 3]) + b"up to the end"),
]
UNCLEAN_SAMPLES = [
    (check_h264, message(4, CAPTIONS) + SLICE),
    (check_h264, message(5, bytes(16) + b"+52.5310+013.4040/") + SLICE),
    (check_h264, message(5, X264 + b"x264 - core 164 \xff\xd8") + SLICE),
    (check_h264, message(5, X264 + b"my secret") + SLICE),
    (check_h264, message(137, bytes(24)) + SLICE),
    (check_h264, b"\0\0\0\5\x0cfill" + SLICE),
    (check_h264, SLICE + b"trailing"),
    (check_h264, SLICE + b"\0"),
    (check_hevc, hevc_message(4, CAPTIONS) + HEVC_SLICE),
    (check_hevc, hevc_message(5, NAMED) + HEVC_SLICE),
    (check_hevc, b"\0\0\0\5" + bytes([48 << 1, 1]) + b"own" + HEVC_SLICE),
    (check_av1, av1_unit(5, CAPTIONS) + av1_unit(6)),
    (check_av1, av1_unit(15) + av1_unit(6)),
    (check_av1, av1_unit(6)[:-1]),
]


@pytest.mark.parametrize(("check", "sample"), CLEAN_SAMPLES)
def test_pictures_pass_with_what_a_decoder_needs_and_x264s_own_line(check, sample):
    check(sample)


@pytest.mark.parametrize(("check", "sample"), UNCLEAN_SAMPLES)
def test_nothing_else_passes_between_the_pictures(check, sample):
    with pytest.raises(UncleanRenditionError):
        check(sample)


SECRET = "086f3693b7b34f2c965321492feee5b8+my secret"


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "copy", "-bsf:v", f"h264_metadata=sei_user_data={SECRET}"),
        ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "info=1:log-level=error"),
    ],
    ids=["h264", "hevc"],
)
@pytest.mark.parametrize(
    "flags", ["+faststart", "+frag_keyframe+delay_moov+default_base_moof"], ids=["plain", "pieces"]
)
def test_what_an_encoder_or_a_camera_says_between_the_pictures_is_found_in_a_file(arguments, flags, remade, tmp_path):
    data = remade("-t", "0.5", *arguments, "-fflags", "+bitexact", "-movflags", flags)

    with pytest.raises(UncleanRenditionError, match=r"between its pictures|holds more than"):
        verify_movie(data, tmp_path)


def test_captions_of_the_original_do_not_come_into_a_rung(corpus, tmp_path):
    (tmp_path / "out").mkdir()
    original = (corpus / "clips" / "androidx__fragmented_captions.mp4").read_bytes()
    (tmp_path / "original").write_bytes(original)
    assert b"GA94" in original

    clip = render_clip(tmp_path, CLIP_LADDERS["standard"], Limits(), Edits(), (), lambda _: None, lambda _: None)

    assert not [file for file in clip.files if b"GA94" in (tmp_path / "out" / file.file).read_bytes()]
