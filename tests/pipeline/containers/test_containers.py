"""What a container may claim, what it is refused for, and that nothing in it is believed before it is counted."""

import json
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import Limits
from jobs.errors import Rejected
from pipeline.containers import Claims, read_claims
from pipeline.containers.claims import Kind
from pipeline.containers.read import parse_claims
from pipeline.containers.reader import MOST_READS, Reader
from tests.pipeline.containers import making

LIMITS = Limits()


def read(data: bytes, kind: str = "mov", limits: Limits = LIMITS) -> Claims:
    return parse_claims(Reader.of_bytes(data), DEMUXERS.get(kind, kind), limits)


DEMUXERS = {"mov in fragments": "mov", "live matroska": "matroska"}


def code(data: bytes, kind: str = "mov", limits: Limits = LIMITS) -> str | None:
    """The code with which it is refused; None if it is let in."""
    try:
        read(data, kind, limits)
    except Rejected as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("kind", making.EVERY_CONTAINER)
def test_a_container_says_that_it_has_pictures(kind):
    claims = read(making.EVERY_CONTAINER[kind], kind)

    assert [track.kind for track in claims.tracks] == [Kind.PICTURES]


@pytest.mark.parametrize("kind", ["mov", "mov in fragments", "avi"])
def test_frames_are_counted_where_the_container_counts_them(kind):
    container = making.EVERY_CONTAINER[kind]

    assert read(container, kind).tracks[0].frames == 30
    assert code(container, kind, replace(LIMITS, clip_frames=30)) is None
    assert code(container, kind, replace(LIMITS, clip_frames=29)) == "too_many_frames"


TIMED = {
    "mov": lambda seconds: making.movie(making.track(seconds=seconds), seconds=seconds),
    "matroska": lambda seconds: making.matroska(seconds=seconds),
    "avi": lambda seconds: making.avi(making.stream(frames=seconds, rate=1)),
}


@pytest.mark.parametrize("kind", TIMED)
def test_the_length_is_limited(kind):
    assert code(TIMED[kind](600), kind) is None
    assert code(TIMED[kind](601), kind) == "too_many_seconds"


def test_what_an_edit_list_cuts_off_is_not_counted():
    assert code(making.movie(making.track(seconds=700), seconds=10)) is None


STREAMS = {
    "mov": lambda count: making.movie(*[making.track()] * count),
    "matroska": lambda count: making.matroska(*[making.entry_of()] * count),
    "avi": lambda count: making.avi(*[making.stream()] * count),
    "mpegts": lambda count: making.transport(*[0x1B] * count),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_the_streams_are_limited(kind):
    assert code(STREAMS[kind](16), kind) is None
    assert code(STREAMS[kind](17), kind) == "too_many_streams"


def test_a_sample_entrys_size_is_not_believed():
    claims = read(making.movie(making.track(entries=making.described(making.entry(b"avc1", 16384, 16384)))))

    assert (claims.tracks[0].width, claims.tracks[0].height) == (16384, 16384)


SQUARE, TENTH = making.box(b"pasp", struct.pack(">II", 1, 1)), making.box(b"pasp", struct.pack(">II", 1, 10))
THINNER = making.box(b"pasp", struct.pack(">II", 1, 11))


@pytest.mark.parametrize(("shape", "expected"), [(SQUARE, None), (TENTH, None), (THINNER, "corrupt_header")])
def test_a_pixel_of_no_cameras_shape_is_refused(shape, expected):
    assert (
        code(making.movie(making.track(entries=making.described(making.entry(b"avc1", 320, 180, shape))))) == expected
    )


@pytest.mark.parametrize(("shown", "expected"), [((32, 180), None), ((31, 180), "corrupt_header"), ((0, 0), None)])
def test_a_track_is_not_shown_at_a_fraction_of_its_width(shown, expected):
    assert code(making.movie(making.track(shown=shown))) == expected


TABLES = {
    "stts": lambda count: making.table(b"stts", "II", (1, 1), count=count),
    "ctts": lambda count: making.table(b"ctts", "II", (1, 1), count=count),
    "stsc": lambda count: making.table(b"stsc", "III", (1, 1, 1), count=count),
    "stco": lambda count: making.table(b"stco", "I", (1,), count=count),
    "co64": lambda count: making.table(b"co64", "Q", (1,), count=count),
    "stss": lambda count: making.table(b"stss", "I", (1,), count=count),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(("count", "expected"), [(1, None), (2, "corrupt_header"), (0xFFFFFFF0, "corrupt_header")])
def test_a_table_claims_no_more_entries_than_it_has(kind, count, expected):
    assert code(making.movie(making.track(making.sizes(), TABLES[kind](count)))) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (making.box(b"stsz", bytes(4), struct.pack(">III", 0, 1, 9)), None),
        (making.box(b"stsz", bytes(4), struct.pack(">III", 0, 2, 9)), "corrupt_header"),
        (making.box(b"stz2", bytes(4), struct.pack(">III", 8, 4, 9)), None),
        (making.box(b"stz2", bytes(4), struct.pack(">III", 8, 5, 9)), "corrupt_header"),
        (making.sizes(100, each=1 << 20), "corrupt_header"),
    ],
)
def test_the_sizes_of_samples_fit_into_their_table_and_the_file(sizes, expected):
    assert code(making.movie(making.track(sizes))) == expected


def test_a_fragment_claims_no_more_samples_than_it_has():
    assert code(making.movie() + making.fragment(3)) is None
    assert code(making.movie() + making.fragment(3, claimed=4)) == "corrupt_header"


def test_a_fragments_samples_are_its_own_tracks():
    claims = read(making.movie() + making.fragment(99, number=2))

    assert claims.tracks[0].frames == 30


def changed(data: bytes, *path: bytes, to: Callable[[bytes], bytes]) -> bytes:
    """A file of boxes in which the box at the end of `path` is what `to` makes of it."""
    out, at = b"", 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        box = data[at : at + size]
        if kind == path[0]:
            box = to(box) if len(path) == 1 else making.box(kind, changed(box[8:], *path[1:], to=to))
        out, at = out + box, at + size
    return out


TRACK = (b"moov", b"trak")
MEDIA = (*TRACK, b"mdia")
SAMPLES = (*MEDIA, b"minf", b"stbl")
ALONE = [
    (b"ftyp",),
    (b"moov",),
    (b"moov", b"mvhd"),
    (*TRACK, b"tkhd"),
    MEDIA,
    (*MEDIA, b"mdhd"),
    (*MEDIA, b"hdlr"),
    (*MEDIA, b"minf"),
    (*MEDIA, b"minf", b"dinf"),
    (*MEDIA, b"minf", b"dinf", b"dref"),
    SAMPLES,
    (*SAMPLES, b"stsd"),
    (*SAMPLES, b"stsz"),
    (b"moof", b"traf", b"tfhd"),
]


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path[-1].decode())
def test_what_describes_a_clip_is_there_but_once(path):
    whole = making.movie() + making.fragment(3)

    assert code(changed(whole, *path, to=lambda box: box)) is None
    assert code(changed(whole, *path, to=lambda box: box + box)) == "corrupt_header"


@pytest.mark.parametrize("path", [TRACK, (b"moof",), (b"moof", b"traf"), (b"moof", b"traf", b"trun")])
def test_what_there_may_be_many_of_is_let_in_twice(path):
    whole = making.movie() + making.fragment(3)

    assert code(changed(whole, *path, to=lambda box: box + box)) is None


@pytest.mark.parametrize("beside", [making.sizes(kind=b"stz2"), making.table(b"co64", "Q", (1,))])
def test_a_table_of_the_other_width_is_a_second_one(beside):
    tables = making.sizes(), making.table(b"stco", "I", (1,))

    assert code(making.movie(making.track(*tables))) is None
    assert code(making.movie(making.track(*tables, beside))) == "corrupt_header"


@pytest.mark.parametrize("parent", [(b"moov",), TRACK, MEDIA, (*MEDIA, b"minf"), (b"moof",)], ids=lambda path: path[-1])
def test_a_description_that_lies_where_it_does_not_belong_is_refused(parent):
    whole = making.movie() + making.fragment(3)

    def described_again(box: bytes) -> bytes:
        return making.box(box[4:8], box[8:], making.described(making.entry(b"avc1", 9999, 9999)))

    assert code(changed(whole, *parent, to=described_again)) == "corrupt_header"


@pytest.mark.parametrize("beyond", [(b"udta",), (b"udta", b"udta"), (b"edts",), (b"tref", b"udta")], ids=str)
@pytest.mark.parametrize("parent", [(b"moov",), TRACK, MEDIA, (*MEDIA, b"minf")], ids=lambda path: path[-1])
def test_a_table_that_lies_where_ffmpeg_looks_and_we_do_not_is_refused(parent, beyond):
    def hidden(table: bytes):
        for kind in reversed(beyond):
            table = making.box(kind, making.box(b"name", b"a text"), table)
        return lambda box: making.box(box[4:8], box[8:], table)

    assert code(changed(making.movie(), *parent, to=hidden(making.sizes(40_000)))) == "corrupt_header"
    assert code(changed(making.movie(), *parent, to=hidden(b"no box but text"))) is None


def test_quicktimes_second_handler_is_none_of_the_tracks_own():
    data_handler = making.box(b"hdlr", bytes(4), b"dhlralis", bytes(13))

    def handled(box: bytes) -> bytes:
        return making.box(b"minf", data_handler, box[8:])

    claims = read(changed(making.movie(), *MEDIA, b"minf", to=handled))

    assert [track.kind for track in claims.tracks] == [Kind.PICTURES]


ELSEWHERE = {
    "url": making.box(b"url ", bytes(4), b"http://127.0.0.1/x.mov\0"),
    "alias": making.box(b"alis", bytes(4), b"\0\0\0\0\0\x40a file"),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_media_in_another_file_is_refused(kind):
    assert code(making.movie(making.track(reference=ELSEWHERE[kind]))) == "external_media"


@pytest.mark.parametrize("handler", [b"vide", b"soun", b"tmcd", b"none"])
def test_no_track_of_whatever_kind_has_its_media_in_another_file(handler):
    other = making.track(handler=handler, reference=ELSEWHERE["url"])
    unnamed = changed(other, b"trak", b"mdia", b"hdlr", to=lambda box: b"")

    assert code(making.movie(making.track(), other)) == "external_media"
    assert code(making.movie(making.track(), unnamed)) == "external_media"
    assert code(making.movie(making.track(), making.track(handler=handler))) is None


@pytest.mark.parametrize("size", range(5))
def test_a_reference_too_short_for_its_flags_is_no_accident(size, tmp_path):
    file = tmp_path / "short.mov"
    file.write_bytes(making.movie(making.track(reference=making.box(b"url ", bytes(size)))))

    if size < 4:
        with pytest.raises(Rejected, match="outside"):
            read_claims(file, "mov", LIMITS)
    else:
        assert read_claims(file, "mov", LIMITS).tracks


def test_a_reference_without_a_name_leads_nowhere():
    assert code(making.movie(making.track(reference=making.box(b"url ", bytes(4), b"\0")))) is None


@pytest.mark.parametrize(("kind", "expected"), [(b"rmra", "external_media"), (b"cmov", "unsupported_variant")])
def test_an_index_of_other_movies_or_a_compressed_one_is_refused(kind, expected):
    assert code(making.movie(more=making.box(kind, bytes(20)))) == expected


SEALED = making.described(making.entry(b"encv"))
BOTH = making.described(making.entry(b"encv"), making.entry(b"avc1"))


def test_encrypted_pictures_are_refused_unless_some_are_clear():
    assert code(making.movie(making.track(entries=SEALED))) == "encrypted"
    assert code(making.movie(making.track(entries=BOTH))) is None
    assert code(making.movie(making.track(entries=SEALED), making.track())) is None
    assert code(making.matroska(making.entry_of(1, making.ENCRYPTED)), "matroska") == "encrypted"
    assert code(making.transport(scrambled=True), "mpegts") == "encrypted"


def test_sound_alone_is_no_clip():
    assert code(making.movie(making.track(handler=b"soun"))) == "no_video"
    assert code(making.matroska(making.entry_of(2)), "matroska") == "no_video"
    assert code(making.avi(making.stream(b"auds")), "avi") == "no_video"
    assert code(making.transport(0x0F), "mpegts") == "no_video"


FTYP = making.box(b"ftyp", b"isom", bytes(4))
BROKEN = {
    "a box of four bytes": (FTYP + struct.pack(">I4s", 4, b"moov"), "corrupt_header"),
    "a box that says to be beyond all": (FTYP + struct.pack(">I4sQ", 1, b"free", 1 << 63), "truncated_clip"),
    "an index larger than any": (FTYP + struct.pack(">I4sQ", 1, b"moov", 1 << 63) + bytes(99), "truncated_clip"),
    "an inner box beyond its outer": (FTYP + making.box(b"moov", struct.pack(">I4s", 99, b"trak")), "corrupt_header"),
    "no index": (FTYP + making.box(b"mdat", bytes(99)), "truncated_clip"),
    "an index in free space": (making.movie().replace(b"moov", b"free"), "truncated_clip"),
    "a box up to the end": (FTYP + struct.pack(">I4s", 0, b"free") + making.movie(), "truncated_clip"),
    "no description": (making.movie(making.track(entries=b"")), "corrupt_header"),
    "more descriptions than there are": (
        making.movie(making.track(entries=making.described(making.entry(), count=2))),
        "corrupt_header",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_movie_that_contradicts_itself_is_refused(kind):
    data, expected = BROKEN[kind]

    assert code(data) == expected


def test_media_that_breaks_off_is_for_the_decoder_to_say():
    assert code(making.movie()[:-50]) is None


def test_an_avi_whose_pictures_break_off_is_truncated():
    whole = making.avi()

    assert code(whole[:-8], "avi") is None
    assert code(whole[:-40], "avi") == "truncated_clip"


MALFORMED = {
    "an element larger than its file": making.element(0x1A45DFA3)
    + making.element(0x18538067, making.element(0x1549A966, size=b"\x40\xff")),
    "an id of no length": b"\x1a\x45\xdf\xa3\x80" + bytes(20),
    "no segment": making.element(0x1A45DFA3),
    "no header": making.element(0x18538067),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_matroska_that_contradicts_itself_is_refused(kind):
    assert code(MALFORMED[kind], "matroska") == "corrupt_header"


def test_an_avi_whose_index_claims_more_than_it_has_is_refused():
    def index(count):
        return making.chunk(b"indx", struct.pack("<HBBI", 4, 0, 0, count), bytes(16), bytes(16))

    assert code(making.avi(making.stream(more=index(1))), "avi") is None
    assert code(making.avi(making.stream(more=index(2))), "avi") == "corrupt_header"


REPEATED = {
    "free boxes": ("mov", FTYP + making.movie(), making.box(b"free")),
    "fragments": ("mov", making.movie(), making.fragment(1)),
    "boxes in an index": ("mov", FTYP, making.box(b"moov", making.box(b"free") * 1_000_000)),
    "void elements": ("matroska", making.element(0x1A45DFA3), b"\xec\x80"),
    "junk chunks": ("avi", b"RIFF\0\0\0\0AVI ", b"JUNK\0\0\0\0"),
    "packets of programs": ("mpegts", b"", making.transport()),
}


@pytest.mark.parametrize("kind", REPEATED)
def test_the_cost_of_a_hostile_container_is_bounded(kind):
    demuxer, start, part = REPEATED[kind]
    reader = Reader.of_bytes(start + part * (8 * (1 << 20) // len(part) + 1))
    began = time.process_time()

    with suppress(Rejected):
        parse_claims(reader, demuxer, LIMITS)

    assert time.process_time() - began < 20.0  # it takes 1; who looked at each box again for each would take hours
    assert reader.left >= -1
    assert reader.left < MOST_READS


CONTAINERS = sorted(making.EVERY_CONTAINER.items())


@settings(max_examples=500)
@given(st.sampled_from(CONTAINERS), st.data())
def test_a_container_with_changed_bytes_is_no_accident(container, data):
    kind, whole = container
    changed = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if changed else 0):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.sampled_from((0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)) | st.integers(0, 255))

    code(bytes(changed), kind)


@settings(max_examples=200)
@given(st.sampled_from(["mov", "matroska", "avi", "mpegts"]), st.binary(max_size=300))
def test_random_bytes_are_no_accident(kind, junk):
    code(junk, kind)


MADE = [
    ("clip.mp4", ("-c:v", "libx264", "-c:a", "aac")),
    ("clip.mov", ("-c:v", "prores", "-c:a", "pcm_s16le")),
    ("pieces.mp4", ("-c:v", "libx264", "-c:a", "aac", "-g", "10", "-movflags", "+frag_keyframe+empty_moov")),
    ("clip.mkv", ("-c:v", "libx264", "-c:a", "libvorbis")),
    ("clip.webm", ("-c:v", "libvpx", "-c:a", "libopus")),
    ("clip.avi", ("-c:v", "mpeg4", "-c:a", "mp3")),
    ("clip.ts", ("-c:v", "libx264", "-c:a", "aac")),
]


@pytest.mark.parametrize(("name", "codecs"), MADE)
def test_what_is_claimed_is_what_ffprobe_reads(name, codecs, tmp_path):
    file = tmp_path / name
    pictures = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", "-f", "lavfi", "-i", "sine=d=2"]
    subprocess.run(["ffmpeg", "-v", "error", *pictures, *codecs, file], check=True)
    asked = ["ffprobe", "-v", "error", "-count_packets", "-show_streams", "-show_format", "-of", "json", file]
    told = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)
    demuxer = told["format"]["format_name"].split(",")[0]

    claims = read_claims(file, demuxer, LIMITS)

    sound = {"video": Kind.PICTURES, "audio": Kind.SOUND}
    assert [track.kind for track in claims.tracks] == [sound[stream["codec_type"]] for stream in told["streams"]]
    pictures = claims.tracks[0]
    assert (pictures.width, pictures.height) in ((320, 180), (0, 0))
    packets = int(told["streams"][0]["nb_read_packets"])
    spared = (
        (0,) if demuxer in ("matroska", "mpegts") else (packets, packets + 1)
    )  # an encoder's delay, as ffmpeg's AVI
    assert pictures.frames in spared
    if claims.seconds:
        assert claims.seconds == pytest.approx(float(told["format"]["duration"]), abs=0.05)
