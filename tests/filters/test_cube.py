"""`.cube` files: against Pillow's and ffmpeg's own interpolation, and against files that are wrong on purpose."""

import io
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from filters.compile import compile_recipe
from filters.cube import CubeError, CubeLook, pack, read_cube, unpack, write_cube
from filters.cube_text import CubeTable
from filters.mask import Mask, Radial
from filters.point import Additive, Curves, Matrix
from filters.recipe import LookChoice, Recipe

TWO_POINTS = "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n"
TWO_A_SIDE = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
NOISE = np.random.default_rng(3).random((35, 57, 3))
SEPIA = Matrix(weights=np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]) / 1.351)
GAMMA = Curves(of=lambda colours: colours ** np.array([0.8, 1.0, 1.3]))


def applied(look, colours=NOISE, strength=1.0):
    for operation in look.operations(strength):
        colours = operation(colours)
    return colours


def bumpy(size, seed=5):
    """A .cube file whose colours jump from point to point, so that any swapped axis shows."""
    rows = np.random.default_rng(seed).random((size**3, 3))
    return f"LUT_3D_SIZE {size}\n" + "\n".join(" ".join(f"{v:.6f}" for v in row) for row in rows), rows


# What a file means


def test_at_the_points_of_a_grid_the_colours_are_pillows():
    text, rows = bumpy(4)
    tones = np.linspace(0, 1, 4)  # 0, 85, 170 and 255
    points = np.stack(np.meshgrid(tones, tones, tones, indexing="ij"), -1).reshape(1, -1, 3)
    pixels = Image.fromarray(np.rint(points * 255).astype(np.uint8))
    pillow = np.asarray(pixels.filter(ImageFilter.Color3DLUT(4, rows.ravel().tolist()))) / 255

    ours = applied(read_cube(text, "bumpy"), np.asarray(pixels) / 255)

    assert np.abs(ours - pillow).max() < 0.6 / 255


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not on this machine")
@pytest.mark.parametrize("size", [2, 7, 33])
def test_between_the_points_of_a_grid_the_colours_are_ffmpegs(tmp_path, size):
    text, _ = bumpy(size)
    (tmp_path / "bumpy.cube").write_text(text)

    expected = through_ffmpeg(f"lut3d=file={tmp_path}/bumpy.cube:interp=tetrahedral")

    np.testing.assert_allclose(applied(read_cube(text, "bumpy")), expected, atol=0.01 / 255)


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not on this machine")
def test_curves_are_ffmpegs_with_a_domain_of_their_own(tmp_path):
    text = "LUT_1D_SIZE 4\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1.25 3\n0 1 0\n0.5 0.2 0.1\n0.4 0.3 0.9\n1 0 0.3\n"
    (tmp_path / "curves.cube").write_text(text)

    expected = through_ffmpeg(f"lut1d=file={tmp_path}/curves.cube:interp=linear")

    np.testing.assert_allclose(applied(read_cube(text, "curves")), expected, atol=0.01 / 255)


def through_ffmpeg(graph):
    height, width, _ = NOISE.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "gbrpf32le"]
    command = ["ffmpeg", "-v", "error", *raw, "-s", f"{width}x{height}", "-i", "-", "-vf", graph, *raw, "-"]
    planes = NOISE.transpose(2, 0, 1)[[1, 2, 0]].astype("<f4")
    ended = subprocess.run(command, input=planes.tobytes(), capture_output=True, check=True)
    return np.frombuffer(ended.stdout, "<f4").reshape(3, height, width)[[2, 0, 1]].transpose(1, 2, 0)


def test_curves_are_interpolated_channel_by_channel():
    look = read_cube("LUT_1D_SIZE 3\n0 1 0\n0.25 0.5 0\n1 0 1\n", "mine")

    expected = np.stack(
        [
            np.interp(NOISE[..., c], [0, 0.5, 1], tones)
            for c, tones in enumerate(zip(*[(0, 1, 0), (0.25, 0.5, 0), (1, 0, 1)], strict=True))
        ],
        -1,
    )
    np.testing.assert_allclose(applied(look), expected, atol=1e-12)


def test_a_domain_stretches_a_grid_and_holds_its_ends():
    look = read_cube(f"LUT_3D_SIZE 2\nDOMAIN_MIN 0.25 0 -1\nDOMAIN_MAX 0.75 1 1\n{TWO_A_SIDE}", "mine")

    expected = np.stack([np.clip(NOISE[..., 0] * 2 - 0.5, 0, 1), NOISE[..., 1], (NOISE[..., 2] + 1) / 2], -1)
    np.testing.assert_allclose(applied(look), expected, atol=1e-12)


def test_curves_before_a_grid_act_before_it():
    text = f"LUT_1D_SIZE 2\nLUT_1D_INPUT_RANGE 0 1\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 2\n1 1 1\n0 0 0\n{TWO_A_SIDE}"

    np.testing.assert_allclose(applied(read_cube(text, "mine")), (1 - NOISE) / 2, atol=1e-12)


@pytest.mark.parametrize("text", [f"LUT_3D_SIZE 2\n{TWO_A_SIDE}", TWO_POINTS])
def test_a_look_is_blended_by_its_strength(text):
    inverted = read_cube(text.replace("0", "x").replace("1", "0").replace("x", "1").replace("LUT_0D", "LUT_1D"), "mine")

    for strength in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(applied(inverted, strength=strength), NOISE + strength * (1 - 2 * NOISE), atol=1e-12)


def test_numbers_outside_of_0_to_1_are_clipped_where_they_show():
    look = read_cube("LUT_1D_SIZE 2\n-0.5 -30 0\n1.5 1e30 1\n", "mine")

    assert applied(look).min() >= 0
    assert applied(look).max() <= 1
    np.testing.assert_allclose(applied(look)[..., 0], np.clip(2 * NOISE[..., 0] - 0.5, 0, 1), atol=1e-12)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_line_ends_comments_blank_lines_and_a_byte_order_mark_change_nothing(ending, start):
    text = f'{start}# made by hand\n\nTITLE "Dusk"\n\tLUT_1D_SIZE\t2 \n# a comment\n 0 0 0\n\n1 1 1\n# the end'

    look = read_cube(text.replace("\n", ending).encode(), "dusk")

    assert look.title == "Dusk"
    np.testing.assert_allclose(applied(look), NOISE)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ('"Dämmerung"'.encode("latin-1"), "Dämmerung"),
        ("„夕暮れ“".encode(), "„夕暮れ“"),
        (b'"a\x07b"', "ab"),
        (b"", "mine"),
    ],
)
def test_a_title_is_read_in_utf_8_or_latin_1_without_what_cannot_be_shown(written, title):
    assert read_cube(b"TITLE " + written + b"\n" + TWO_POINTS.encode(), "mine").title == title


@pytest.mark.parametrize("strength", [100.0, 37.0])
@pytest.mark.parametrize(
    "text",
    [
        bumpy(17)[0],
        "DOMAIN_MIN -0.2 0 0.1\nDOMAIN_MAX 1 1.5 0.9\n" + bumpy(5)[0],
        write_cube([GAMMA, SEPIA], "Sepia", 49),
        "DOMAIN_MAX 1 1 0.8\nLUT_1D_SIZE 4\n0 1 0\n0.5 0.2 0.1\n0.4 0.3 0.9\n1 0 0.3\n",
    ],
    ids=["grid", "grid with a domain", "fine grid", "curves"],
)
def test_the_compiled_look_is_its_mathematics(text, strength):
    look = read_cube(text, "mine")
    pixels = np.rint(NOISE * 255).astype(np.uint8)

    drawn = compile_recipe(Recipe(look=LookChoice(name="mine", strength=strength)), look).apply(pixels)

    error = np.abs(drawn - applied(look, pixels / 255, strength / 100) * 255)
    assert error.mean() < 0.3
    assert error.max() < 2


# What is wrong with a file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither LUT_1D_SIZE nor LUT_3D_SIZE"),
        ("0 0 0\n", "line 1: a row more than the 0"),
        ("\x89PNG\r\n\x1a\n\0\0\0", "line 1: .*neither three finite numbers nor a known keyword"),
        ("LUT_1D_SIZE 3\n0 0 0\n1 1 1\n", "ends after 2 of the 3 rows"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n1 1 1\n", "line 4: a row more than the 2"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 1\n", "line 3: '1 1' is neither three finite numbers"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 1 1 1\n", "line 3: '1 1 1 1' is neither"),
        ("LUT_1D_SIZE 2\n0 0 0\nnan 1 1\n", "line 3: 'nan 1 1' is neither"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 inf 1\n", "line 3: '1 inf 1' is neither"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 1 1e39\n", "line 3: '1 1 1e39' is neither"),
        ("LUT_1D_SIZE 2\n0 0 0\none 1 1\n", "line 3: 'one 1 1' is neither"),
        ("LUT_1D_SIZE 2\nLUT_IN_VIDEO_RANGE\n0 0 0\n1 1 1\n", "line 2: 'LUT_IN_VIDEO_RANGE' is neither"),
        ("LUT_1D_SIZE 1\n0 0 0\n", "line 1: LUT_1D_SIZE needs one whole number from 2 to 65,536, not '1'"),
        ("LUT_1D_SIZE 65537\n", "line 1: LUT_1D_SIZE needs one whole number from 2 to 65,536"),
        ("LUT_3D_SIZE 257\n", "line 1: LUT_3D_SIZE needs one whole number from 2 to 256, not '257'"),
        ("LUT_3D_SIZE -2\n", "line 1: LUT_3D_SIZE needs"),
        ("LUT_3D_SIZE 2.5\n", "line 1: LUT_3D_SIZE needs"),
        ("LUT_3D_SIZE\n", "line 1: LUT_3D_SIZE needs"),
        (f"LUT_3D_SIZE {'9' * 900}\n", "line 1: LUT_3D_SIZE needs"),
        ("LUT_3D_SIZE 256\n0 0 0\n", "line 1: 'LUT_3D_SIZE 256' announces 16,777,216 rows; 22 bytes hold less"),
        ("LUT_1D_SIZE 2\n\nLUT_1D_SIZE 2\n0 0 0\n1 1 1\n", "line 3: LUT_1D_SIZE is stated again; line 1 has it"),
        ("LUT_1D_SIZE 2\n0 0 0\nTITLE late\n1 1 1\n", "line 3: 'TITLE late' comes after the table has begun"),
        ("LUT_1D_SIZE 2\nDOMAIN_MIN 0 0\n0 0 0\n1 1 1\n", "line 2: DOMAIN_MIN needs three finite numbers, not '0 0'"),
        ("LUT_1D_SIZE 2\nDOMAIN_MIN 0 0 nan\n0 0 0\n1 1 1\n", "line 2: DOMAIN_MIN needs three finite"),
        ("DOMAIN_MIN 0 1 0\nDOMAIN_MAX 1 0 1\n" + TWO_POINTS, "line 2: the domain goes from .* empty or reversed"),
        ("DOMAIN_MIN 1 1 1\n" + TWO_POINTS, "line 1: the domain goes from .* empty or reversed"),
        ("LUT_1D_INPUT_RANGE 1 0\n" + TWO_POINTS, "line 1: the domain goes from .* empty or reversed"),
        ("LUT_1D_INPUT_RANGE 0 1 2\n" + TWO_POINTS, "line 1: LUT_1D_INPUT_RANGE needs two finite numbers"),
        ("LUT_1D_SIZE 2\n" + "0 " * 2000, "line 2 has 3,999 bytes; at most 1,000 are read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text, message):
    with pytest.raises(CubeError, match=message):
        read_cube(text, "mine")


def test_a_file_that_is_too_long_is_refused_before_it_is_read():
    with pytest.raises(CubeError, match="the file has more than 67,108,864 bytes"):
        read_cube(bytes((64 << 20) + 1), "mine")


def test_a_file_of_too_many_lines_is_refused_before_it_is_read():
    with pytest.raises(CubeError, match="the file has 4,000,001 lines; at most 4,000,000 are read"):
        read_cube(b"\n" * 4_000_001, "mine")


LINES = st.sampled_from(
    ["LUT_1D_SIZE 2", "LUT_3D_SIZE 2", "LUT_1D_SIZE 65536", "LUT_3D_SIZE 256", "TITLE x", "DOMAIN_MIN 0 0 0",
     "DOMAIN_MAX 1e-320 1 1", "DOMAIN_MAX 1e37 1e37 1e37", "DOMAIN_MIN -1e37 -1 -1", "LUT_1D_INPUT_RANGE 0.5 0.6",
     "LUT_3D_INPUT_RANGE -3 9", "0 0 0", "1 1 1", "-1e37 1e37 0", "nan 0 0", "1e400 0 0", "# 0", "", TWO_A_SIDE]
)  # fmt: skip


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=14).map(lambda lines: "\n".join(lines).encode())))
def test_any_file_is_a_look_of_tones_or_an_error_of_its_own(data):
    try:
        look = read_cube(data, "any")
    except CubeError:
        return
    assert in_range(applied(unpack("any", pack(look))))


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=100), st.binary(max_size=80).map(lambda tail: pack(read_cube(TWO_POINTS, "x"))[:20] + tail)
    )
)
def test_any_packed_bytes_are_a_look_of_tones_or_an_error_of_its_own(data):
    try:
        look = unpack("any", data)
    except CubeError:
        return
    assert in_range(applied(look))


def in_range(colours):
    return bool((colours >= 0).all() and (colours <= 1).all())


# What is kept, and what is written


@pytest.mark.parametrize("size", [2, 17, 33])
def test_a_packed_grid_is_within_a_hundredth_of_a_level(size):
    look = read_cube(bumpy(size)[0], "mine")

    assert np.abs(applied(unpack("mine", pack(look))) - applied(look)).max() < 0.01 / 255


def test_packed_curves_are_exact_at_every_8_bit_tone_and_keep_their_domain():
    rows = "\n".join(f"{v} {v * v} {1 - v}" for v in np.linspace(0, 1, 65536))
    tones = (np.arange(256) / 255)[:, None].repeat(3, 1)

    look = read_cube(f"TITLE long\nLUT_1D_SIZE 65536\n{rows}", "mine")
    kept = unpack("mine", pack(look))

    assert len(kept.table.samples) == 4081
    assert kept.title == "long"
    assert np.abs(applied(kept, tones) - applied(look, tones)).max() < 0.01 / 255


def test_a_grid_that_is_too_fine_to_keep_is_drawn_anew_and_stays_close():
    fine = read_cube(write_cube([GAMMA, SEPIA], "Sepia", 49), "sepia")

    assert np.abs(applied(unpack("sepia", pack(fine))) - SEPIA(GAMMA(NOISE))).max() < 0.5 / 255


def test_packing_is_bounded_repeatable_and_survives_being_read():
    look = read_cube(f'TITLE "{"ü" * 400}"\n' + bumpy(40)[0], "mine")

    packed = pack(look)

    assert len(packed) < 220_000
    assert pack(look) == packed
    assert pack(unpack("mine", packed)) == packed
    assert unpack("mine", packed) is unpack("mine", bytes(bytearray(packed)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:10],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"curb" + data[4:],
        lambda data: data[:4] + b"\2" + data[5:],
        lambda data: data[:5] + b"\2" + data[6:],
        lambda data: data[:6] + b"\xff\xff" + data[8:],
        lambda data: data[:8] + b"\xff\xff" + data[10:],
        lambda data: data[:10] + b"\xff" * 48 + data[58:],
        lambda data: data[:10] + bytes(48) + data[58:],
        lambda data: data + bytes(300_000),
    ],
)
def test_packed_bytes_that_were_changed_are_refused(damage):
    with pytest.raises(CubeError):
        unpack("mine", damage(pack(read_cube(TWO_POINTS, "mine"))))


def test_what_is_written_is_read_again_as_the_same_colours():
    again = read_cube(write_cube([GAMMA, SEPIA], 'The "Sepia"\n', 33), "sepia")

    assert again.title == "The Sepia"
    assert np.abs(applied(again) - SEPIA(GAMMA(NOISE))).max() < 0.5 / 255


def test_what_is_written_pillow_reads_as_the_same_colours():
    text = write_cube([SEPIA], "Sepia", 17)
    rows = [float(word) for line in text.splitlines() if line[0].isdigit() for word in line.split()]
    pixels = np.rint(NOISE * 255).astype(np.uint8)

    pillow = np.asarray(Image.fromarray(pixels).filter(ImageFilter.Color3DLUT(17, rows)))

    assert np.abs(pillow - SEPIA(pixels / 255) * 255).max() <= 1.01


def test_what_depends_on_the_place_is_written_as_at_the_centre():
    mask = Mask(shape=Radial(x=0.0, reach=1 / 3), nodes=((0.0, 0.0), (1.0, 1.0)))  # 3/4 at the centre
    darker = Additive(parts=lambda tones, amount: np.eye(3)[..., None] * tones * (1 - 0.4 * amount), mask=mask)

    np.testing.assert_allclose(applied(read_cube(write_cube([darker], "", 2), "dark")), NOISE * 0.7, atol=1e-6)


def test_nothing_at_all_is_written_as_the_identity():
    text = write_cube([], "", 2)

    assert io.StringIO(text).readline() == 'TITLE ""\n'
    np.testing.assert_allclose(applied(read_cube(text, "nothing")), NOISE, atol=1e-12)


def test_a_look_without_strength_does_nothing():
    look = CubeLook(name="x", title="x", table=CubeTable(samples=np.zeros((2, 3))))

    assert look.operations(0.0) == ()


@pytest.mark.parametrize("size", [2, 33, 65])
def test_a_look_that_leaves_the_tones_is_clipped_between_its_points_and_not_at_them(size):
    axis = np.linspace(0.0, 1.0, size) * 1.3 - 0.1
    rows = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for b in axis for g in axis for r in axis)
    look = unpack("gain", pack(read_cube(f"LUT_3D_SIZE {size}\n{rows}\n", "gain")))
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)

    drawn = compile_recipe(Recipe(look=LookChoice(name="gain")), look).apply(ramp)

    expected = np.clip(255 * (1.3 * ramp / 255 - 0.1), 0, 255)
    assert np.abs(drawn - expected).max() < 1
