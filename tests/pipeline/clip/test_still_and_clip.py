"""A frame of an edited clip is what the same frame is as an edited photo, before it is encoded and after."""

import io
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from config import Limits, PhotoPreset
from config.presets import ClipLadder, ClipPreset
from filters.compile import compile_recipe
from filters.cube import pack, read_cube, unpack
from filters.geometry import edited_size
from filters.recipe import BUILT_IN_LOOKS, Adjustments, Crop, Geometry, LookChoice, Recipe, TiltShift, Tint
from pipeline.clip.arguments import transcode_arguments
from pipeline.clip.frames import edit_frames
from pipeline.clip.plan import Frames, Span, plan_rungs
from pipeline.clip.probe import probe
from pipeline.photo import render_picture
from tests.pipeline.clip.making import panned, play, record

LIMITS = Limits()
COUNT, POSTER = 6, 2  # frames, and the place of the one that stands for the clip
HEIGHT, WIDTH = 256, 180
AGREE = 2.0  # levels of mean difference at most
BEST = ClipLadder(rungs=(ClipPreset(name="best", short_side=1080, kbps=50_000, quality=4),), strip=None)

ADJUSTMENTS = {
    "lux": 80.0,
    "structure": 80.0,
    "brightness": 50.0,
    "contrast": 60.0,
    "warmth": 70.0,
    "saturation": 80.0,
    "tint_shadows": Tint(colour="blue", strength=80.0),
    "tint_highlights": Tint(colour="orange", strength=80.0),
    "fade": 60.0,
    "highlights": -70.0,
    "shadows": 70.0,
    "vignette": 80.0,
    "tilt_shift": TiltShift(x=0.3, y=0.7, strength=90.0),
    "sharpen": 80.0,
}
GEOMETRIES = {
    "turned": Geometry(rotate=90),
    "on its head": Geometry(rotate=180),
    "mirrored": Geometry(flip="horizontal"),
    "turned and mirrored": Geometry(rotate=270, flip="vertical"),
    "cut": Geometry(crop=Crop(left=0.113, top=0.21, width=0.6, height=0.457)),
    "straightened": Geometry(straighten=7.5),
    "in perspective": Geometry(perspective_horizontal=30, perspective_vertical=-50),
    "all of it": Geometry(
        rotate=90, flip="horizontal", straighten=-4, perspective_vertical=20, crop=Crop(left=0.2, width=0.7)
    ),
}
CUBE = "LUT_3D_SIZE 2\n" + "\n".join(
    f"{0.1 + 0.8 * r:.3f} {0.9 * g * (1 - 0.2 * r):.3f} {0.2 + 0.6 * b:.3f}"
    for b in (0, 1)
    for g in (0, 1)
    for r in (0, 1)
)
MUCH = Recipe(
    geometry=Geometry(straighten=3, crop=Crop(left=0.1, top=0.1, width=0.8, height=0.75)),
    look=LookChoice(name="hudson", strength=80),
    adjustments=Adjustments(lux=40, contrast=20, vignette=30, sharpen=30),
)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip, and its frames as they are before any edit."""

    source: object
    frames: np.ndarray


@pytest.fixture(scope="session")
def clip(ffmpeg, tmp_path_factory):
    """A camera moves over a scene."""
    file = record(ffmpeg, tmp_path_factory.mktemp("panned") / "clip.mkv", panned(HEIGHT, WIDTH, COUNT))
    return Clip(source=probe(file, LIMITS), frames=play(ffmpeg, file, HEIGHT, WIDTH))


@pytest.fixture
def agree(ffmpeg, clip, tmp_path):
    """Edit the clip and a frame of it; hold them together."""

    def holds(recipe, own_look=None, place=POSTER, short_side=1080, *, encoded=False):
        program = compile_recipe(recipe, own_look)
        height, width = edited_size(HEIGHT, WIDTH, program.geometry)
        (rung,) = plan_rungs(width, height, (replace(BEST.rungs[0], short_side=short_side),))
        frames = Frames(width=rung.width, height=rung.height, rate=Fraction(10))
        arguments = coded(clip, rung, frames) if encoded else raw(frames)
        span = Span(start=0.0, seconds=clip.source.seconds)
        poster = clip.frames[POSTER]
        count = edit_frames(
            clip.source, span, program, frames, arguments, LIMITS, folder=tmp_path, poster=poster, report=lambda _: None
        )
        options = () if encoded else ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{rung.width}x{rung.height}")
        made = play(ffmpeg, tmp_path / ("best.mp4" if encoded else "frames.yuv"), rung.height, rung.width, *options)
        assert count == len(made) == COUNT
        still = photo_of(clip.frames[place], program, rung)
        assert np.abs(made[place].astype(float) - still).mean() <= AGREE

    return holds


def raw(frames):
    """The frames as they came."""
    taken = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{frames.width}x{frames.height}", "-i", "pipe:0")
    return [*taken, "-c:v", "copy", "-f", "rawvideo", "frames.yuv"]


def coded(clip, rung, frames):
    """As they are published, but for the quality."""
    span = Span(start=0.0, seconds=clip.source.seconds)
    return transcode_arguments(
        clip.source, span, (rung,), BEST, LIMITS, level=None, preview=False, strip=False, edited=frames
    )


def photo_of(pixels, program, rung):
    """The picture's largest rendition; where a video's even sides are others than a photo's, brought to them."""
    (image,) = render_picture(pixels, (PhotoPreset(name="base", width=rung.width, quality=95),), program).images
    return np.asarray(Image.open(io.BytesIO(image.data)).resize((rung.width, rung.height), Image.Resampling.LANCZOS))


@pytest.mark.parametrize("name", BUILT_IN_LOOKS)
def test_every_look(agree, name):
    agree(Recipe(look=LookChoice(name=name)))


@pytest.mark.parametrize("name", ADJUSTMENTS)
def test_every_adjustment(agree, name):
    agree(Recipe(adjustments=Adjustments(**{name: ADJUSTMENTS[name]})))


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_geometry(agree, name):
    agree(Recipe(geometry=GEOMETRIES[name]))


@pytest.mark.parametrize("name", ["turned", "cut", "straightened"])
def test_geometry_of_a_clip_that_is_reduced(agree, name):
    agree(Recipe(geometry=GEOMETRIES[name]), short_side=72)


def test_a_look_of_ones_own(agree):
    own = unpack("mine", pack(read_cube(CUBE, "mine")))

    agree(Recipe(look=LookChoice(name="mine", strength=70)), own)


def test_much_at_once(agree):
    agree(MUCH)


@pytest.mark.parametrize("place", [0, COUNT - 1])
def test_the_first_frame_and_the_last(agree, place):
    agree(Recipe(geometry=Geometry(rotate=90), look=LookChoice(name="sutro")), place=place)


@pytest.mark.parametrize(
    "recipe",
    [Recipe(look=LookChoice(name="clarendon")), Recipe(look=LookChoice(name="xpro2")), MUCH],
    ids=["plain look", "masked look", "much"],
)
def test_after_it_was_encoded(agree, recipe):
    agree(recipe, encoded=True)
