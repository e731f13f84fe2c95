import io

import pytest
from PIL import Image

from config.limits import Limits
from jobs.errors import Rejected
from pipeline.headers import read_header
from pipeline.headers.gif import MOST_SUB_BLOCKS
from tests.pipeline.headers import making


def read(data: bytes):
    return read_header(data, Limits())


def refusal_of(data: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(data)
    return refusal.value.code


@pytest.mark.parametrize("frames", [1, 4])
def test_a_gif_of_another_encoder_is_read(frames):
    pictures, file = [Image.effect_noise((37, 23), 40 + n) for n in range(frames)], io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], comment=b"c" * 700)

    header = read(file.getvalue())

    assert (header.width, header.height, header.frames, header.alpha) == (37, 23, frames, False)


def test_a_transparent_colour_of_the_first_frame_is_alpha():
    assert read(making.gif(frame=making.gif_frame(transparent=True))).alpha
    assert not read(making.gif(frame=making.gif_frame() + making.gif_frame(transparent=True))).alpha


def test_a_first_frame_beyond_the_screen_enlarges_it_as_in_pillow():
    photo = making.gif(3, 4, frame=making.gif_frame(7, 5, left=2, top=1))

    header = read(photo)

    assert (header.width, header.height) == (9, 6) == Image.open(io.BytesIO(photo)).size


def test_a_screen_without_a_size_takes_the_frames():
    assert read(making.gif(0, 0, frame=making.gif_frame(7, 5))).width == 7


@pytest.mark.parametrize("end", [b"", b";", b"; and a script", b"\0\0\0"])
def test_what_follows_the_frames_does_not_matter(end):
    assert read(making.gif(frames=2, end=end)).frames == 2


@pytest.mark.parametrize("cut", [2, 3, *range(5, len(making.gif_frame()))])  # 4 is between two blocks
def test_a_frame_that_breaks_off_is_not_counted(cut):
    assert read(making.gif(frames=3, end=b"")[:-cut]).frames == 2


def test_a_frame_that_lacks_only_its_terminator_is_counted():
    assert read(making.gif(frames=3, end=b"")[:-1]).frames == 3


@pytest.mark.parametrize(
    "photo",
    [
        making.gif()[:11],
        making.gif(frames=0),
        making.gif(end=b"")[:-2],
        making.gif(frame=b"!\xfe\0" * MOST_SUB_BLOCKS),
        making.gif(frame=making.gif_frame()[:20] + b"\1\0" * 3 + b"\1" * 2 * MOST_SUB_BLOCKS),
    ],
    ids=["cut in its screen", "no frame", "cut in its frame", "too many extensions", "too many blocks"],
)
def test_a_gif_without_a_whole_frame_is_corrupt(photo):
    assert refusal_of(photo) == "corrupt_header"
