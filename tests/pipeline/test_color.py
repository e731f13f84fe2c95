"""Colour against lcms, the reference implementation, through Pillow."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.color import cmyk_to_srgb, grey_to_srgb, profile_name, to_srgb

D65_TO_D50 = np.array(  # Bradford
    [[1.0478112, 0.0228866, -0.0501270], [0.0295424, 0.9904844, -0.0170491], [-0.0092345, 0.0150436, 0.7521316]]
)
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
PROPHOTO = np.array([[0.7977, 0.1352, 0.0313], [0.2880, 0.7119, 0.0001], [0, 0, 0.8249]])  # at D50 already


def s15(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def para(function: int, *numbers: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", function, 0) + s15(*numbers)


def curv(*samples: int) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(samples)}H", len(samples), *samples)


def desc(text: str) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text.encode("latin-1") + bytes(79)


def primaries(*corners: tuple[float, float]) -> np.ndarray:
    """From light of these primaries at D65 to XYZ at D50."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in corners]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    return D65_TO_D50 @ (columns * np.linalg.solve(columns, white))


def profile(matrix: np.ndarray, curve: bytes, name: str = "made", version: int = 4) -> bytes:
    """An RGB display profile of one curve and a matrix."""
    tags = {b"desc": desc(name), b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1, 0.8249)}
    tags |= {
        key + b"XYZ": b"XYZ \0\0\0\0" + s15(*column) for key, column in zip((b"r", b"g", b"b"), matrix.T, strict=True)
    }
    tags |= {key + b"TRC": curve for key in (b"r", b"g", b"b")}
    entries, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for key, tag in tags.items():
        entries += key + struct.pack(">II", start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    head = struct.pack(">I4sB3x4s4s4s", start + len(body), b"none", version, b"mntr", b"RGB ", b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + s15(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


SRGB_CURVE = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
PROFILES = {
    "Display P3": profile(primaries(*P3), SRGB_CURVE),
    "Adobe RGB": profile(primaries(*ADOBE), curv(round(563 / 256 * 256)), version=2),
    "ProPhoto": profile(PROPHOTO, curv(round(1.8 * 256))),
    "ProPhoto with a straight foot": profile(PROPHOTO, para(3, 1.8, 1, 0, 1 / 16, 1 / 32)),
    "linear": profile(primaries(*SRGB), curv()),
    "a table": profile(primaries(*P3), curv(*np.rint(np.linspace(0, 1, 1024) ** 2.2 * 65535).astype(int)), version=2),
    "function 0": profile(primaries(*P3), para(0, 2.2)),
    "function 1": profile(primaries(*P3), para(1, 2.2, 0.9, 0.1)),
    "function 2": profile(primaries(*P3), para(2, 2.2, 0.8, 0.1, 0.05)),
    "function 4": profile(primaries(*P3), para(4, 2.4, 0.95, 0.05, 0.08, 0.04, 0.01, 0.002)),
}


def colours() -> np.ndarray:
    """Random colours, and every grey."""
    random = np.random.default_rng(11).integers(0, 256, (120, 256, 3), dtype=np.uint8)
    random[0] = np.arange(256)[:, None]
    return random


def by_lcms(pixels: np.ndarray, source: bytes, mode: str = "RGB") -> np.ndarray:
    image = Image.frombuffer(mode, pixels.shape[1::-1], np.ascontiguousarray(pixels))
    opened = ImageCms.getOpenProfile(io.BytesIO(source))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC if mode == "RGB" else ImageCms.Intent.PERCEPTUAL
    return np.asarray(ImageCms.profileToProfile(image, opened, ImageCms.createProfile("sRGB"), intent, "RGB"))


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_of_curves_and_a_matrix_agree_with_lcms(name):
    ours = to_srgb(colours(), PROFILES[name]).astype(int)

    difference = np.abs(ours - by_lcms(colours(), PROFILES[name]))

    assert difference.mean() < 0.1
    assert difference.max() <= 3  # where a made curve has a step, across which lcms interpolates; else 1


def test_profiles_of_real_photos_agree_with_lcms(corpus):
    photos = ("libavif__apple_gainmap_new.jpg", "sharp__tifftag-photoshop.tiff", "pillow__icc_profile_big.jpg")
    for name in photos:
        with Image.open(corpus / "photos" / name) as photo:
            embedded = photo.info["icc_profile"]
        difference = np.abs(to_srgb(colours(), embedded).astype(int) - by_lcms(colours(), embedded))
        assert difference.mean() < 0.5, name
        assert difference.max() <= 3, name


@pytest.mark.parametrize(
    "same",
    [
        None,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        profile(primaries(*SRGB), SRGB_CURVE),
    ],
)
def test_srgb_costs_nothing(same):
    pixels = colours()

    assert to_srgb(pixels, same) is pixels


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"not a profile",
        bytes(128),
        PROFILES["Display P3"][:150],
        PROFILES["Display P3"][:300],
        PROFILES["a table"][:-1500],
        PROFILES["Display P3"].replace(b"para\0\0\0\0\0\3", b"para\0\0\0\0\0\7"),
        PROFILES["Display P3"].replace(b"para", b"what"),
    ],
)
def test_a_broken_profile_is_taken_as_srgb(broken):
    pixels = colours()

    np.testing.assert_array_equal(to_srgb(pixels, broken), pixels)
    assert broken == b"" or profile_name(broken) == "unreadable"


def test_changing_any_byte_of_a_profile_never_raises():
    random = np.random.default_rng(4)
    for _ in range(300):
        broken = bytearray(PROFILES["function 4"])
        broken[random.integers(len(broken))] = random.integers(256)
        to_srgb(colours()[:2], bytes(broken))
        profile_name(bytes(broken))


def test_pixels_may_be_read_only_and_are_never_written():
    pixels = colours()
    pixels.flags.writeable = False

    to_srgb(pixels, PROFILES["Display P3"])

    np.testing.assert_array_equal(pixels, colours())


def test_a_profile_is_named_in_printable_characters_of_bounded_number():
    assert profile_name(None) is None
    assert profile_name(profile(primaries(*P3), SRGB_CURVE, name="Display P3")) == "Display P3"
    assert profile_name(profile(primaries(*P3), SRGB_CURVE, name="a\n\x1b[31mb" + "c" * 99)) == "a[31mb" + "c" * 58
    assert profile_name(b"not a profile") == "unreadable"


def test_a_profile_of_version_4_is_named_from_its_unicode(corpus):
    with Image.open(corpus / "photos" / "libavif__apple_gainmap_new.jpg") as photo:
        assert profile_name(photo.info["icc_profile"]) == "Display P3"


def test_greys_without_a_readable_profile_stay_as_they_are():
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)

    assert grey_to_srgb(pixels, b"not a profile") is pixels


def test_inks_without_a_profile_take_their_share_of_the_light():
    ink = np.random.default_rng(9).integers(0, 256, (5, 7, 4), dtype=np.uint8)

    expected = (255.0 - ink[:, :, :3]) * (255.0 - ink[:, :, 3:]) / 255

    np.testing.assert_allclose(cmyk_to_srgb(ink, None), expected, atol=1)
    np.testing.assert_allclose(cmyk_to_srgb(ink, PROFILES["Display P3"]), expected, atol=1)


def ink_profile() -> bytes:
    """A CMYK profile of a table with two steps an ink: each takes a quarter of the lightness, and tints a little."""
    steps = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    lab = np.stack([255 - steps.sum(axis=1) * 60, 128 + steps[:, 1] * 30, 128 + steps[:, 2] * 30], axis=1)
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += ramp * 4 + lab.astype(np.uint8).tobytes() + ramp * 3
    head = struct.pack(">I4sB3x4s4s4s", 128 + 16 + len(table), b"none", 2, b"prtr", b"CMYK", b"Lab ")
    head = (head.ljust(36, b"\0") + b"acsp" + bytes(28) + s15(0.9642, 1, 0.8249)).ljust(128, b"\0")
    return head + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def test_inks_with_a_profile_become_what_lcms_says():
    ink = np.random.default_rng(9).integers(0, 256, (5, 7, 4), dtype=np.uint8)

    converted = cmyk_to_srgb(ink, ink_profile())

    np.testing.assert_array_equal(converted, by_lcms(ink, ink_profile(), mode="CMYK"))
    assert np.abs(converted.astype(int) - cmyk_to_srgb(ink, None)).mean() > 20
