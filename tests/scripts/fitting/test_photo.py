"""A photo as a fit sees it: averages of features over blocks of the full picture."""

import numpy as np

from filters.spline import spline_basis
from scripts.fitting.photo import average_tones, describe_photo


def noise(height, width):
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)


def test_a_block_has_the_average_of_its_pixels_features():
    pixels = noise(450, 450)

    photo = describe_photo(pixels)

    for row, column in ((0, 0), (7, 100), (149, 3)):
        block = pixels[3 * row : 3 * row + 3, 3 * column : 3 * column + 3].reshape(9, 3) / 255
        np.testing.assert_allclose(photo.tones[150 * row + column], block.mean(axis=0), atol=1e-12)
        for channel in range(3):
            features = spline_basis(block[:, channel], 9).mean(axis=0)
            np.testing.assert_allclose(photo.curves[channel, 150 * row + column], features, atol=1e-12)


def test_on_texture_the_average_of_features_is_not_the_feature_of_the_average():
    stripes = np.zeros((300, 300, 3), np.uint8)
    stripes[::2] = 255

    photo = describe_photo(stripes)

    np.testing.assert_allclose(photo.tones, 0.5)
    expected = [0.5, 0, 0, 0, 0, 0, 0, 0, 0.5]
    np.testing.assert_allclose(photo.curves[0], np.tile(expected, (22500, 1)), atol=1e-12)


def test_render_and_photo_are_cut_into_the_same_blocks():
    pixels = noise(300, 300)

    np.testing.assert_array_equal(average_tones(pixels), describe_photo(pixels).tones)
