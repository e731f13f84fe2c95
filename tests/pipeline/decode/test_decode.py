"""What holds for every decoder."""

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from config import Limits
from jobs.errors import Rejected
from pipeline.decode import decode
from pipeline.headers import read_header

LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "BMP": {},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}
pillow_heif.register_heif_opener()


def noise(height, width):
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_pictures_come_back_as_they_were(kind, colours, save, decoded):
    picture = decoded(save(colours, kind, **LOSSLESS[kind]))

    np.testing.assert_allclose(picture.pixels.astype(int), colours, atol=2 if kind == "AVIF" else 0)
    assert picture.pixels.flags.c_contiguous


@pytest.mark.parametrize(("kind", "options"), [("HEIF", {"quality": 95}), ("AVIF", {"quality": 95})])
def test_lossy_pictures_come_back_close(kind, options, save, decoded):
    ramp = np.stack(np.broadcast_arrays(np.arange(64)[:, None] * 4, np.arange(96)[None] * 2, 90), axis=-1)

    picture = decoded(save(ramp.astype(np.uint8), kind, **options))

    assert np.abs(picture.pixels.astype(int) - ramp).mean() < 2


@pytest.mark.parametrize("share", [0.4, 0.8, 0.97])
@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "AVIF", "HEIF", "TIFF", "BMP"])
def test_a_picture_cut_short_is_rejected(kind, share, save):
    data = save(noise(64, 48), kind)
    header = read_header(data, Limits())

    with pytest.raises(Rejected) as rejection:
        decode(data[: int(len(data) * share)], header, scale=1.0)

    assert rejection.value.code == "corrupt_media"
    assert header.format.value.upper() in str(rejection.value)
    assert "48x64" in str(rejection.value)


def test_a_picture_of_another_size_than_its_header_is_rejected(save):
    header = read_header(save(noise(64, 48), "PNG"), Limits())

    with pytest.raises(Rejected, match=r"48x64.*64x48"):
        decode(save(noise(48, 64), "PNG"), header, scale=1.0)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "RGB"), ("TIFF", "CMYK"), ("TIFF", "RGBA")])
def test_a_picture_of_several_strips_is_whole(kind, mode, save, decoded):
    channels = len(mode)
    pixels = np.random.default_rng(6).integers(0, 256, (701, 997, channels), dtype=np.uint8)
    image = Image.fromarray(pixels, mode)
    if mode == "RGBA":
        expected = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    else:
        expected = image.convert("RGB")

    picture = decoded(save(image, kind))

    np.testing.assert_allclose(picture.pixels.astype(int), np.asarray(expected), atol=1)


def test_a_decoder_opens_nothing_but_what_the_header_names(colours, save):
    header = read_header(save(colours, "BMP"), Limits())

    with pytest.raises(Rejected, match=r"BMP.*not what the header promises"):
        decode(save(colours, "GIF"), header, scale=1.0)


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError("out of memory error when reading image file"), RuntimeError("Out of memory")]
)
def test_a_lack_of_memory_is_not_the_photos_fault(error, colours, save, monkeypatch):
    data = save(colours, "BMP")
    header = read_header(data, Limits())

    def fail(*_):
        raise error

    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(MemoryError):
        decode(data, header, scale=1.0)


def test_what_libheif_refuses_to_allocate_is_the_photos_fault(colours, save, monkeypatch):
    data = save(noise(64, 48), "HEIF")
    header = read_header(data, Limits())

    def refuse(*_, **__):
        raise MemoryError("Memory allocation error: Security limit exceeded: Image size 9x9 exceeds the maximum")

    monkeypatch.setattr(pillow_heif, "open_heif", refuse)
    with pytest.raises(Rejected, match="Security limit"):
        decode(data, header, scale=1.0)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "JPEG"])
def test_an_rgb_profile_is_left_to_be_applied(kind, colours, save, decoded):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert decoded(save(colours, kind, icc_profile=profile)).profile == profile


def test_a_profile_for_another_kind_of_pixels_is_ignored(colours, save, decoded):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    picture = decoded(save(colours, "PNG", icc_profile=profile))

    assert picture.profile is None
    np.testing.assert_array_equal(picture.pixels, colours)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_profile_of_colours_leaves_a_grey_photo_as_it_is(kind, colours, save, decoded):
    grey = Image.fromarray(colours).convert("L")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert decoded(save(grey, kind, icc_profile=profile)).profile is None


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})])
def test_transparency_is_laid_on_white_as_pillow_does(kind, options, save, decoded):
    pixels = np.random.default_rng(3).integers(0, 256, (16, 18, 4), dtype=np.uint8)
    white = Image.new("RGBA", (18, 16), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(pixels)).convert("RGB"))

    picture = decoded(save(pixels, kind, **options))

    np.testing.assert_allclose(picture.pixels.astype(int), expected, atol=1)


def test_an_animation_gives_its_first_frame(save, decoded):
    first, second = Image.new("RGB", (6, 4), (10, 200, 30)), Image.new("RGB", (6, 4), (200, 10, 30))

    for kind, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("AVIF", {"quality": 100})):
        picture = decoded(save(first, kind, save_all=True, append_images=[second], **options))
        np.testing.assert_allclose(picture.pixels.astype(int), np.asarray(first), atol=2)
