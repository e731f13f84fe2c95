"""Whatever was recorded comes to BT.709 as it was seen: compared with the picture it was made of."""

import numpy as np
import pytest

from config import Limits
from filters.recipe import Cut
from pipeline.clip.arguments import decode_arguments
from pipeline.clip.ffmpeg import capture
from pipeline.clip.plan import plan_span
from pipeline.clip.probe import probe
from tests.pipeline.clip.making import ACCURATE

LIMITS = Limits()
WIDTH, HEIGHT = 320, 180
CARD = ("-f", "lavfi", "-i", f"testsrc2=s={WIDTH}x{HEIGHT}:r=10:d=1")
SCALE = f"scale={ACCURATE}"
RGB = f"scale=in_color_matrix=bt709:in_range=tv:{ACCURATE},format=rgb24"
LOSSLESS = ("-c:v", "ffv1")
TO_HDR = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p10le,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv,"
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020,zscale=t={curve}:m=bt2020nc:r=tv:npl=203,format=yuv444p10le"
)


def decoded(file, width=WIDTH, height=HEIGHT):
    """The first frame as our chain brings it home, as RGB in float."""
    source = probe(file, LIMITS)
    arguments = decode_arguments(source, plan_span(source, Cut()), width, height, 10.0, LIMITS, first_only=True)
    planes = capture(arguments, LIMITS, folder=file.parent)
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-i", "frame.yuv"]
    (file.parent / "frame.yuv").write_bytes(planes)
    rgb = capture([*raw, "-vf", RGB, "-f", "rawvideo", "pipe:1"], LIMITS, folder=file.parent)
    return np.frombuffer(rgb, np.uint8).reshape(height, width, 3).astype(float)


@pytest.fixture
def card(ffmpeg):
    """The card's first frame as it was drawn, in RGB."""
    drawn = ffmpeg(*CARD, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
    return np.frombuffer(drawn, np.uint8).reshape(HEIGHT, WIDTH, 3).astype(float)


def error(pixels, reference):
    """The mean difference in levels."""
    return abs(pixels - reference).mean()


def through_planes(ffmpeg, tmp_path):
    """What is left of the card in 4:2:0: nothing can come nearer."""
    ffmpeg(
        *CARD,
        "-vf",
        f"{SCALE}:out_color_matrix=bt709:out_range=tv,format=yuv420p",
        *LOSSLESS,
        tmp_path / "ideal.mkv",
    )
    rgb = ffmpeg("-i", tmp_path / "ideal.mkv", "-vf", RGB, "-frames:v", "1", "-f", "rawvideo", "pipe:1")
    return np.frombuffer(rgb, np.uint8).reshape(HEIGHT, WIDTH, 3).astype(float)


STORED = {
    "bt709": (f"{SCALE}:out_color_matrix=bt709:out_range=tv,format=yuv420p", "bt709", "tv"),
    "bt601": (f"{SCALE}:out_color_matrix=smpte170m:out_range=tv,format=yuv420p", "smpte170m", "tv"),
    "full range": (f"{SCALE}:out_color_matrix=bt709:out_range=pc,format=yuv420p", "bt709", "pc"),
    "bt601 in full range": (
        f"{SCALE}:out_color_matrix=smpte170m:out_range=pc,format=yuv420p",
        "smpte170m",
        "pc",
    ),
    "4:4:4": (f"{SCALE}:out_color_matrix=bt709:out_range=tv,format=yuv444p", "bt709", "tv"),
    "10 bits": (f"{SCALE}:out_color_matrix=bt709:out_range=tv,format=yuv420p10le", "bt709", "tv"),
    "bt2020 without hdr": (
        f"{SCALE}:out_color_matrix=bt2020:out_range=tv,format=yuv420p10le",
        "bt2020nc",
        "tv",
    ),
}


@pytest.mark.parametrize("name", STORED)
def test_every_way_to_store_a_picture_shows_the_same(name, ffmpeg, tmp_path, card):
    chain, matrix, levels = STORED[name]
    ffmpeg(*CARD, "-vf", chain, *LOSSLESS, "-colorspace", matrix, "-color_range", levels, tmp_path / "a.mkv")

    assert error(decoded(tmp_path / "a.mkv"), through_planes(ffmpeg, tmp_path)) < 1.5


@pytest.mark.parametrize("share", [1, 0.5])
@pytest.mark.parametrize("name", STORED)
def test_a_grey_stays_that_grey_at_every_size(name, share, ffmpeg, tmp_path):
    chain, matrix, levels = STORED[name]
    for grey in (0x20, 0x40, 0x80, 0xC0, 0xE8):
        colour = f"0x{grey:02x}{grey:02x}{grey:02x}"
        flat = ("-f", "lavfi", "-i", f"color={colour}:s={WIDTH}x{HEIGHT}:r=10:d=0.1,format=gbrp")
        tags = ("-colorspace", matrix, "-color_range", levels)
        ffmpeg(*flat, "-vf", chain, *LOSSLESS, *tags, tmp_path / "a.mkv")

        assert abs(decoded(tmp_path / "a.mkv", int(WIDTH * share), int(HEIGHT * share)) - grey).max() <= 1.5


@pytest.mark.parametrize(("lines", "matrix"), [(480, "smpte170m"), (720, "bt709")])
def test_an_untagged_picture_is_told_by_its_lines(lines, matrix, ffmpeg, tmp_path):
    large = ("-f", "lavfi", "-i", f"color=0xd04020:s=640x{lines}:r=10:d=1")
    ffmpeg(*large, "-vf", f"scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p", *LOSSLESS, tmp_path / "a.mkv")

    seen = decoded(tmp_path / "a.mkv", 640, lines)

    assert abs(seen - (0xD0, 0x40, 0x20)).max() <= 3


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67"])
def test_hdr_whose_white_is_white_shows_what_it_was_made_of(curve, ffmpeg, tmp_path, card):
    tags = ("-color_primaries", "bt2020", "-color_trc", curve, "-colorspace", "bt2020nc", "-color_range", "tv")
    ffmpeg(*CARD, "-vf", TO_HDR.format(curve=curve), "-c:v", "libx265", "-x265-params", "lossless=1:log-level=error",
           *tags, tmp_path / "a.mp4")  # fmt: skip

    assert probe(tmp_path / "a.mp4", LIMITS).video.hdr == {"smpte2084": "pq", "arib-std-b67": "hlg"}[curve]
    assert error(decoded(tmp_path / "a.mp4"), card) <= 8


def test_hdr_of_constant_luminance_is_taken_too(ffmpeg, tmp_path, card):
    tags = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020c", "-color_range", "tv")
    ffmpeg(*CARD, "-vf", TO_HDR.format(curve="smpte2084"), *LOSSLESS, *tags, tmp_path / "a.mkv")

    assert probe(tmp_path / "a.mkv", LIMITS).video.matrix == "bt2020c"
    assert error(decoded(tmp_path / "a.mkv"), card) <= 8


def test_what_is_brighter_than_white_is_still_told_apart(ffmpeg, tmp_path):
    """A ramp from white to what a phone's screen reaches, 203 to 1000 nits."""
    ramp = "gradients=s=320x180:r=10:d=1:c0=white:c1=0x6f6f6f:x0=0:y0=0:x1=319:y1=0:speed=0.00001"
    curve = "zscale=t=linear:npl=1000,format=gbrpf32le,zscale=p=bt2020,zscale=t=smpte2084:m=bt2020nc:r=tv:npl=1000"
    tagged = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    tags = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv")
    steps = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv444p10le,{tagged},{curve},format=yuv420p10le"
    ffmpeg("-f", "lavfi", "-i", ramp, "-vf", steps, "-c:v", "libx265", "-x265-params", "log-level=error", *tags,
           tmp_path / "a.mp4")  # fmt: skip

    seen = decoded(tmp_path / "a.mp4")[90]

    assert len(np.unique(seen.round())) >= 4
    assert seen.min() > 205


def test_colours_beyond_bt709_in_an_ordinary_curve_are_drawn_in(ffmpeg, tmp_path):
    """A colour stored in Display P3, as a screen recording of a Mac has it, is that colour and not a duller one."""
    tags = ("-color_primaries", "smpte432", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
    flat = ("-f", "lavfi", "-i", "color=0xc05050:s=320x180:r=10:d=1")
    ffmpeg(
        *flat, "-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p", *LOSSLESS, *tags, tmp_path / "a.mkv"
    )

    red, green, blue = decoded(tmp_path / "a.mkv")[90, 160]

    assert red > 0xC0 + 4
    assert green < 0x50
    assert blue < 0x50 + 2


SEE_THROUGH = {
    "vp8": ("yuva420p", ("-c:v", "libvpx", "-auto-alt-ref", "0", "-b:v", "2M"), "webm"),
    "vp9": ("yuva420p", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-b:v", "2M"), "webm"),
    "png": ("rgba", ("-c:v", "png"), "mov"),
    "prores 4444": ("yuva444p10le", ("-c:v", "prores_ks", "-profile:v", "4444"), "mov"),
    "apng": ("rgba", ("-f", "apng"), "png"),
}


@pytest.mark.parametrize("name", SEE_THROUGH)
def test_what_can_be_seen_through_lies_on_white(name, ffmpeg, tmp_path):
    pixels, codec, extension = SEE_THROUGH[name]
    hole = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,160),255,0)'"
    flat = ("-f", "lavfi", "-i", "color=0x3060c0:s=320x180:r=10:d=1")
    ffmpeg(*flat, "-vf", f"{hole},scale=out_color_matrix=bt709:out_range=tv,format={pixels}", *codec,
           *(() if extension == "png" else ("-colorspace", "bt709", "-color_range", "tv")),
           tmp_path / f"a.{extension}")  # fmt: skip

    seen = decoded(tmp_path / f"a.{extension}")

    assert abs(seen[90, 80] - (0x30, 0x60, 0xC0)).max() <= 8
    assert seen[90, 240].min() >= 253


def test_fields_become_whole_frames(ffmpeg, tmp_path):
    """An edge that moves between two fields is a comb in their frame, and none after deinterlacing."""
    moving = "nullsrc=s=320x576:r=50:d=1,geq=lum='if(lt(X,40+4*N),235,16)':cb=128:cr=128,format=yuv420p"
    weave = (
        "-vf",
        "tinterlace=interleave_top,setfield=tff",
        "-c:v",
        "mpeg2video",
        "-q:v",
        "2",
        "-flags",
        "+ildct+ilme",
    )
    ffmpeg("-f", "lavfi", "-i", moving, *weave, tmp_path / "a.ts")

    seen = decoded(tmp_path / "a.ts", 320, 576)[..., 1]
    raw = ffmpeg("-i", tmp_path / "a.ts", "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1")
    stored = np.frombuffer(raw, np.uint8).reshape(576, 320).astype(float)

    assert comb(stored) > 4 * comb(seen)


def comb(tones):
    """How much a line differs from both of its neighbours, on average."""
    return abs(2 * tones[1:-1] - tones[:-2] - tones[2:]).mean()
